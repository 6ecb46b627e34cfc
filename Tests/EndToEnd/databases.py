"""Databases that go away, in every way the tests know, a standby, a pooler, and what a job must look like afterwards."""

import collections
import os
import pathlib
import shutil
import signal
import subprocess
import time

import harness

# What a client waits at most for "the database is away", and the service for everything to be as before.
ANSWER_SECONDS = 2.5
RETURN_SECONDS = 5
IS_LONG = bool(os.environ.get("SCRAPE_TEST_LONG"))


def seconds(short, long):
    """The length of a disturbance: `short`, or with SCRAPE_TEST_LONG the one that is promised."""
    return long if IS_LONG else short


class Server(harness.Postgres):
    """A Postgres that a test may crash, freeze and question."""

    def sql(self, statement):
        """The rows of a statement, columns joined by `|`."""
        command = [str(self.binaries / "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", statement]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.split("\n")[:-1]

    def number(self, statement):
        return int(self.sql(statement)[0])

    def backends(self):
        """The processes of the server but the postmaster, by id."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def crash(self):
        """Immediate shutdown: no checkpoint, as if the power had failed."""
        harness.stop_process(self.process, signal.SIGQUIT)

    def kill_postmaster(self):
        """SIGKILL of the postmaster alone; its backends end when they notice."""
        backends = self.backends()
        harness.stop_process(self.process, signal.SIGKILL)
        harness.wait_until(lambda: not any(map(is_running, backends)), harness.STOP_SECONDS, "the backends end")

    def kill_everything(self):
        """SIGKILL of every process of the server, postmaster first: nothing is said to anybody."""
        backends = self.backends()
        harness.stop_process(self.process, signal.SIGKILL)
        for pid in backends:
            send(pid, signal.SIGKILL)

    def freeze(self, sign=signal.SIGSTOP):
        """Every process stands still with its connections open; SIGCONT lets them go on."""
        for pid in [self.process.pid, *self.backends()]:
            send(pid, sign)

    def terminate_backends(self):
        """Ends every session but its own; how many."""
        return self.number("select count(pg_terminate_backend(pid)) from pg_stat_activity "
                           "where backend_type = 'client backend' and pid <> pg_backend_pid()")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.freeze(signal.SIGCONT)
        super().__exit__()


class Standby(Server):
    """A copy of `primary` that follows it."""

    def __init__(self, primary):
        super().__init__("hot_standby=on")
        self.primary = primary

    def __enter__(self):
        command = [str(self.binaries / "pg_basebackup"), "-D", str(self.directory / "data"), "-R", "-X", "stream",
                   "-c", "fast", "-d", f"{self.primary.url}?application_name=standby"]
        subprocess.run(harness.as_postgres(command), check=True, cwd="/", **harness.NOBODY_ELSE)
        return self.start()

    def promote(self):
        command = [str(self.binaries / "pg_ctl"), "-D", str(self.directory / "data"), "-w", "promote"]
        subprocess.run(harness.as_postgres(command), check=True, cwd="/", **harness.NOBODY_ELSE)


class Bouncer:
    """pgbouncer in transaction mode, with `size` connections to `server`."""

    def __init__(self, server, size):
        self.server, self.size = server, size
        self.directory, self.port = harness.temporary_directory("bouncer"), harness.free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        (self.directory / "bouncer.ini").write_text(f"""
[databases]
postgres = host=127.0.0.1 port={self.server.port} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {self.size}
max_client_conn = 200
logfile = {self.directory}/bouncer.log
""")
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        command = harness.as_postgres([program, str(self.directory / "bouncer.ini")])
        self.process = subprocess.Popen(command, cwd="/", **harness.NOBODY_ELSE)
        harness.wait_until(lambda: harness.is_listening(self.port), 10, "pgbouncer listens")
        return self

    def sql(self, statement):
        command = [str(self.server.binaries / "psql"), "-X", "-A", "-t", "-d", self.url, "-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]

    def __exit__(self, *_):
        harness.stop_process(self.process, signal.SIGINT)
        shutil.rmtree(self.directory, ignore_errors=True)


def is_running(pid):
    """False for a zombie as well."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def send(pid, sign):
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        pass


def service_on(binary, *urls, **options):
    """A service, not started, on the first URL, with the second as the direct one."""
    flags = ["--database-url", "--database-direct-url"]
    arguments = [word for pair in zip(flags, urls) for word in pair]
    return harness.Service(binary, arguments=[*arguments, *options.pop("arguments", ())], **options)


def fetched(service, job_id):
    return service.client.status(job_id)["progress"]["fetched"]


def wait_for_pages(service, job_id, more_than, within=30):
    """Returns how many pages are fetched, once there are more; the database may be coming back meanwhile."""
    def count():
        answer = service.client.get(f"/v1/jobs/{job_id}")
        assert answer.status in (200, 503), answer
        if answer.status == 503:
            return None
        status = harness.as_json(answer)
        return status["progress"]["fetched"] if status["progress"]["fetched"] > more_than or status["terminal"] else None
    return harness.wait_until(count, within, f"more than {more_than} pages are fetched; log: {service.log_tail()}")


def assert_away(service, job):
    """The service lives, says at once that its database does not, and takes nothing."""
    assert service.client.get("/healthz").status == 200
    for method, path, body in (("GET", "/readyz", None), ("GET", "/v1/jobs", None), ("POST", "/v1/jobs", job),
                               ("GET", "/v1/jobs/0190a0a0-0000-7000-8000-000000000000", None)):
        began = time.monotonic()
        answer = service.client.request(method, path, body)
        took = time.monotonic() - began
        assert answer.status == 503, (method, path, answer)
        assert answer.headers.get_content_type() == "application/problem+json"
        assert harness.as_json(answer)["code"] == "database_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
        assert took < ANSWER_SECONDS, (method, path, took)


def assert_exact(client, job_id, site, within=harness.JOB_SECONDS):
    """The job ends, and has every page of the site once and every item once."""
    status = finished(client, job_id, within)
    assert (status["status"], status["outcome"]) == ("completed", "ok"), status
    ledger = list(client.walk(f"/v1/jobs/{job_id}/pages?limit=1000"))
    urls = collections.Counter(row["url"] for row in ledger)
    assert set(urls) == set(site.expected) and max(urls.values()) == 1
    assert all(row["status"] == "fetched" for row in ledger)
    items = list(client.walk(f"/v1/jobs/{job_id}/results?limit=1000"))
    assert collections.Counter(item["data"]["text"] for item in items) == collections.Counter(site.texts_on_disk())
    assert len({item["seq"] for item in items}) == len(items)
    return status


def finished(client, job_id, within):
    """The terminal status, also where the database is away from time to time."""
    def terminal():
        answer = client.get(f"/v1/jobs/{job_id}?wait=1")
        assert answer.status in (200, 503), answer
        status = harness.as_json(answer)
        return status if answer.status == 200 and status["terminal"] else None
    return harness.wait_until(terminal, within, f"job {job_id} ends")
