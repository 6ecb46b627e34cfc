"""Does to the cluster what the plan says, and undoes it."""

import threading
import time

import harness
import pgwire
from plan import DROPS

MAX_GAP_SECONDS = 5  # a fault does not wait longer than this for its place, so that standstill is broken, too
AVAILABLE_SECONDS = 120  # for something to break to be there
RESTART_SECONDS = 60
TAKEOVER_SECONDS = 20
NEED_DATABASE = {"backend_kill", "terminate", "stop", "crash", "takeover_kill", "silence"}


class Injector:
    def __init__(self, cluster, progress):
        """`progress()` is the share of the big job's pages that are fetched."""
        self.cluster, self.progress, self.timeline = cluster, progress, cluster.timeline
        self.undoing = []
        self.stopped = threading.Event()
        self.counts = {}
        self.failure = None

    def run(self, faults):
        try:
            for fault in faults:
                self._wait_for(fault)
                if self.stopped.is_set():
                    break
                getattr(self, f"do_{fault.kind}")(fault)
                self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
        except Exception as error:  # A fault that cannot be done would make the run worth less than it says.
            self.failure = error
        self.restore()

    def restore(self):
        """Waits until everything that was broken works again."""
        while self.undoing:
            self.undoing.pop().join()
        for replica in self.cluster.replicas:
            replica.thaw()
            if not replica.is_running:
                self.restart(replica, 0)
        self.timeline.note("restored")

    def _wait_for(self, fault):
        deadline = time.monotonic() + MAX_GAP_SECONDS
        while self.progress() < fault.at and time.monotonic() < deadline and not self.stopped.is_set():
            time.sleep(0.02)
        if fault.kind in NEED_DATABASE:
            harness.wait_until(lambda: self.stopped.is_set() or self.cluster.database_is_up, AVAILABLE_SECONDS,
                               "the database comes back")

    def _later(self, seconds, action, *arguments):
        def act():
            time.sleep(seconds)
            action(*arguments)
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        self.undoing.append(thread)

    def _well(self, first):
        """The replica meant, or the next one that can be harmed."""
        def look():
            for step in range(len(self.cluster.replicas)):
                replica = self.cluster.replicas[(first + step) % len(self.cluster.replicas)]
                if replica.is_well:
                    return replica
            return None
        return harness.wait_until(look, AVAILABLE_SECONDS, "a replica to harm")

    def restart(self, replica, after, moves=False):
        time.sleep(after)
        if replica.is_running:
            return
        replica.start(moves)
        number = replica.number
        self.cluster.watch_start(replica, number, RESTART_SECONDS)

    # MARK: Replicas

    def do_kill(self, fault):
        replica = self._well(fault.replica)
        replica.kill()
        self._later(0, self.restart, replica, fault.seconds, fault.more["moves"])

    def do_takeover_kill(self, fault):
        """Kills whoever takes over what a killed one held, as soon as it has."""
        first = self._well(fault.replica)
        held = self.cluster.held_by(first.process.pid)
        first.kill()
        # It does not come back before somebody else could take over.
        self._later(0, self.restart, first, max(fault.seconds, 12), fault.more["moves"])
        self._later(0, self._kill_heir, held, fault.more)

    def _kill_heir(self, held, more):
        deadline = time.monotonic() + TAKEOVER_SECONDS
        while held and time.monotonic() < deadline and not self.stopped.is_set():
            pid = self.cluster.new_owner(held)
            heir = next((r for r in self.cluster.replicas if r.is_running and r.process.pid == pid), None)
            if heir:
                time.sleep(more["after"])
                self.timeline.note("heir", replica=heir.index)
                heir.kill()
                self._later(0, self.restart, heir, more["again"], more["moves"])
                return
            time.sleep(0.05)
        self.timeline.note("no_heir")

    def do_freeze(self, fault):
        replica = self._well(fault.replica)
        if replica.freeze():
            self._later(fault.seconds, replica.thaw)

    def do_term(self, fault):
        replica = self._well(fault.replica)

        def end():
            replica.terminate()
            self.restart(replica, fault.seconds)
        self._later(0, end)

    def do_part(self, fault):
        """The network between one replica and the database is silent: it lives, and must stop by itself."""
        replica = self._well(fault.replica)
        self.timeline.note("part", replica=replica.index)
        self.cluster.proxy.order(do="part", replica=replica.index)
        self._later(fault.seconds, self._heal, replica)

    def _heal(self, replica):
        self.cluster.proxy.order(do="heal", replica=replica.index)
        self.timeline.note("heal", replica=replica.index)

    def do_clock(self, fault):
        replica = self._well(fault.replica)
        replica.set_clock(fault.more["hours"])
        self.timeline.note("clock", replica=replica.index, hours=fault.more["hours"])

    # MARK: Postgres

    def do_backend_kill(self, fault):
        """SIGKILL of one backend: the server restarts all of them."""
        pids = self.cluster.backends()
        if pids:
            pid = pids[int(fault.more["which"] * len(pids))]
            self.timeline.note("backend_kill", pid=pid)
            harness.os.kill(pid, 9)

    def do_terminate(self, _):
        try:
            gone = self.cluster.database.ask(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'scrape-service'")
            self.timeline.note("terminate", connections=int(gone[0][0]))
        except pgwire.ServerError as error:
            self.timeline.note("terminate", connections=0, failed=str(error))

    def do_stop(self, fault):
        with self.cluster.database_lock:
            self.timeline.note("stop", seconds=round(fault.seconds, 1))
            self.cluster.database.stop()
        self._later(fault.seconds, self._start_database)

    def do_crash(self, fault):
        with self.cluster.database_lock:
            self.timeline.note("crash")
            self.cluster.database.crash()
        self._later(fault.seconds, self._start_database)

    def _start_database(self):
        with self.cluster.database_lock:
            self.cluster.database.start()
            self.timeline.note("database_started")

    # MARK: The network

    def do_drop(self, fault):
        match = fault.more["match"]
        self.timeline.note("drop", match=match)
        self.cluster.proxy.order(do="drop", match=DROPS[match])

    def do_silence(self, _):
        self.timeline.note("silence")
        self.cluster.proxy.order(do="silence", match="listen")
