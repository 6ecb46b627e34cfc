"""The jobs of a run, and what a client does to them: through any replica, again where an answer is lost."""

import json
import random
import threading
import time

import harness

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 120  # for one request to be answered as it should, over everything that breaks


class Api:
    """Sends a request to one replica after the other until it is answered. One per thread."""

    def __init__(self, replicas, seed):
        self.clients = [harness.Client(replica.port) for replica in replicas]
        self.replicas, self.rng, self.repeats = replicas, random.Random(seed), 0

    def send(self, method, path, body=None, headers=None, wanted=(200,), seconds=PATIENCE_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            answer = self._try(self.rng.randrange(len(self.clients)), method, path, body, headers)
            if answer is not None and answer.status in wanted:
                return answer
            if answer is not None and answer.status != 503:
                raise AssertionError(f"{method} {path}: {answer.status} {answer.body[:300]}")
            assert time.monotonic() < deadline, f"{method} {path}: no answer in {seconds} s"
            self.repeats += 1
            time.sleep(POLL_SECONDS)

    def _try(self, index, method, path, body, headers):
        if not self.replicas[index].is_well:
            return None
        try:
            return self.clients[index].request(method, path, body, headers, timeout=8)
        except (OSError, harness.http.client.HTTPException):
            self.clients[index] = harness.Client(self.replicas[index].port)
            return None

    def status(self, job_id):
        return harness.as_json(self.send("GET", f"/v1/jobs/{job_id}"))


class Job:
    """A job of the run: what it asks for, what is done to it, and what was seen of it from outside."""

    def __init__(self, key, area, plan=None, fetch=None, limits=None):
        self.key, self.area, self.plan = key, area, plan or {}
        self.id, self.final, self.failure = None, None, None
        self.notes = {}  # moments, seconds since the epoch
        self.spec = {
            "name": key, "start": area.start,
            "pages": {"page": {"follow": [{"links": "a", "as": "page"}], "each": "p.item", "fields": {"text": "."}}},
            "fetch": {"retries": 5, "headers": {"X-Job": key}, **(fetch or {})},
            "politeness": {"per_host_concurrency": 12}, "limits": limits or {},
        }

    @property
    def path(self):
        return f"/v1/jobs/{self.id}"

    def submit(self, api):
        answer = api.send("POST", "/v1/jobs", json.dumps(self.spec),
                          {"Content-Type": "application/json", "Idempotency-Key": f"chaos-{self.key}"}, wanted=(202,))
        self.id = harness.as_json(answer)["id"]
        self.notes["submitted"] = time.time()

    def act(self, api):
        """What is done to the job once it is submitted."""

    def wait(self, api, wanted, seconds=600):
        """The first status that `wanted` accepts, and when it was read."""
        deadline = time.monotonic() + seconds
        while True:
            status = api.status(self.id)
            if wanted(status):
                return status, time.time()
            assert time.monotonic() < deadline, f"job {self.key}: still {status['status']} {status['progress']}"
            time.sleep(POLL_SECONDS * 5)

    def run(self, replicas, seed):
        """The whole life of the job, in a thread of its own."""
        api = Api(replicas, f"{seed} {self.key}")
        try:
            self.submit(api)
            self.act(api)
            self.final, self.notes["over"] = self.wait(api, lambda status: status["terminal"])
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"

    def start(self, replicas, seed):
        self.thread = threading.Thread(target=self.run, args=(replicas, seed), daemon=True)
        self.thread.start()

    def fetching(self, api):
        self.wait(api, lambda status: status["terminal"] or status["progress"]["fetched"] > 0)


class CancelledJob(Job):
    def act(self, api):
        self.fetching(api)
        time.sleep(self.plan["after"])
        self.notes["cancel"] = time.time()
        answer = api.send("POST", f"{self.path}/cancel", b"", wanted=(202, 409))
        if answer.status == 202:
            _, self.notes["cancelled"] = self.wait(api, lambda status: status["terminal"])


class PausedJob(Job):
    def act(self, api):
        self.fetching(api)
        time.sleep(self.plan["after"])
        self.notes["pause"] = time.time()
        answer = api.send("POST", f"{self.path}/pause", b"", wanted=(202, 404, 405, 409))
        if answer.status != 202:
            return
        status, self.notes["paused"] = self.wait(api, lambda status: status["status"] != "running")
        if status["status"] == "paused":
            time.sleep(self.plan["hold"])
            self.notes["resume"] = time.time()
            api.send("POST", f"{self.path}/resume", b"", wanted=(202,))
            self.notes["resumed"] = time.time()


class RetriedJob(Job):
    def act(self, api):
        self.wait(api, lambda status: status["terminal"])
        answer = api.send("POST", f"{self.path}/retry-failed", b"", wanted=(202, 404, 405))
        if answer.status == 202:
            self.notes["retried"] = time.time()


def jobs_of(plan, site):
    """The jobs of a run by key; `big` is the one whose progress is the run's clock."""
    big, small = site.areas["big"], site.areas["small"]
    wishes = plan.jobs
    return {
        "big": Job("big", big, fetch={"concurrency": 64}),
        "max_pages": Job("max_pages", small, wishes["max_pages"], {"concurrency": 6},
                         {"max_pages": wishes["max_pages"]["limit"]}),
        "max_items": Job("max_items", small, wishes["max_items"], {"concurrency": 6},
                         {"max_items": wishes["max_items"]["limit"]}),
        "cancel": CancelledJob("cancel", small, wishes["cancel"], {"concurrency": 8}),
        "pause": PausedJob("pause", small, wishes["pause"], {"concurrency": 10}),
        "retry": RetriedJob("retry", small, wishes["retry"], {"concurrency": 16, "retries": 0}),
    }
