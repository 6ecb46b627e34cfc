"""`Idempotency-Key`: one job whatever the client repeats, over two replicas and over a `kill -9`."""

import concurrent.futures
import json

import harness

KEY = {"Idempotency-Key": "order-1", "Content-Type": "application/json"}


def body(name="once"):
    port = harness.free_port()
    return json.dumps({"name": name, "start": f"http://127.0.0.1:{port}/", "pages": {"p": {"fields": {"t": "h1"}}}})


def post(client, text, key="order-1"):
    return client.request("POST", "/v1/jobs", text, {**KEY, "Idempotency-Key": key})


def test_one_key_on_two_replicas_at_once_is_one_job(binary):
    with harness.Postgres() as postgres:
        arguments = ["--database-url", postgres.url]
        with harness.Service(binary, arguments=arguments) as first, harness.Service(binary, arguments=arguments) as second:
            text = body()
            for turn in range(10):
                def send(number):
                    replica = (first, second)[number % 2]
                    return post(harness.Client(replica.port), text, f"race-{turn}")

                with concurrent.futures.ThreadPoolExecutor(16) as pool:
                    answers = list(pool.map(send, range(16)))
                assert [answer.status for answer in answers] == [202] * 16
                assert len({harness.as_json(answer)["id"] for answer in answers}) == 1
                assert len({answer.headers["Location"] for answer in answers}) == 1
            listed = list(second.client.walk("/v1/jobs"))
            assert len(listed) == 10 == len({status["id"] for status in listed})
            other = post(second.client, body("another"), "race-0")
            assert other.status == 422 and harness.as_json(other)["code"] == "idempotency_key_reused"


def test_a_key_outlives_a_kill(binary):
    service = harness.Service(binary)
    try:
        service.start()
        text = body()
        first = post(service.client, text)
        assert first.status == 202
        service.kill()
        service.start()
        again = post(service.client, text)
        assert again.status == 202 and harness.as_json(again)["id"] == harness.as_json(first)["id"]
        other = post(service.client, body("another"))
        assert other.status == 422 and harness.as_json(other)["code"] == "idempotency_key_reused"
        assert len(list(service.client.walk("/v1/jobs"))) == 1
        service.client.finished(harness.as_json(first)["id"])
        ended = post(service.client, text)
        assert harness.as_json(ended)["id"] == harness.as_json(first)["id"], "also when the job is over"
        assert service.stop() == 0
    finally:
        service.close()


def test_a_post_repeated_until_it_is_answered_makes_one_job_over_kills(binary):
    """A client that loses its answer to a kill repeats the request: there is one job, whichever answer it lost."""
    service = harness.Service(binary)
    rng = harness.seeded_random()
    try:
        service.start()
        for turn in range(3):
            text, key = body(f"turn {turn}"), f"turn-{turn}"
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                lost = pool.submit(lambda: post(harness.Client(service.port), text, key))
                harness.time.sleep(rng.uniform(0, 0.03))
                service.kill()
                lost.exception()
            service.start()
            assert post(service.client, text, key).status == 202
            named = list(service.client.walk(f"/v1/jobs?name=turn%20{turn}"))
            assert len(named) == 1, named
        assert service.stop() == 0
    finally:
        service.close()
