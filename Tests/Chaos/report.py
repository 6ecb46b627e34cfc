"""What a run says in one line, and all runs in a table."""

import statistics

COLUMNS = (
    ("seconds", lambda r: r.seconds), ("big job s", lambda r: r.figures["big_seconds"]),
    ("db away s", lambda r: r.figures["away"]), ("faults", lambda r: sum(r.figures["faults"].values())),
    ("requests", lambda r: r.figures["pages"]), ("refetched", lambda r: r.figures["refetched"]),
    ("most/page", lambda r: r.figures["most"]), ("answers lost", lambda r: r.figures["dropped"]),
    ("zombies", lambda r: r.figures["zombies"]), ("takeover s", lambda r: max(r.figures["takeovers"], default=None)),
    ("handover s", lambda r: max(r.figures["handovers"], default=None)), ("cancel s", lambda r: r.figures["cancel"]),
    ("reads", lambda r: r.figures["reads"]), ("refused", lambda r: r.figures["refused"]),
    ("least share", lambda r: min(r.figures["shares"])), ("violations", lambda r: len(r.violations)),
)


def line(result):
    figures = result.figures
    faults = ", ".join(f"{count} {kind}" for kind, count in figures["faults"].items())
    text = (f"  {'BAD' if result.violations else 'good'}: {result.seconds:.0f} s, Postgres away {figures['away']} s, "
            f"{figures['pages']} requests, {figures['refetched']} pages again (at most {figures['most']} times one), "
            f"{figures['zombies']} zombies stopped, {figures['dropped']} answers lost\n"
            f"    faults: {faults}\n    takeovers {_list(figures['takeovers'])} s, handovers {_list(figures['handovers'])} s, "
            f"cancel {_cell(figures['cancel'])} s; {figures['reads']} reads, {figures['refused']} refused, "
            f"slowest {figures['slowest_read']:.1f} s; shares {figures['shares']}")
    return text + "".join(f"\n    VIOLATED: {violation}" for violation in result.violations) + (
        f"\n    kept: {result.directory}" if result.violations else "")


def table(results):
    heads = ["seed", *(name for name, _ in COLUMNS)]
    rows = [[str(result.seed), *(_cell(_value(read, result)) for _, read in COLUMNS)] for result in results]
    for name, pick in (("min", min), ("median", statistics.median), ("max", max)):
        columns = ([v for v in (_value(read, r) for r in results) if v is not None] for _, read in COLUMNS)
        rows.append([name, *(_cell(pick(values)) if values else "-" for values in columns)])
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    return "\n".join("| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths)) + " |"
                     for row in [heads, ["-" * width for width in widths], *rows])


def _value(read, result):
    return read(result)


def _list(values):
    return "[" + ", ".join(f"{value:.2f}" for value in sorted(values)) + "]"


def _cell(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
