"""A well-behaved client: `http_good_client.py PORT` asks until its standard input ends, then prints what it saw."""

import http.client
import json
import select
import sys
import time

PERIOD_SECONDS = 0.01


def main(port):
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    milliseconds, failures, number = [], [], 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PERIOD_SECONDS)[0]:
        number += 1
        connection = kept if number % 2 else http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        began = time.perf_counter()
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            if (answer.status, answer.read()) != (200, b"OK"):
                failures.append(f"status {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
            connection.close()
        milliseconds.append((time.perf_counter() - began) * 1000)
        if connection is not kept:
            connection.close()
    print(json.dumps({"milliseconds": milliseconds, "failures": failures}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
