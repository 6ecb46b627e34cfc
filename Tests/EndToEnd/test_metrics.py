"""What an operator sees: `/metrics` as Python's Prometheus client reads it, and the access log as JSON lines."""

import collections
import json
import math
import pathlib
import socket

import harness
import pytest
from prometheus_client.parser import text_string_to_metric_families

KEY = "correct-horse-battery-staple"
EXPOSITION = pathlib.Path(__file__).resolve().parent.parent / "PrometheusMetricsTests/Fixtures/hostile.prom"


def samples_of(text):
    """`{name: {sorted label pairs: value}}`; fails where one sample stands twice."""
    found = collections.defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in found[sample.name], (sample.name, labels)
            found[sample.name][labels] = sample.value
    return found


class Metrics:
    """One scrape."""

    def __init__(self, service):
        answer = harness.Client(service.port).get("/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.body.decode()
        self.samples = samples_of(self.text)

    def __call__(self, name, **labels):
        return self.samples[name].get(tuple(sorted(labels.items())), 0)

    def total(self, name):
        return sum(self.samples[name].values())


def test_hostile_names_and_values_survive_another_parser():
    # The file is what PrometheusMetrics writes: its own tests compare it byte by byte.
    samples = samples_of(EXPOSITION.read_bytes().decode())
    values = {dict(labels)["value"] for labels in samples["calls_total"]}
    assert values == {"", "a\\b", '"', "\n", "\r\n", 'a,b="c"}', "é ☕ 😀", "\0", " lead", "\\n"}
    levels = {dict(labels)["name"]: value for labels, value in samples["level"].items()}
    assert math.isnan(levels.pop("nan"))
    assert levels == {"inf": math.inf, "-inf": -math.inf, "tiny": 5e-324}
    buckets = {dict(labels)["le"]: value for labels, value in samples["wait_seconds_bucket"].items()}
    assert buckets == {"0.001": 1, "0.25": 2, "10": 3, "+Inf": 4}
    mine = (("exported_le", "mine"),)
    assert samples["wait_seconds_count"][mine] == 4
    assert samples["wait_seconds_sum"][mine] == pytest.approx(60.501000001)


def exchange(port, raw):
    """Everything the server answers until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(raw)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


REFUSED = {
    "malformed": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "request_line_too_long": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "fields_too_large": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n"),
    "unknown_expectation": (417, b"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n"),
    "not_implemented": (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "version": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "body_too_large": (413, b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"),
    "header_timeout": (408, b"GET / HTTP/1.1\r\nHost: a\r\n"),
    "idle_timeout": (200, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
}


@pytest.fixture(scope="module")
def watched(binary, tmp_path_factory):
    """A service of its own, with keys and short time-outs, whose every request the tests know."""
    key_file = tmp_path_factory.mktemp("keys") / "keys"
    key_file.write_text(KEY + "\n")
    arguments = ["--header-timeout-seconds", "1", "--idle-timeout-seconds", "2"]
    with harness.Service(binary, key=KEY, key_file=key_file, arguments=arguments) as service:
        # Its connection would be idle, and counted for that, while others are.
        del service.client
        yield service


def test_requests_are_counted_by_method_route_and_status(watched):
    before = Metrics(watched)
    client = harness.Client(watched.port, KEY)
    for _ in range(7):
        assert client.get("/v1/jobs?name=secret").status == 200
    for number in range(5):
        assert client.get(f"/nowhere/{number}").status == 404
    for number in range(3):
        assert client.request(f"INVENTED{number}", "/v1/jobs").status == 501
    assert client.post("/v1/jobs", "{}").status == 422
    assert harness.Client(watched.port).get("/v1/jobs").status == 401
    after = Metrics(watched)

    def grown(name, **labels):
        return after(name, **labels) - before(name, **labels)

    requests = "http_server_requests_total"
    assert grown(requests, method="GET", route="/v1/jobs", status="200") == 7
    assert grown(requests, method="GET", route="/v1/jobs", status="401") == 1
    assert grown(requests, method="GET", route="none", status="404") == 5
    assert grown(requests, method="other", route="none", status="501") == 3
    assert grown(requests, method="POST", route="/v1/jobs", status="422") == 1
    # The first look counts among the requests of the second.
    assert grown(requests, method="GET", route="/metrics", status="200") == 1
    assert after.total(requests) - before.total(requests) == 18
    jobs = {"method": "GET", "route": "/v1/jobs"}
    assert grown("http_server_request_duration_seconds_count", **jobs) == 8
    assert grown("http_server_request_duration_seconds_bucket", le="+Inf", **jobs) == 8
    assert grown("http_server_request_body_bytes_total", method="POST", route="/v1/jobs") == 2
    assert grown("http_server_response_bytes_total", **jobs) > 7 * 100
    # The client's, the stranger's and the second look's.
    assert grown("http_server_connections_total") == 3
    assert "secret" not in after.text and KEY not in after.text and "nowhere" not in after.text


@pytest.mark.parametrize("cause", REFUSED)
def test_refusals_are_counted_by_cause(watched, cause):
    status, raw = REFUSED[cause]
    before = Metrics(watched)
    for _ in range(2):
        assert exchange(watched.port, raw).startswith(b"HTTP/1.1 %d " % status)
    after = Metrics(watched)
    name = "http_server_refusals_total"
    # Of every other cause nothing is counted; the connections of the looks themselves end without one.
    assert {k: after.samples[name][k] - v for k, v in before.samples[name].items() if after.samples[name][k] != v} == {
        (("cause", cause),): 2}


def test_a_jobs_pages_items_and_fetches_add_up(watched):
    pages = {f"/{n}": ("text/html", b"<p>one</p><p>two</p>") for n in range(20)}
    with harness.PlainSite(pages) as site:
        before = Metrics(watched)
        urls = [f"{site.origin}/{n}" for n in range(20)] + [f"{site.origin}/missing/{n}" for n in range(4)]
        job = {"name": "counted", "start": urls, "pages": {"page": {"each": "p", "fields": {"text": "."}}}}
        client = harness.Client(watched.port, KEY)
        status = client.finished(client.submit(job))
        after = Metrics(watched)

    def grown(name, **labels):
        return after(name, **labels) - before(name, **labels)

    assert grown("scrape_pages_total", result="fetched") == status["progress"]["fetched"] == 20
    assert grown("scrape_pages_total", result="failed") == status["progress"]["failed"] == 4
    assert grown("scrape_items_total") == status["progress"]["items"] == 40
    assert grown("scrape_fetch_duration_seconds_count", status="2xx") == 20
    assert grown("scrape_fetch_duration_seconds_count", status="4xx") == 4 + 1, "the missing robots.txt was fetched as well"
    assert grown("scrape_fetched_bytes_total") >= 20 * 20
    assert grown("scrape_jobs_ended_total", reason="finished") == 1
    assert after("scrape_fetches_in_flight") == 0
    assert after("scrape_database_connections", pool="jobs", state="idle") >= 1


def test_the_process_tells_what_it_uses(watched):
    metrics = Metrics(watched)
    assert metrics("process_start_time_seconds") > 1.5e9
    assert metrics("process_resident_memory_bytes") > 1 << 20
    assert metrics("process_cpu_seconds_total") > 0
    assert 5 < metrics("process_open_fds") < metrics("process_max_fds")
    types = {f.name: f.type for f in text_string_to_metric_families(metrics.text)}
    assert types["process_cpu_seconds"] == "counter"
    assert all(f.documentation for f in text_string_to_metric_families(metrics.text)), "every metric has its help"


def test_each_request_is_one_json_line_without_its_query(binary):
    with harness.Service(binary) as service:
        client = harness.Client(service.port)
        client.request("GET", "/v1/jobs?name=hidden", headers={"X-Request-Id": "first-1", "Cookie": "hidden=1"})
        client.request("GET", "/no%22where%5C", headers={"X-Request-Id": "second-2"})
        client.request("POST", "/v1/jobs", "[]", headers={"X-Request-Id": "third-3"})
        exchange(service.port, b"GET / HTTP/1.1\r\n\r\n")
        assert service.stop() == 0
        text = service.log_path.read_text()
    assert "hidden" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    requests = {line["request_id"]: line for line in lines if line["message"] == "request"}
    first = requests["first-1"]
    assert first["status"] == 200 and first["complete"] is True and first["duration_ms"] > 0
    assert (first["method"], first["route"], first["path"]) == ("GET", "/v1/jobs", "/v1/jobs")
    assert first["remote_address"] == "127.0.0.1" and first["response_bytes"] > 100
    assert "route" not in requests["second-2"] and requests["second-2"]["path"] == "/no%22where%5C"
    assert requests["third-3"]["request_bytes"] == 2 and requests["third-3"]["status"] == 422
    refused = [line for line in requests.values() if "method" not in line]
    assert [line["status"] for line in refused] == [400]


def test_the_access_log_can_be_left_out_and_the_log_be_text(binary):
    with harness.Service(binary, arguments=["--access-log", "off", "--log-format", "text"]) as service:
        assert service.client.get("/healthz").status == 200
        assert service.stop() == 0
        text = service.log_path.read_text()
    assert "scrape-service: " in text and "/healthz" not in text and '{"time"' not in text
