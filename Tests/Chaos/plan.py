"""What is to happen in a run, decided beforehand from its seed: the clocks, the faults in their order, the jobs' fates.

A fault has its place as a share of the big job's pages, so that a slow machine gets the same run as a fast one; what a
fault meets when it comes (which statement, which page) is not decided by the seed.
"""

import dataclasses
import random

REPLICAS = 3
# What a proxy's drop waits for: the statement whose answer is lost. Names are of SQL functions and statements.
DROPS = {
    "settle": r"settle_batch", "claim": r"claim_shard", "commit": r"^commit", "heartbeat": r"update replica",
    "finish": r"close_shard", "split": r"split_shard", "reserve": r"reserve_pages",
    "control": r"(cancel|pause|resume)_job|retry_failed", "any": r"select|update|insert|delete",
}


@dataclasses.dataclass(frozen=True)
class Form:
    """How large a run is."""

    big_pages: int
    small_pages: int
    latency_seconds: float
    counts: dict  # faults of a kind: (least, most)
    long_stop_seconds: float
    long_stop_share: float  # of the runs in which Postgres stays away that long
    stop_seconds: tuple
    last_fault_at: float = 0.92


FULL = Form(
    big_pages=20_000, small_pages=1_600, latency_seconds=0.06,
    counts={"kill": (2, 4), "takeover_kill": (1, 1), "freeze": (1, 2), "term": (1, 2), "part": (1, 1),
            "backend_kill": (1, 1), "terminate": (2, 3), "drop": (6, 9), "silence": (1, 2), "clock": (2, 2),
            "stop": (1, 1), "crash": (1, 1)},
    long_stop_seconds=30, long_stop_share=0.5, stop_seconds=(4, 10))
# For CI: the same kinds, fewer of them, on a smaller site.
SHORT = Form(
    big_pages=8_000, small_pages=1_000, latency_seconds=0.06,
    counts={"kill": (1, 1), "takeover_kill": (1, 1), "freeze": (1, 1), "term": (1, 1), "part": (0, 0),
            "backend_kill": (1, 1), "terminate": (1, 1), "drop": (4, 4), "silence": (1, 1), "clock": (1, 1),
            "stop": (1, 1), "crash": (1, 1)},
    long_stop_seconds=10, long_stop_share=0.0, stop_seconds=(3, 5))


@dataclasses.dataclass
class Fault:
    at: float  # share of the big job's pages
    kind: str
    replica: int = 0  # or the next one that is well
    seconds: float = 0.0  # until it is undone
    more: dict = dataclasses.field(default_factory=dict)


class Plan:
    def __init__(self, seed, form):
        self.seed, self.form = seed, form
        rng = random.Random(seed)
        self.clocks = rng.sample([-1, 0, 1], REPLICAS)
        kinds = [kind for kind, (least, most) in form.counts.items() for _ in range(rng.randint(least, most))]
        rng.shuffle(kinds)
        places = sorted(rng.uniform(0.03, form.last_fault_at) for _ in kinds)
        self.faults = [self._fault(rng, kind, at) for kind, at in zip(kinds, places)]
        # The statement that ends a job comes once a job, late.
        self.faults.append(Fault(0.93, "drop", more={"match": "finish"}))
        self.jobs = self._jobs(rng)

    def _fault(self, rng, kind, at):
        fault = Fault(at, kind, rng.randrange(REPLICAS))
        if kind in ("kill", "takeover_kill"):
            # Some restart at once, some after the lease has run out; on another machine, or on the same one, where the
            # next process finds its predecessor dead and frees its leases.
            fault.seconds = rng.choice([rng.uniform(0.1, 1), rng.uniform(11, 14)])
            fault.more = {"moves": rng.random() < 0.7, "after": rng.uniform(0, 0.3), "again": rng.uniform(0.1, 3)}
        elif kind == "freeze":
            fault.seconds = rng.uniform(10.5, 14)
        elif kind == "term":
            fault.seconds = rng.uniform(0, 3)
        elif kind == "part":
            fault.seconds = rng.uniform(9, 13)
        elif kind == "drop":
            fault.more = {"match": rng.choice(["settle", "settle", "claim", "finish", "split", "reserve", "control", "commit", "heartbeat", "any"])}
        elif kind == "clock":
            fault.more = {"hours": rng.choice([-1, 0, 1])}
        elif kind == "backend_kill":
            fault.more = {"which": rng.random()}
        elif kind == "stop":
            is_long = rng.random() < self.form.long_stop_share
            fault.seconds = self.form.long_stop_seconds if is_long else rng.uniform(*self.form.stop_seconds)
        elif kind == "crash":
            fault.seconds = rng.uniform(0, 2)
        return fault

    def _jobs(self, rng):
        """When each small job is submitted, and what is done to it after how many seconds."""
        return {
            "max_pages": {"at": rng.uniform(0.02, 0.5), "limit": rng.randint(200, self.form.small_pages // 2)},
            "max_items": {"at": rng.uniform(0.02, 0.5), "limit": rng.randint(200, self.form.small_pages)},
            "cancel": {"at": rng.uniform(0.05, 0.7), "after": rng.uniform(0.3, 4)},
            "pause": {"at": rng.uniform(0.05, 0.6), "after": rng.uniform(0.3, 4), "hold": rng.uniform(3, 8)},
            "retry": {"at": rng.uniform(0.02, 0.3)},
        }

    def as_json(self):
        return {"seed": self.seed, "clocks": self.clocks, "jobs": self.jobs,
                "faults": [dataclasses.asdict(fault) for fault in self.faults]}
