"""What must be true after a run: judged by the database's rows, the site's access logs and what the clients saw."""

import collections
import json

import harness
from ownership import Ownership
from synthetic_site import digest
from windows import Windows

LEASE_SECONDS = 10
TAKEOVER_SECONDS = LEASE_SECONDS + 5
HANDOVER_SECONDS = 1
CANCEL_SECONDS = 5
PAUSE_SECONDS = 2  # until the last replica has heard of it
SHOWN = 5


class Verdict:
    def __init__(self, cluster, site, jobs, observers, injector, end):
        self.cluster, self.site, self.jobs, self.observers, self.injector = cluster, site, jobs, observers, injector
        incarnations = [i for replica in cluster.replicas for i in replica.incarnations]
        self.windows = Windows(cluster.timeline.events, incarnations, end)
        self.requests = site.requests()
        self.by_job = collections.defaultdict(list)
        for request in self.requests:
            self.by_job[request.job].append(request)
        self.ownership = Ownership(cluster.database)
        self.violations, self.figures = [], {}

    def judge(self):
        for check in (self.check_lives, self.check_reads, self.check_rows, self.check_limits, self.check_items_walked,
                      self.check_ends, self.check_shards, self.check_replicas_agree, self.check_fetches,
                      self.check_cancel, self.check_pause, self.check_takeovers, self.check_handovers):
            try:
                check()
            except Exception as error:  # The other checks still say what they have to say.
                self.violations.append(f"{check.__name__} broke: {type(error).__name__}: {error}")
        self.gather()
        return self.violations

    def fail(self, text, examples=()):
        shown = "".join(f"\n      {example}" for example in list(examples)[:SHOWN])
        self.violations.append(f"{text}{shown}")

    def rows(self, sql):
        return self.cluster.database.ask(sql, timeout=60)

    # MARK: The clients

    def check_lives(self):
        if self.injector.failure:
            self.fail(f"a fault could not be done: {self.injector.failure!r}")
        for job in self.jobs.values():
            if job.failure:
                self.fail(f"job {job.key}: {job.failure}")
        for watcher in (*self.observers.walkers, self.observers.waiter):
            if watcher.failure:
                self.fail(f"{type(watcher).__name__}: {watcher.failure}")
        killed = {event["pid"] for event in self.cluster.timeline.of("kill")}
        for event in self.cluster.timeline.of("ended"):
            if event["status"] != 0 and event["pid"] not in killed:
                self.fail(f"SIGTERM ended replica {event['replica']} with {event['status']}")

    def check_reads(self):
        for poller in self.observers.pollers:
            if poller.violations:
                self.fail(f"{len(poller.violations)} bad reads of replica {poller.replica.index}", poller.violations)
            odd = [o for o in poller.oddities if not self._is_excused(o)]
            if odd:
                self.fail(f"{len(odd)} reads of replica {poller.replica.index} failed while it and the database were there",
                          [f"{o.what} from {o.began:.2f} to {o.ended:.2f}" for o in odd])

    def _is_excused(self, oddity):
        if oddity.what.endswith(": 503") and "/healthz" not in oddity.what:
            return self.windows.may_refuse(oddity.replica, oddity.began, oddity.ended)
        return self.windows.may_be_cut(oddity.replica, oddity.began, oddity.ended)

    def check_items_walked(self):
        for walker in self.observers.walkers:
            job = walker.job
            stored = self._items(job)
            walked = collections.Counter(digest(url, text) for _, url, text in walker.items)
            if not walker.is_done:
                self.fail(f"the walk through {job.key} did not come to its end")
            elif walked != stored or len({seq for seq, _, _ in walker.items}) != len(walker.items):
                self.fail(f"walking {job.key} gave {sum(walked.values())} items, {sum((walked - stored).values())} of them "
                          f"too many, {sum((stored - walked).values())} missing")

    # MARK: The rows

    def _items(self, job):
        rows = self.rows(f"select url, data->>'text' from scrape_item where job = '{job.id}'")
        return collections.Counter(digest(url, text) for url, text in rows)

    def _ledger(self, job):
        return self.rows(f"select url, status, attempts from scrape_page where job = '{job.id}'")

    def check_rows(self):
        for key in ("big", "pause", "retry"):
            job, area = self.jobs[key], self.jobs[key].area
            ledger = self._ledger(job)
            urls = collections.Counter(url for url, _, _ in ledger)
            if set(urls) != area.closure or len(urls) != len(ledger):
                self.fail(f"{key}: {len(ledger)} rows of pages, {len(area.closure)} in the closure",
                          [*(area.closure - set(urls)), *(set(urls) - area.closure)])
            expected = {url: "failed" for url in area.missing}
            # Without the route, what failed once stays failed in the job that tries once only.
            if key == "retry" and "retried" not in job.notes:
                expected |= {url: "failed" for url in area.flaky}
                ledger = [row for row in ledger if row[0] not in area.flaky]
            wrong = [row for row in ledger if row[1] != expected.get(row[0], "fetched")]
            if wrong:
                self.fail(f"{key}: {len(wrong)} pages did not end as they should", wrong)
            self._check_items(job)

    def _check_items(self, job):
        stored, expected = self._items(job), collections.Counter(job.area.items)
        if job.key == "retry" and "retried" not in job.notes:
            return
        if stored != expected:
            self.fail(f"{job.key}: {sum((expected - stored).values())} items missing, "
                      f"{sum((stored - expected).values())} too many of {len(job.area.items)}")

    def check_limits(self):
        pages, items = self.jobs["max_pages"], self.jobs["max_items"]
        settled = [row for row in self._ledger(pages) if row[1] in ("fetched", "failed")]
        if len(settled) != pages.plan["limit"]:
            self.fail(f"max_pages {pages.plan['limit']}: {len(settled)} pages")
        found = sum(self._items(items).values())
        if found != items.plan["limit"]:
            self.fail(f"max_items {items.plan['limit']}: {found} items")
        for job, reason in ((pages, "max_pages"), (items, "max_items"), (self.jobs["big"], "finished")):
            if job.final and (job.final["status"], job.final["stop_reason"]) != ("completed", reason):
                self.fail(f"{job.key} ended as {job.final['status']}/{job.final['stop_reason']}")

    def check_ends(self):
        """Each job ended once, and no job is there that nobody knows of."""
        jobs = self.rows("select key, id::text, name, state, finished_at from job")
        if len(jobs) != len(self.jobs):
            self.fail(f"{len(jobs)} jobs for {len(self.jobs)} accepted ones (Idempotency-Key)")
        ends = self.rows("""select job, count(*), count(distinct new_end) from chaos.job_change
                            where new_end is not null group by job""")
        ends = {key: (int(count), int(times)) for key, count, times in ends}
        for key, job_id, name, state, _ in jobs:
            wanted = 2 if name == "retry" and "retried" in self.jobs["retry"].notes else 1
            if state not in ("completed", "failed", "cancelled") or ends.get(key, (0, 0))[1] != wanted:
                self.fail(f"{name} is {state} and was given {ends.get(key)} ends (changes, times)")
            if self.jobs.get(name) is None or self.jobs[name].id != job_id:
                self.fail(f"{name}: the job a client knows is another one")

    def check_shards(self):
        """The counters of each job are the counts of its rows, and nothing is left behind."""
        wrong = self.rows("""
            select name, c.*, r.* from scrape_job c
            cross join lateral (
                select count(*) as pages, count(*) filter (where p.status = 'fetched') as got,
                    count(*) filter (where p.status = 'failed') as bad,
                    count(*) filter (where p.status = 'skipped') as left_out, count(distinct p.url) as urls,
                    coalesce(sum(p.items), 0) as item_sum, coalesce(sum(p.bytes), 0) as byte_sum
                from scrape_page p where p.job = c.job) r
            cross join lateral (
                select count(*) as rows, count(distinct i.seq) as seqs from scrape_item i where i.job = c.job) i
            where (r.pages, r.got, r.bad, r.left_out, r.item_sum, r.urls)
                    is distinct from (c.discovered, c.fetched, c.failed, c.skipped, c.items, c.discovered)
                or (i.rows, i.seqs) is distinct from (c.items, c.items)""")
        if wrong:
            self.fail("counters differ from rows", wrong)
        for what, sql in (("rows in the queue", "select count(*) from queue"),
                          ("shards with an owner", "select count(*) from shard where owner is not null")):
            left = int(self.rows(sql)[0][0])
            if left:
                self.fail(f"{left} {what} after the end")

    def check_replicas_agree(self):
        """Every replica gives the same answers, byte for byte."""
        for job in (job for job in self.jobs.values() if job.id):
            paths = [job.path, f"{job.path}/pages?limit=1000", f"{job.path}/results?limit=1000"]
            if job.key == "pause":
                paths.append(f"{job.path}/word-counts?limit=1000")
            for path in paths:
                answers = {harness.Client(replica.port).get(path).body for replica in self.cluster.replicas}
                if len(answers) != 1:
                    self.fail(f"replicas differ at {path}")
        counts = harness.as_json(harness.Client(self.cluster.replicas[0].port).get(paths_of(self.jobs["pause"])))
        if counts["total_words"] != self.jobs["pause"].area.words:
            self.fail(f"{counts['total_words']} words counted, {self.jobs['pause'].area.words} on the site")

    # MARK: The access logs

    def check_fetches(self):
        """A page is fetched again only where something happened to whoever fetched it."""
        self.refetched, self.most, unexplained = 0, 1, []
        for job in self.jobs.values():
            pages = collections.defaultdict(list)
            for request in self.by_job[job.key]:
                pages[request.url].append(request)
            strangers = set(pages) - job.area.closure
            if strangers:
                self.fail(f"{job.key}: pages were asked for that nobody links to", strangers)
            for url, requests in pages.items():
                self.most = max(self.most, len(requests))
                for first, second in zip(requests, requests[1:]):
                    if first.status >= 500:
                        continue  # A retry.
                    self.refetched += 1
                    if not self.windows.explains(first, second) and not self._asked_for(job, first, second):
                        unexplained.append(f"{job.key} {url}: {describe(first)}, {describe(second)}")
        if unexplained:
            self.fail(f"{len(unexplained)} pages were fetched again for no reason", unexplained)
        interruptions = len(self.windows.interruptions())
        if self.most > 2 + interruptions:
            self.fail(f"a page was fetched {self.most} times with {interruptions} interruptions")

    def _asked_for(self, job, first, second):
        """Between them a client stopped the job and let it go on."""
        spans = [("pause", "resumed")] if "resume" in job.notes else []
        if "retried" in job.notes and second.started >= job.notes["retried"] - 1 and second.url in job.area.missing:
            return True
        return any(first.started <= job.notes[b] + 1 and second.started >= job.notes[a] for a, b in spans)

    def check_cancel(self):
        job = self.jobs["cancel"]
        self.figures["cancel"] = None
        if "cancelled" not in job.notes:
            return
        late = [r for r in self.by_job["cancel"] if r.started > job.notes["cancelled"]]
        if late:
            self.fail(f"{len(late)} requests after the status read cancelled at {job.notes['cancelled']:.3f}",
                      map(describe, late))
        able = self.windows.able_seconds(job.notes["cancel"], job.notes["cancelled"], None)
        self.figures["cancel"] = job.notes["cancelled"] - job.notes["cancel"]
        if able > TAKEOVER_SECONDS + CANCEL_SECONDS:
            self.fail(f"cancelled after {able:.1f} s")

    def check_pause(self):
        job = self.jobs["pause"]
        if "resume" not in job.notes:
            return
        late = [r for r in self.by_job["pause"] if job.notes["paused"] + PAUSE_SECONDS < r.started < job.notes["resume"]]
        if late:
            self.fail(f"{len(late)} requests of the paused job, paused at {job.notes['paused']:.3f}", map(describe, late))

    # MARK: Leases

    def check_takeovers(self):
        self.figures["takeovers"] = []
        for event in self.cluster.timeline.of("kill"):
            for place, taken in self.ownership.passed_on(event["pid"], event["at"]):
                until = taken or self.windows.end
                able = self.windows.able_seconds(event["at"], until, event["replica"])
                if taken:
                    self.figures["takeovers"].append(able)
                if able > TAKEOVER_SECONDS:
                    self.fail(f"shard {place} of replica {event['replica']} killed at {event['at']:.2f} was taken over "
                              f"after {until - event['at']:.1f} s, {able:.1f} of them with others able to")

    def check_handovers(self):
        self.figures["handovers"] = []
        for event in self.cluster.timeline.of("term"):
            for place, taken in self.ownership.passed_on(event["pid"], event["at"]):
                until = taken or self.windows.end
                able = self.windows.able_seconds(event["at"], until, event["replica"])
                if taken and able > 0:
                    self.figures["handovers"].append(able)
                # One that is cut off cannot give anything back: its lease runs out.
                cut_off = any(w.replica == event["replica"] and w.start <= event["at"] <= w.end for w in self.windows.parted)
                if able > (TAKEOVER_SECONDS if cut_off else HANDOVER_SECONDS):
                    self.fail(f"shard {place} of replica {event['replica']}, sent SIGTERM at {event['at']:.2f}, went on "
                              f"after {until - event['at']:.2f} s, {able:.2f} of them with others able to")

    # MARK: Figures

    def gather(self):
        big = self.jobs["big"]
        requests = self.by_job["big"]
        shares = collections.Counter(request.replica.split(".")[0] for request in requests)
        logs = [line for r in self.cluster.replicas for line in r.log_path.read_text(errors="replace").splitlines()]
        self.figures |= {
            "pages": len(self.requests), "refetched": self.refetched, "most": self.most,
            "zombies": sum('"message":"lease lost' in line for line in logs),
            "declared_dead": sum("declared dead" in line for line in logs),
            "reads": sum(p.reads for p in self.observers.pollers),
            "refused": sum(p.unavailable for p in self.observers.pollers),
            "slowest_read": max(p.slowest for p in self.observers.pollers),
            "dropped": len(self.cluster.timeline.of("dropped")),
            "shares": [round(shares[f"r{n}"] / max(1, len(requests)), 2) for n in range(len(self.cluster.replicas))],
            "away": round(sum(w.end - w.start for w in self.windows.away), 1),
            "big_seconds": round(big.notes.get("over", self.windows.end) - big.notes.get("submitted", 0), 1),
            "faults": dict(sorted(self.injector.counts.items())),
        }

    def save(self, path):
        path.write_text(json.dumps({"violations": self.violations, **self.figures}, indent=1))


def paths_of(job):
    return f"{job.path}/word-counts?limit=1"


def describe(request):
    return f"{request.status} by {request.replica} from {request.started:.3f} to {request.ended:.3f}"
