"""One run: starts everything, breaks it as planned while the jobs run, waits for their end, judges."""

import collections
import json
import threading
import time

import harness
from cluster import Cluster, Timeline
from injector import Injector
from jobs import jobs_of
from observers import Observers
from plan import Plan
from verdict import Verdict

END_SECONDS = 300  # for the jobs, once the last fault is undone
WALK_SECONDS = 60
SWEEP_SECONDS = 30  # an ended job's rows leave the queue after its end was told

Result = collections.namedtuple("Result", "seed seconds violations figures directory")


def run(seed, form, directory, site):
    began = time.monotonic()
    plan = Plan(seed, form)
    home = directory / f"run-{seed}"
    home.mkdir()
    home.chmod(0o755)
    (home / "plan.json").write_text(json.dumps(plan.as_json(), indent=1))
    timeline = Timeline(home / "timeline.ndjson")
    with site.serve(home) as running, Cluster(home / "../scrape-service", home, plan.clocks, timeline) as cluster:
        jobs = jobs_of(plan, site)
        observers = Observers(jobs, cluster.replicas, seed)
        injector = Injector(cluster, lambda: observers.floors.get("big", {}).get("fetched", 0) / form.big_pages)
        _drive(plan, jobs, cluster, injector)
        observers.finish(WALK_SECONDS)
        _settle(cluster, jobs)
        verdict = Verdict(cluster, running, jobs, observers, injector, time.time())
        violations = verdict.judge()
        verdict.save(home / "verdict.json")
        (home / "jobs.json").write_text(json.dumps(
            {key: {"id": job.id, "notes": job.notes, "final": job.final} for key, job in jobs.items()}, indent=1))
        _dump(cluster, home)
    return Result(seed, time.monotonic() - began, violations, verdict.figures, home)


def _drive(plan, jobs, cluster, injector):
    """Submits the jobs at their places while the faults happen; returns when all are over or time is."""
    jobs["big"].start(cluster.replicas, plan.seed)
    started = {"big"}
    breaking = threading.Thread(target=injector.run, args=(plan.faults,), daemon=True)
    breaking.start()
    deadline = None
    while True:
        for key, job in jobs.items():
            if key not in started and (injector.progress() >= job.plan["at"] or not jobs["big"].thread.is_alive()):
                job.start(cluster.replicas, plan.seed)
                started.add(key)
        if all(key in started and not job.thread.is_alive() for key, job in jobs.items()):
            injector.stopped.set()
        if not breaking.is_alive():
            deadline = deadline or time.monotonic() + END_SECONDS
            if injector.stopped.is_set() or time.monotonic() > deadline:
                break
        time.sleep(0.05)
    for job in jobs.values():
        if job.thread.is_alive():
            job.failure = f"not over {END_SECONDS} s after the last fault was undone"


def _settle(cluster, jobs):
    """Until every replica is ready and the queue is swept; what is left then is the verdict's."""
    deadline = time.monotonic() + SWEEP_SECONDS
    for replica in cluster.replicas:
        harness.wait_until(replica.is_ready, SWEEP_SECONDS, f"replica {replica.index} is ready at the end")
    while time.monotonic() < deadline and int(cluster.database.ask("select count(*) from queue")[0][0]):
        time.sleep(0.2)
    # The verdict reads everything at once, which the tables have no statistics for yet.
    cluster.database.ask("analyze", timeout=60)


def _dump(cluster, home):
    """The tables small enough to read, for whoever looks for the reason."""
    tables = ["job", "shard", "failure_count", "chaos.job_change", "chaos.owner_change", "chaos.replica_seen"]
    with open(home / "tables.txt", "w", encoding="utf-8") as file:
        for table in tables:
            file.write(f"== {table}\n")
            for row in cluster.database.ask(f"select * from {table}"):
                file.write(f"{row}\n")
