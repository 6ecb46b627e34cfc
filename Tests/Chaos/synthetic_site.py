"""The site the chaos runs scrape: generated, so that every page, link and item is known beforehand.

Two areas (`big` and `small`) of numbered pages, spread over several loopback addresses (several hosts for politeness).
Each page links to its children in a tree, to a few others at random, and repeats links in other spellings. Some links
lead to pages that are not there (404), some to pages that answer 500 once a job and then as they should.
nginx serves the files with a delay; `flaky_server.py` serves the pages that fail once.
"""

import collections
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

import harness

HERE = pathlib.Path(__file__).resolve().parent
FAN_OUT = 12  # children a page links to
CROSS_LINKS = 3
ODD_EVERY = 100  # one page in so many links to a missing page, another one to a page that fails once
MISSING_AT, FLAKY_AT = 7, 11
ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
HOSTS = 4

Request = collections.namedtuple("Request", "started ended status url replica job")


def digest(url, text):
    """How an item is compared: page and text."""
    return hashlib.sha256(f"{url}\n{text}".encode()).hexdigest()


class Area:
    """What a job over one area must find."""

    def __init__(self, name, pages, hosts, flaky_host):
        self.name, self.count, self.hosts, self.flaky_host = name, pages, hosts, flaky_host
        self.start = self.url(0)
        self.good = [self.url(n) for n in range(pages)]
        self.missing = [self.odd(n, "missing") for n in range(MISSING_AT, pages, ODD_EVERY)]
        self.flaky = [self.odd(n, "flaky") for n in range(FLAKY_AT, pages, ODD_EVERY)]
        self.closure = {*self.good, *self.missing, *self.flaky}
        self.items = {digest(url, text) for url, text in self._items()}
        self.words = sum(len(text.split()) for _, text in self._items())

    def path(self, number):
        return f"/{self.name}/{number // 500}/{number}.html"

    def url(self, number):
        return self.hosts[number * 2654435761 % 2**32 % len(self.hosts)] + self.path(number)

    def odd(self, number, kind):
        """A page that never is there, or fails once; both are linked from page `number`."""
        host = self.flaky_host if kind == "flaky" else self.hosts[number % len(self.hosts)]
        return f"{host}/{self.name}/{kind}/{number}.html"

    def texts(self, number, flaky=False):
        """The items of a page: one to three, each different from every other of the site."""
        kind = "flaky" if flaky else "page"
        for n in range(1 + number % 3):
            mark = hashlib.sha256(f"{self.name} {kind} {number} {n}".encode()).hexdigest()
            yield f"{self.name} {kind} {number} item {n} {mark}"

    def _items(self):
        for number in range(self.count):
            url = self.url(number)
            for text in self.texts(number):
                yield url, text
        for number in range(FLAKY_AT, self.count, ODD_EVERY):
            for text in self.texts(number, flaky=True):
                yield self.odd(number, "flaky"), text

    def links(self, number):
        """As they stand in the page: duplicates and other spellings of a link count as one."""
        children = range(FAN_OUT * number + 1, min(FAN_OUT * number + FAN_OUT, self.count - 1) + 1)
        links = [self.url(child) for child in children]
        links += [self.url((number * 7919 + k * 104729 + 13) % self.count) for k in range(CROSS_LINKS)]
        if links:
            links.append(links[0] + "#again")
            links.append(links[0].replace("http://", "HTTP://").replace("/0/", "/0/./x/../"))
            links.append(links[-2].replace(".html#again", "%2Ehtml"))
        if number % ODD_EVERY == MISSING_AT:
            links.append(self.odd(number, "missing"))
        if number % ODD_EVERY == FLAKY_AT:
            links.append(self.odd(number, "flaky"))
        return links

    def html(self, number, flaky=False):
        links = [self.url(0)] if flaky else self.links(number)
        anchors = " ".join(f'<a href="{link}">x</a>' for link in links)
        items = "".join(f'<p class="item">{text}</p>' for text in self.texts(number, flaky))
        return f"<!doctype html><title>{number}</title><nav>{anchors}</nav>{items}\n"


