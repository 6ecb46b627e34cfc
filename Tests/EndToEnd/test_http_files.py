"""Files from `ConformanceServer --files`, beside nginx with the same directory: conditions, ranges, memory."""

import http.client
import os
import re
import shutil
import subprocess

import pytest

import harness
from http_target import Target

MODIFIED = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
TEXT = bytes(range(256)) * 40
NGINX = """daemon off; pid {root}/nginx.pid; error_log {root}/error.log; events {{}}
http {{
    access_log off; default_type application/octet-stream; if_modified_since before;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    server {{ listen 127.0.0.1:{port}; location /files/ {{ alias {root}/files/; disable_symlinks on; }} }}
}}
"""

# Sent to both; they must agree in status, content, Content-Range, Content-Length and Last-Modified.
AGREED = [
    {},
    {"Range": "bytes=0-0"},
    {"Range": "bytes=100-199"},
    {"Range": "bytes=10000-"},
    {"Range": "bytes=-1"},
    {"Range": "bytes=-10239"},
    {"Range": "bytes=-99999"},
    {"Range": "bytes=0-10239"},
    {"Range": "bytes=10239-99999"},
    {"Range": "bytes=10240-"},
    {"Range": "bytes=99999-100000"},
    {"Range": "lines=1-2"},
    {"If-Modified-Since": DATE},
    {"If-Modified-Since": AFTER},
    {"If-Modified-Since": BEFORE},
    {"If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"},
    {"If-Modified-Since": "Sun Nov  6 08:49:37 1994"},
    {"If-Modified-Since": "never"},
    {"If-Unmodified-Since": DATE},
    {"If-Unmodified-Since": BEFORE},
    {"If-Unmodified-Since": AFTER},
    {"If-None-Match": "*"},
    {"If-None-Match": '"other"'},
    {"If-None-Match": "TAG"},
    {"If-None-Match": "W/TAG"},
    {"If-None-Match": '"other", TAG'},
    {"If-None-Match": "TAG", "Range": "bytes=0-1"},
    {"If-Match": "*"},
    {"If-Match": "TAG"},
    {"If-Match": '"other"'},
    {"If-Match": '"other", TAG'},
    {"If-Match": '"other"', "If-None-Match": "TAG"},
    {"Range": "bytes=1-2", "If-Range": "TAG"},
    {"Range": "bytes=1-2", "If-Range": '"other"'},
    {"Range": "bytes=1-2", "If-Range": DATE},
    {"Range": "bytes=1-2", "If-Range": BEFORE},
    {"Range": "bytes=1-2", "If-Match": "TAG"},
    {"Range": "bytes=99999-", "If-Range": '"other"'},
]
BOTH_METHODS = [(method, headers) for headers in AGREED for method in ("GET", "HEAD") if method == "GET" or "Range" not in headers]

# Where RFC 9110 decides, or lets us, against nginx: the status that is ours, and why.
OURS = [
    ("GET", {"If-None-Match": "TAG", "If-Modified-Since": BEFORE}, 304, "13.1.3: the date is ignored beside tags; nginx wants both"),
    ("HEAD", {"Range": "bytes=0-0"}, 200, "14.2: only GET has ranges; nginx has them for HEAD"),
    ("GET", {"Range": "bytes=4-2"}, 200, "14.2: what is no range is ignored; nginx answers 416"),
    ("GET", {"Range": "bytes=x"}, 200, "14.2: what is no range is ignored; nginx answers 416"),
    ("GET", {"Range": "bytes=0-0,-1"}, 200, "14.2: several ranges may be ignored; nginx sends parts"),
]


class Nginx:
    def __init__(self, root):
        self.root, self.port = root, harness.free_port()

    def __enter__(self):
        config = self.root / "nginx.conf"
        config.write_text(NGINX.format(root=self.root, port=self.port))
        self.process = subprocess.Popen(["nginx", "-e", str(self.root / "error.log"), "-c", str(config)], **harness.NOBODY_ELSE)
        harness.wait_until(lambda: harness.is_listening(self.port), 20, "nginx")
        return self

    def __exit__(self, *_):
        harness.stop_process(self.process)


