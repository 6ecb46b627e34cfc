"""How long `GET /v1/jobs/{id}` takes at a steady 200 a second while one job after another runs flat out.

The reads are due at fixed times and each is measured from the time it was due, so that a stall counts for every read it
delays. They are made by a process of its own, with precedence over the rest where that is allowed: on two busy cores it
would else measure how long it waits for a processor itself.
"""

import http.client
import json
import multiprocessing
import os
import threading
import time

READS_PER_SECOND = 200
CONNECTIONS = 4
PRECEDENCE = -15


def measure(client, job, reads, show):
    """Keeps jobs running until `reads` were made, and shows the percentiles in milliseconds."""
    first = client.submit(job)
    path = f"/v1/jobs/{first}"
    receiver, sender = multiprocessing.Pipe(duplex=False)
    reader = multiprocessing.Process(target=_read, args=(client.port, path, reads, sender))
    reader.start()
    jobs, current = 1, first
    while not receiver.poll():
        if client.status(current)["terminal"]:
            current = client.submit(job)
            jobs += 1
        time.sleep(0.02)
    times, failures = receiver.recv()
    reader.join()
    client.post(f"/v1/jobs/{current}/cancel")
    client.finished(current, 30)
    times.sort()
    assert not failures, failures[:3]
    percentiles = " ".join(f"p{p:g} {times[int(len(times) * p / 100)] * 1000:.1f}" for p in (50, 90, 99, 99.9))
    show(f"status reads, {READS_PER_SECOND}/s, during {jobs} jobs", f"{percentiles} ms, {len(times)} reads")


def _read(port, path, reads, sender):
    try:
        os.nice(PRECEDENCE)
    except PermissionError:
        pass  # measured all the same, with the reader's own waits in it
    began = time.perf_counter() + 0.1
    times, failures = [], []
    threads = [threading.Thread(target=_connection, args=(port, path, reads, n, began, times, failures))
               for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sender.send((times, failures))


def _connection(port, path, reads, number, began, times, failures):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for read in range(number, reads, CONNECTIONS):
        due = began + read / READS_PER_SECOND
        time.sleep(max(0, due - time.perf_counter()))
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        times.append(time.perf_counter() - due)
        if response.status != 200 or "progress" not in json.loads(body):
            failures.append((response.status, body[:200]))