class SyntheticSite:
    """The files of one harness call; each run starts its own servers over them, with logs of its own."""

    def __init__(self, directory, big_pages, small_pages, latency):
        self.latency = latency
        self.port = harness.free_port()
        net = f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 250 + 1}"
        self.addresses = [f"{net}.{n + 1}" for n in range(HOSTS)]
        self.flaky_address = f"{net}.{HOSTS + 1}"
        hosts = [f"http://{address}:{self.port}" for address in self.addresses]
        flaky = f"http://{self.flaky_address}:{self.port}"
        self.areas = {name: Area(name, pages, hosts, flaky) for name, pages in (("big", big_pages), ("small", small_pages))}
        # In memory where that is possible: tens of thousands of small files are slow to write and to remove.
        memory = pathlib.Path("/dev/shm")
        self.pages = pathlib.Path(tempfile.mkdtemp(prefix="scrape-chaos-", dir=memory if memory.is_dir() else directory))
        for area in self.areas.values():
            self._write(area)

    def _write(self, area):
        for number in range(area.count):
            path = self.pages / area.path(number)[1:]
            if number % 500 == 0:
                path.parent.mkdir(parents=True)
            path.write_text(area.html(number))
        (self.pages / area.name / "flaky").mkdir()
        for number in range(FLAKY_AT, area.count, ODD_EVERY):
            (self.pages / area.name / f"flaky/{number}.html").write_text(area.html(number, flaky=True))

    def serve(self, directory):
        return RunningSite(self, pathlib.Path(directory))


class RunningSite:
    """nginx and the flaky server with the access logs of one run."""

    def __init__(self, site, directory):
        self.site, self.directory, self.processes = site, directory, []

    def __enter__(self):
        (self.directory / "nginx.conf").write_text(self._nginx_conf())
        nginx = ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf"),
                 "-e", str(self.directory / "nginx-error.log")]
        flaky = [sys.executable, str(HERE / "flaky_server.py"), self.site.flaky_address, str(self.site.port),
                 str(self.site.pages), str(self.directory / "flaky.log"), str(self.site.latency)]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.processes = [subprocess.Popen(c, env=environment, **harness.NOBODY_ELSE) for c in (nginx, flaky)]
        for address in (self.site.addresses[0], self.site.flaky_address):
            harness.wait_until(lambda: _is_listening(address, self.site.port), 20, f"the site listens at {address}")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            harness.stop_process(process)

    def _nginx_conf(self):
        d = self.directory
        listen = " ".join(f"listen {address}:{self.site.port} backlog=4096;" for address in self.site.addresses)
        # A root-started nginx would give its worker to another user, who cannot read a private temporary directory.
        user = "user root;" if os.geteuid() == 0 else ""
        log = """'{"ended": $msec, "took": $request_time, "status": $status, "host": "$server_addr:$server_port", """
        log += """"uri": "$request_uri", "agent": "$http_user_agent", "job": "$http_x_job"}'"""
        return f"""load_module {ECHO_MODULE}; {user} daemon off; worker_processes 1; worker_rlimit_nofile 16384;
pid {d}/nginx.pid; error_log {d}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
    types {{ text/html html; }} charset utf-8; log_not_found off;
    log_format json escape=json {log};
    access_log {d}/access.log json;
    client_body_temp_path {d}/tmp-b; proxy_temp_path {d}/tmp-p; fastcgi_temp_path {d}/tmp-f;
    uwsgi_temp_path {d}/tmp-u; scgi_temp_path {d}/tmp-s;
    keepalive_requests 100000; keepalive_timeout 60s; sendfile on; tcp_nopush on;
    open_file_cache max=4000 inactive=600s;
    server {{
        {listen}
        root {self.site.pages};
        location / {{ echo_sleep {self.site.latency}; echo_exec @files; }}
        location @files {{ root {self.site.pages}; }}
    }}
}}
"""

    def requests(self):
        """Every request for a page that arrived, in order of its beginning; robots.txt is not one."""
        found = []
        for name in ("access.log", "flaky.log"):
            path = self.directory / name
            lines = path.read_text().splitlines() if path.exists() else []
            for entry in (json.loads(line) for line in lines):
                if entry["uri"] == "/robots.txt":
                    continue
                found.append(Request(entry["ended"] - entry["took"], entry["ended"], entry["status"],
                                     f"http://{entry['host']}{entry['uri']}", entry["agent"], entry["job"]))
        return sorted(found)


def _is_listening(address, port):
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0
