"""Clients that watch the jobs through every replica during the whole run, and write down what they see."""

import collections
import threading
import time

import harness
from jobs import Api

READ_TIMEOUT = 60  # a frozen replica answers late; that is seen, not cut off
READ_SECONDS = 0.02  # between two reads of one replica
WALK_SECONDS = 0.3
WAIT_SECONDS = 5

Oddity = collections.namedtuple("Oddity", "replica began ended what")
GROWING = ("discovered", "fetched", "failed", "skipped", "items", "bytes", "retries")


class Poller:
    """Reads the status of each job on one replica, one after the other; all pollers share what was seen so far."""

    lock = threading.Lock()

    def __init__(self, replica, jobs, floors, stop):
        self.replica, self.jobs, self.floors, self.stop = replica, jobs, floors, stop
        self.reads, self.unavailable, self.oddities, self.violations, self.slowest = 0, 0, [], [], 0.0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        client = harness.Client(self.replica.port)
        while not self.stop.is_set():
            for job in [job for job in self.jobs.values() if job.id]:
                client = self._read(client, job)
                time.sleep(READ_SECONDS)
            client = self._ask(client, "/healthz", lambda answer: None)
            time.sleep(READ_SECONDS)

    def _read(self, client, job):
        with self.lock:
            floor = dict(self.floors.setdefault(job.key, {}))
        return self._ask(client, job.path, lambda answer: self._check(job, floor, harness.as_json(answer)))

    def _ask(self, client, path, check):
        if not self.replica.is_running:
            time.sleep(0.02)
            return client
        began, what = time.time(), None
        try:
            answer = client.request("GET", path, timeout=READ_TIMEOUT)
            self.reads += 1
            self.slowest = max(self.slowest, time.time() - began)
            if answer.status == 200:
                check(answer)
            else:
                what = f"{path}: {answer.status}"
                if answer.status == 503 and not answer.headers.get("Retry-After"):
                    self.violations.append(f"a 503 without Retry-After: {path}")
        except (OSError, harness.http.client.HTTPException) as error:
            what = f"{path}: {type(error).__name__} {error}"
            client = harness.Client(self.replica.port)
        if what:
            self.unavailable += 1
            self.oddities.append(Oddity(self.replica.index, began, time.time(), what))
        return client

    def _check(self, job, floor, status):
        """What holds on every read: the sum, and that nothing falls behind what anybody has read before."""
        progress = status["progress"]
        parts = ("queued", "in_flight", "fetched", "failed", "skipped")
        shown = f"job {job.key} on replica {self.replica.index}: {status['status']} {progress}"
        if progress["discovered"] != sum(progress[part] for part in parts) or min(progress.values()) < 0:
            self.violations.append(f"counters do not balance: {shown}")
        if status["terminal"] and progress["queued"] + progress["in_flight"]:
            self.violations.append(f"terminal with pages left: {shown}")
        # A job whose failed pages are tried again goes back on purpose.
        if job.key != "retry":
            behind = [name for name in GROWING if progress[name] < floor.get(name, 0)]
            if behind or (floor.get("terminal") and not status["terminal"]):
                self.violations.append(f"behind an earlier read of {floor}: {shown}")
        if status["terminal"] and (status["finished_at"] is None or status["stop_reason"] is None):
            self.violations.append(f"terminal without end: {shown}")
        with self.lock:
            floors = self.floors[job.key]
            for name in GROWING:
                floors[name] = max(floors.get(name, 0), progress[name])
            floors["terminal"] = floors.get("terminal", False) or status["terminal"]


class Walker:
    """Reads a job's items while they arrive, by the `resume` addresses, each from another replica."""

    def __init__(self, job, replicas, seed, stop):
        self.job, self.api, self.stop = job, Api(replicas, f"{seed} walk {job.key}"), stop
        self.items, self.failure, self.is_done = [], None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.job.id:
                time.sleep(0.05)
                if self.stop.is_set():
                    return
            path = f"{self.job.path}/results?limit=1000"
            while path and not self.stop.is_set():
                page = harness.as_json(self.api.send("GET", path))
                self.items += [(item["seq"], item["url"], item["data"]["text"]) for item in page["items"]]
                path = page["next"] or page.get("resume")
                if not page["next"]:
                    time.sleep(WALK_SECONDS)
            self.is_done = path is None
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"


class LongPoller:
    """Waits for changes of the big job, as a script does: keeps a request open on some replica all the time."""

    def __init__(self, job, replicas, seed, stop):
        self.job, self.api, self.stop, self.answers, self.failure = job, Api(replicas, f"{seed} wait"), stop, 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stop.is_set():
                if self.job.id:
                    self.api.send("GET", f"{self.job.path}?wait={WAIT_SECONDS}")
                    self.answers += 1
                time.sleep(0.1)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"


class Observers:
    def __init__(self, jobs, replicas, seed):
        self.stop = threading.Event()
        floors = {}
        self.pollers = [Poller(replica, jobs, floors, self.stop) for replica in replicas]
        self.walkers = [Walker(jobs[key], replicas, seed, self.stop) for key in ("big", "pause", "max_items")]
        self.waiter = LongPoller(jobs["big"], replicas, seed, self.stop)
        self.floors = floors

    def finish(self, seconds):
        """Lets the walkers come to their end."""
        deadline = time.monotonic() + seconds
        for walker in self.walkers:
            walker.thread.join(max(0.1, deadline - time.monotonic()))
        self.stop.set()
        for poller in self.pollers:
            poller.thread.join(READ_TIMEOUT)
        self.waiter.thread.join(READ_TIMEOUT)