@pytest.fixture(scope="module")
def site(conformance_binary):
    root = harness.temporary_directory("files")
    (root / "files").mkdir(mode=0o755)
    for name, content in (("a", TEXT), ("empty", b"")):
        (root / "files" / name).write_bytes(content)
        os.utime(root / "files" / name, (MODIFIED, MODIFIED))
    (root / "secret").write_text("secret")
    (root / "files/link").symlink_to("../secret")
    with Target(conformance_binary, "--files", root / "files") as target, Nginx(root) as nginx:
        yield target, nginx, root
    shutil.rmtree(root)


def ask(port, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return harness.Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def with_tag(headers, tag):
    return {name: value.replace("TAG", tag) for name, value in headers.items()}


def compared(answer):
    """What two servers must agree in; the text of an error is each one's own."""
    if answer.status >= 400:
        return answer.status, answer.headers["Content-Range"]
    names = ["Content-Range", "Content-Length"] + (["Last-Modified", "Content-Type"] if answer.status < 300 else [])
    return answer.status, answer.body, [answer.headers[name] for name in names]


@pytest.mark.parametrize("method, headers", BOTH_METHODS, ids=str)
def test_nginx_answers_the_same(site, method, headers):
    target, nginx, _ = site
    ours, theirs = (
        ask(port, "/files/a", method, with_tag(headers, ask(port, "/files/a").headers["ETag"]))
        for port in (target.port, nginx.port))
    assert compared(ours) == compared(theirs)
    if ours.status in (200, 206, 304):
        assert ours.headers["ETag"]


@pytest.mark.parametrize("method, headers, status, reason", OURS, ids=str)
def test_the_rfc_decides_against_nginx(site, method, headers, status, reason):
    target, _, _ = site
    tag = ask(target.port, "/files/a").headers["ETag"]
    assert ask(target.port, "/files/a", method, with_tag(headers, tag)).status == status, reason


@pytest.mark.parametrize("path", ["empty", "missing", "link", "..%2Fsecret", "."])
def test_nginx_serves_no_more_and_no_less(site, path):
    target, nginx, _ = site
    ours, theirs = (ask(port, f"/files/{path}") for port in (target.port, nginx.port))
    assert (ours.status == 200) == (theirs.status == 200)
    assert b"secret" not in ours.body


def test_curl_resumes_and_cuts_out(site):
    target, _, root = site
    url = f"{target.url}files/a"

    def curl(*arguments):
        return subprocess.run(["curl", "-sS", *arguments, url], capture_output=True, check=True, timeout=30).stdout

    assert curl("-r", "0-9") == TEXT[:10]
    assert curl("-r", "-10") == TEXT[-10:]
    assert curl("-r", "10200-") == TEXT[10200:]
    (root / "half").write_bytes(TEXT[:5000])
    curl("-C", "-", "-o", str(root / "half"))
    assert (root / "half").read_bytes() == TEXT
    head = curl("-I").decode()
    assert re.search(r"^content-length: 10240\r$", head, re.IGNORECASE | re.MULTILINE)


def test_a_range_of_many_parts_is_the_whole_once(site):
    target, _, _ = site
    answer = ask(target.port, "/files/a", headers={"Range": "bytes=" + ",".join(["0-"] * 1000)})
    assert (answer.status, answer.body) == (200, TEXT)


def test_two_gibibytes_at_constant_memory(site):
    target, _, root = site
    with open(root / "files/large", "wb") as file:
        file.truncate(2 << 30)
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    ask(target.port, "/files/a")
    before, grown, got = target.resident_kib(), 0, 0
    connection.request("GET", "/files/large")
    response = connection.getresponse()
    assert response.headers["Content-Length"] == str(2 << 30)
    buffer = bytearray(1 << 20)
    while count := response.readinto(buffer):
        if got >> 28 != (got + count) >> 28:
            grown = max(grown, target.resident_kib() - before)
        got += count
    assert got == 2 << 30
    print(f"2 GiB file: {grown:+} KiB at most")
    assert grown <= 4096
    connection.close()
