"""What a chaos run breaks: a Postgres of its own, the proxy before it, and the replicas; and the record of what was done.

Everything is stopped by process id.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import harness
import pgwire

HERE = pathlib.Path(__file__).resolve().parent
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"

Incarnation = collections.namedtuple("Incarnation", "replica number pid started")


class Timeline:
    """What was done and when (seconds since the epoch); every event is a line on disk at once."""

    def __init__(self, path, echo=False):
        self._file, self._lock, self._echo = open(path, "a", buffering=1, encoding="utf-8"), threading.Lock(), echo
        self.events = []
        self.began = time.time()

    def note(self, kind, at=None, **more):
        event = {"kind": kind, "at": time.time() if at is None else at, **more}
        with self._lock:
            self.events.append(event)
            self._file.write(json.dumps(event) + "\n")
            if self._echo:
                shown = " ".join(f"{key}={value}" for key, value in more.items())
                print(f"  {event['at'] - self.began:6.1f} s {kind} {shown}", flush=True)
        return event

    def of(self, *kinds):
        with self._lock:
            return [event for event in self.events if event["kind"] in kinds]


class Database(harness.Postgres):
    """A durable server that can be stopped in every way."""

    def crash(self):
        """Immediate shutdown: no checkpoint, recovery at the next start."""
        harness.stop_process(self.process, signal.SIGQUIT)

    def ask(self, sql, timeout=10.0):
        with pgwire.connect(self.port, timeout) as session:
            return session.query(sql)

    def is_up(self):
        try:
            return bool(self.ask("select 1", timeout=2.0))
        except pgwire.ServerError:
            return False


class DatabaseProxy:
    """The process of `database_proxy.py`."""

    def __init__(self, target, replicas, timeline):
        self.timeline = timeline
        self.ports = [harness.free_port() for _ in range(replicas)]
        command = [sys.executable, str(HERE / "database_proxy.py"), str(target), *map(str, self.ports)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert json.loads(self.process.stdout.readline())["event"] == "ready"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.timeline.note(event.pop("event"), **event)

    def order(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def close(self):
        harness.stop_process(self.process, signal.SIGINT)


class Replica:
    """One place in the cluster: a port, a clock, a log, and the process that runs there now."""

    def __init__(self, index, binary, database_port, directory, timeline, clock):
        self.index, self.binary, self.directory, self.timeline = index, binary, directory, timeline
        self.port = harness.free_port()
        # The proxy speaks neither TLS nor GSS.
        self.url = (f"postgresql://postgres@127.0.0.1:{database_port}/postgres"
                    "?sslmode=disable&gssencmode=disable")
        self.log_path = directory / f"replica-{index}.log"
        self.clock_path = directory / f"clock-{index}"
        self.process, self.number, self.is_frozen, self.machine = None, 0, False, f"machine-{index}"
        self.incarnations = []
        self.lock = threading.RLock()
        self.set_clock(clock)

    def set_clock(self, hours):
        """The wall clock the replica sees, hours off; libfaketime reads the file again every second."""
        self.hours = hours
        self.clock_path.write_text(f"{hours:+d}h\n")

    def _launcher(self):
        """Runs the service in this process's place, on a machine of its own name where we may.

        libfaketime's first process of a chain changes its environment at the start, which makes the Swift runtime lose
        its arguments (it finds them beside the environment): that must not be the service itself.
        """
        if os.geteuid() != 0:
            return ["/usr/bin/env"]
        return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.machine]

    def start(self, moves=False):
        """`moves`: on another machine than before."""
        with self.lock:
            assert not self.is_running, f"replica {self.index} runs already"
            self.number += 1
            self.machine = f"machine-{self.index}-{self.number}" if moves else self.machine
            command = [*self._launcher(), self.binary, "serve", "--bind", f"127.0.0.1:{self.port}",
                       "--database-url", self.url,
                       "--egress-allow", "127.0.0.0/8", "--user-agent", f"r{self.index}.{self.number}",
                       "--access-log", "off", "--data-dir", str(self.directory / f"data-{self.index}")]
            environment = {**os.environ, "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.clock_path),
                           "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
                           "FAKETIME_CACHE_DURATION": "1"}
            if self.hours is None:
                environment = dict(os.environ)
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.incarnations.append(Incarnation(self.index, self.number, self.process.pid, time.time()))
            self.timeline.note("start", replica=self.index, pid=self.process.pid, number=self.number,
                               machine=self.machine)

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def is_well(self):
        return self.is_running and not self.is_frozen

    def is_ready(self):
        try:
            return harness.Client(self.port).request("GET", "/readyz", timeout=3).status == 200
        except OSError:
            return False

    def kill(self):
        """SIGKILL; also of one that is frozen."""
        with self.lock:
            if self.is_running:
                self.timeline.note("kill", replica=self.index, pid=self.process.pid)
                self.process.kill()
                self.process.wait()
                self._thawed()

    def freeze(self):
        with self.lock:
            if self.is_well:
                self.process.send_signal(signal.SIGSTOP)
                self.is_frozen = True
                self.timeline.note("freeze", replica=self.index, pid=self.process.pid)
                return True
            return False

    def thaw(self):
        with self.lock:
            if self.is_frozen and self.is_running:
                self._thawed()
                self.process.send_signal(signal.SIGCONT)

    def _thawed(self):
        if self.is_frozen:
            self.is_frozen = False
            self.timeline.note("thaw", replica=self.index, pid=self.process.pid)

    def terminate(self):
        """SIGTERM: returns the exit status once the process has ended."""
        with self.lock:
            if not self.is_well:
                return None
            process = self.process
            self.timeline.note("term", replica=self.index, pid=process.pid)
            process.terminate()
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self.timeline.note("ended", replica=self.index, pid=process.pid, status=status)
        return status

    def close(self):
        with self.lock:
            if self.is_running:
                self.thaw()
                harness.stop_process(self.process)


AUDIT = """
    create schema chaos;
    create table chaos.job_change (
        n bigint generated always as identity, at timestamptz default clock_timestamp(), job bigint,
        old_state text, new_state text, old_end timestamptz, new_end timestamptz);
    create function chaos.note_job() returns trigger language plpgsql as $$ begin
        insert into chaos.job_change (job, old_state, new_state, old_end, new_end)
        values (new.key, old.state, new.state, old.finished_at, new.finished_at);
        return null; end $$;
    create trigger chaos_job after update on job for each row
        when (old.state <> new.state or old.finished_at is distinct from new.finished_at)
        execute function chaos.note_job();
    create table chaos.owner_change (
        n bigint generated always as identity, at timestamptz default clock_timestamp(), job bigint, shard int,
        old_owner uuid, new_owner uuid, epoch bigint);
    create function chaos.note_owner() returns trigger language plpgsql as $$ begin
        insert into chaos.owner_change (job, shard, old_owner, new_owner, epoch)
        values (new.job, new.shard, old.owner, new.owner, new.epoch);
        return null; end $$;
    create trigger chaos_owner after insert or update of owner, epoch on shard for each row
        execute function chaos.note_owner();
    create table chaos.replica_seen (id uuid primary key, pid int, at timestamptz default clock_timestamp());
    create function chaos.note_replica() returns trigger language plpgsql as $$ begin
        insert into chaos.replica_seen (id, pid) values (new.id, new.pid) on conflict do nothing;
        return null; end $$;
    create trigger chaos_replica after insert on replica for each row execute function chaos.note_replica();
    insert into chaos.replica_seen (id, pid) select id, pid from replica on conflict do nothing;
