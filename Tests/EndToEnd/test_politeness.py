"""Politeness over jobs and replicas: places and rates at a host, Retry-After, slow hosts, small jobs beside large ones.

What left is read from nginx's access log: when each request began, to the millisecond.
"""

import collections
import os
import shutil
import statistics
import subprocess
import time

import pytest

import harness

PAGE = "<html><body><h1>{}</h1></body></html>"
# nginx's clock ticks in milliseconds, and a request spends some of them on its way.
JITTER_SECONDS = 0.03
EDGE_SECONDS = 0.01
SLOW_SECONDS = 1.0

Request = collections.namedtuple("Request", "host began ended status uri")


class Hosts:
    """`count` hosts, ports of one nginx; each answers every path after `latency` seconds, 429 while its file `busy` is there."""

    def __init__(self, latencies, retry_after=3):
        self.directory = harness.temporary_directory("hosts")
        self.ports = [harness.free_port() for _ in latencies]
        servers = []
        for number, (port, latency) in enumerate(zip(self.ports, latencies)):
            sleep = f"echo_sleep {latency:.3f};" if latency else ""
            busy = self.directory / f"busy-{number}"
            servers.append(f"""server {{ listen 127.0.0.1:{port} backlog=4096;
                location / {{ if (-f {busy}) {{ return 429; }} {sleep} echo '{PAGE.format("$uri")}'; }}
                location = /robots.txt {{ return 404; }}
                error_page 429 @busy; location @busy {{ add_header Retry-After {retry_after} always; return 429; }} }}""")
        user = "user root;" if os.geteuid() == 0 else ""
        d = self.directory
        (d / "nginx.conf").write_text(f"""load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
{user} daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/error.log; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{ log_format timed '$server_port $msec $request_time $status $request_uri'; access_log {d}/access.log timed;
default_type text/html; keepalive_requests 100000; client_body_temp_path {d}/b; proxy_temp_path {d}/p;
fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s; {" ".join(servers)} }}""")

    def __enter__(self):
        command = ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                   "-e", str(self.directory / "error.log")]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.process = subprocess.Popen(command, env=environment, **harness.NOBODY_ELSE)
        harness.wait_until(lambda: harness.is_listening(self.ports[-1]), 10, "nginx listens")
        return self

    def __exit__(self, *_):
        harness.stop_process(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def busy(self, number, is_busy):
        file = self.directory / f"busy-{number}"
        file.touch() if is_busy else file.unlink()

    def requests(self, number=None, robots=False):
        """Every request that was answered, by the time it began."""
        found = []
        for line in (self.directory / "access.log").read_text().splitlines():
            port, ended, took, status, uri = line.split(maxsplit=4)
            host = self.ports.index(int(port))
            if number in (None, host) and (robots or uri != "/robots.txt"):
                found.append(Request(host, float(ended) - float(took), float(ended), int(status), uri))
        return sorted(found, key=lambda request: request.began)

    def job(self, pages, hosts=None, name="polite", fetch=None, **politeness):
        """`pages` pages of each host, as a client would list them: host after host."""
        start = [{"url": f"http://127.0.0.1:{self.ports[host]}/{name}/{{n}}", "as": "page",
                  "variables": {"n": {"from": 1, "to": pages if isinstance(pages, int) else pages[host]}}}
                 for host in hosts or range(len(self.ports))]
        return {"name": name, "start": start, "pages": {"page": {"fields": {"title": "h1"}}},
                "politeness": {"robots": False, **politeness}, "fetch": fetch or {}}


@pytest.fixture(scope="module")
def replicas(binary):
    """Two replicas on one database."""
    with harness.Postgres() as postgres:
        services = [harness.Service(binary, arguments=["--database-url", postgres.url]) for _ in range(2)]
        try:
            yield [service.start() for service in services]
            for service in services:
                assert service.stop() == 0
        finally:
            for service in services:
                service.close()


def most_at_once(requests):
    # nginx writes its line after the client has read the answer: a little of both ends is left out.
    events = sorted([(r.began + EDGE_SECONDS, 1) for r in requests] + [(r.ended - EDGE_SECONDS, -1) for r in requests])
    now = most = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


def most_within(requests, seconds):
    began, most, first = [r.began for r in requests], 0, 0
    for last, time_ in enumerate(began):
        while began[first] <= time_ - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def finish(service, job_id, seconds=120):
    status = service.client.finished(job_id, seconds)
    assert (status["status"], status["outcome"]) == ("completed", "ok"), status
    return status


def test_two_jobs_on_two_replicas_never_exceed_a_hosts_places(replicas):
    with Hosts([0.05]) as hosts:
        jobs = [replica.client.submit(hosts.job(150, name=f"places-{number}", per_host_concurrency=4))
                for number, replica in enumerate(replicas)]
        for replica, job in zip(replicas, jobs):
            assert finish(replica, job)["progress"]["fetched"] == 150
        requests = hosts.requests()
        assert len(requests) == 300
        assert 2 <= most_at_once(requests) <= 4


def test_two_jobs_on_two_replicas_never_exceed_a_hosts_rate(replicas):
    with Hosts([0]) as hosts:
        began = time.time()
        jobs = [replica.client.submit(
            hosts.job(60, name=f"rate-{number}", per_host_requests_per_second=rate))
            for number, (replica, rate) in enumerate(zip(replicas, (20, 20)))]
        waits = []
        for replica, job in zip(replicas, jobs):
            replica.client.finished(job, 120, check=lambda status: waits.extend(status["hosts"]))
        requests = hosts.requests()
        assert len(requests) == 120
        assert most_within(requests, 1 - JITTER_SECONDS) <= 20
        assert most_within(requests, 3 - JITTER_SECONDS) <= 60
        assert requests[-1].began - began < 120 / 20 + 6
        assert {wait["reason"] for wait in waits} == {"rate"}


def test_retry_after_holds_the_host_for_every_job_and_replica_and_others_go_on(replicas):
    with Hosts([0.02, 0.02]) as hosts:
        jobs = [replica.client.submit(hosts.job(
            800, name=f"busy-{number}", per_host_concurrency=2, fetch={"retries": 5}))
            for number, replica in enumerate(replicas)]
        harness.wait_until(lambda: len(hosts.requests(0)) > 100, 30, "pages are fetched")
        hosts.busy(0, True)
        harness.wait_until(lambda: any(r.status == 429 for r in hosts.requests(0)), 30, "the host is busy")
        time.sleep(0.2)
        hosts.busy(0, False)
        waits = []
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            for replica, job in zip(replicas, jobs):
                waits.extend(replica.client.status(job)["hosts"])
            time.sleep(0.1)
        for replica, job in zip(replicas, jobs):
            finish(replica, job)
        refused = [r for r in hosts.requests(0) if r.status == 429]
        # What the other replica sends before it is told, within a second, may add a few.
        told = max(r.ended for r in refused)
        later = [r for r in hosts.requests(0) if r.began > told]
        assert later and min(r.began for r in later) - told >= 3 - JITTER_SECONDS
        quiet = [r for r in hosts.requests(1) if told < r.began < told + 3]
        assert len(quiet) > 50, "the other host goes on"
        origin = f"http://127.0.0.1:{hosts.ports[0]}"
        held = [wait for wait in waits if wait["origin"] == origin and wait["reason"] == "retry_after"]
        assert held and all(0 < wait["seconds"] <= 3.2 and wait["waiting"] > 0 for wait in held)


def pages_per_second(requests, hosts):
    """While all of them have something to do: until the first has begun its last."""
    mine = [r for r in requests if r.host in hosts]
    until = min(max(r.began for r in mine if r.host == host) for host in hosts)
    return sum(r.began <= until for r in mine) / (until - mine[0].began)


def test_one_slow_host_does_not_starve_nine_fast_ones(service):
    # Late enough that the permits decide and not the processors, whoever else uses those.
    fast, pages, slow_pages = range(1, 10), 250, 40
    with Hosts([SLOW_SECONDS] + [0.2] * 9) as hosts:
        finish(service, service.client.submit(hosts.job(pages, hosts=fast, name="solo")))
        solo = hosts.requests()
        finish(service, service.client.submit(hosts.job([slow_pages] + [pages] * 9, name="mixed")))
        mixed = hosts.requests()[len(solo):]
    alone, beside = pages_per_second(solo, fast), pages_per_second(mixed, fast)
    print(f"nine fast hosts: {alone:.0f} pages/s alone, {beside:.0f} beside a slow one")
    assert len(mixed) == slow_pages + 9 * pages
    assert beside >= 0.9 * alone


def test_a_small_job_beside_a_large_one_starts_at_once_and_is_soon_done(service):
    with Hosts([0.01]) as hosts:
        def run(name):
            """Seconds until its first request, and until it was over."""
            began = time.time()
            finish(service, service.client.submit(hosts.job(10, name=name)))
            ended = time.time()
            return min(r.began for r in hosts.requests() if f"/{name}/" in r.uri) - began, ended - began

        alone = statistics.median(run(f"alone-{number}")[1] for number in range(5))
        large = service.client.submit(hosts.job(100_000, name="large"))
        try:
            harness.wait_until(lambda: service.client.status(large)["progress"]["fetched"] > 500, 60, "it runs")
            runs = [run(f"beside-{number}") for number in range(5)]
            beside = statistics.median(seconds for _, seconds in runs)
            print(f"10 pages: {alone:.3f} s alone, {beside:.3f} s beside 100,000")
            assert max(first for first, _ in runs) <= 1
            assert beside <= 3 * alone
        finally:
            service.client.post(f"/v1/jobs/{large}/cancel")