"""


class Cluster:
    """A database, a proxy and replicas. `with` starts them all at once, on an empty database."""

    def __init__(self, binary, directory, clocks, timeline):
        self.binary, self.directory, self.clocks, self.timeline = binary, directory, clocks, timeline
        self.database_lock = threading.Lock()
        self.database_is_up = True
        self._closing = threading.Event()

    def __enter__(self):
        self.database = Database().__enter__()
        self.proxy = DatabaseProxy(self.database.port, len(self.clocks), self.timeline)
        self.replicas = [Replica(index, self.binary, port, self.directory, self.timeline, clock)
                         for index, (port, clock) in enumerate(zip(self.proxy.ports, self.clocks))]
        try:
            for replica in self.replicas:
                replica.start()
                self.watch_start(replica, replica.number, harness.READY_SECONDS)
            for replica in self.replicas:
                harness.wait_until(replica.is_ready, harness.READY_SECONDS, f"replica {replica.index} is ready")
            self.database.ask(AUDIT)
        except BaseException:
            self.__exit__()
            raise
        threading.Thread(target=self._probe, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        for replica in self.replicas:
            replica.close()
        self.proxy.close()
        with self.database_lock:
            (self.directory / "postgres.log").write_bytes((self.database.directory / "server.log").read_bytes())
            self.database.__exit__()

    def _probe(self):
        """Notes when the database goes away and comes back, by asking it all the time."""
        session = None
        while not self._closing.is_set():
            try:
                session = session or pgwire.connect(self.database.port, 2.0)
                session.query("select 1")
                is_up = True
            except pgwire.ServerError:
                is_up, session = False, None
            if is_up != self.database_is_up:
                self.database_is_up = is_up
                self.timeline.note("database_back" if is_up else "database_away")
            time.sleep(0.03)

    def watch_start(self, replica, number, seconds):
        """Notes when this process of a replica answers, and when it is ready, if it lives that long."""
        def watch():
            deadline, listens = time.monotonic() + seconds, False
            client = harness.Client(replica.port)
            while replica.number == number and replica.is_running and time.monotonic() < deadline:
                try:
                    if not listens and client.request("GET", "/healthz", timeout=5).status == 200:
                        listens = True
                        self.timeline.note("up", replica=replica.index, number=number)
                    if listens and client.request("GET", "/readyz", timeout=5).status == 200:
                        self.timeline.note("ready", replica=replica.index, number=number)
                        return
                except (OSError, harness.http.client.HTTPException):
                    pass
                time.sleep(0.02)
        threading.Thread(target=watch, daemon=True).start()

    def _ask(self, sql):
        try:
            return self.database.ask(sql)
        except pgwire.ServerError:
            return []

    def held_by(self, pid):
        """The shards that a process works on."""
        return {(job, shard) for job, shard in self._ask(
            f"select s.job, s.shard from shard s join replica r on r.id = s.owner where r.pid = {pid}")}

    def new_owner(self, held):
        """The process that has taken one of these shards, which nobody living held."""
        for job, shard, pid in self._ask("select s.job, s.shard, r.pid from shard s join replica r on r.id = s.owner"):
            if (job, shard) in held and self._is_alive(int(pid)):
                return int(pid)
        return None

    def _is_alive(self, pid):
        return any(replica.is_running and replica.process.pid == pid for replica in self.replicas)

    def backends(self):
        return sorted(int(pid) for pid, in self._ask(
            "select pid from pg_stat_activity where application_name = 'scrape-service'"))
