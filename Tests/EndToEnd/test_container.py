"""A small container: 256 MiB and half a processor, by the kernel's control groups. What was accepted is finished."""

import contextlib
import os
import pathlib
import stat

import pytest

import harness

MEMORY_BYTES = 256 << 20
PERIOD_MICROSECONDS = 100_000
QUOTA_MICROSECONDS = 50_000
JOBS = 6
ROOT = pathlib.Path("/sys/fs/cgroup")


def files():
    """Which files limit memory and processor, by the version of control groups that is mounted."""
    name = f"scrape-service-test-{os.getpid()}"
    if (ROOT / "cgroup.controllers").exists():
        return [(ROOT / name, {"memory.max": MEMORY_BYTES, "cpu.max": f"{QUOTA_MICROSECONDS} {PERIOD_MICROSECONDS}"},
                 "memory.peak")]
    return [(ROOT / "memory" / name, {"memory.limit_in_bytes": MEMORY_BYTES}, "memory.max_usage_in_bytes"),
            (ROOT / "cpu" / name, {"cpu.cfs_period_us": PERIOD_MICROSECONDS, "cpu.cfs_quota_us": QUOTA_MICROSECONDS}, None)]


@contextlib.contextmanager
def container():
    """The groups' directories, made and limited."""
    groups = files()
    try:
        for directory, limits, _ in groups:
            directory.mkdir()
            for name, value in limits.items():
                (directory / name).write_text(str(value))
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error}")
    try:
        yield groups
    finally:
        for directory, _, _ in groups:
            harness.wait_until(lambda: not (directory / "cgroup.procs").read_text(), 30, "the group is empty")
            directory.rmdir()


def test_jobs_are_finished_within_256_mib_and_half_a_processor(binary, small_site):
    with harness.Postgres() as postgres, container() as groups:
        inside = harness.temporary_directory("container") / "scrape-service"
        entries = "".join(f"echo $$ > {directory}/cgroup.procs\n" for directory, _, _ in groups)
        inside.write_text(f'#!/bin/sh\n{entries}exec {binary} "$@"\n')
        inside.chmod(inside.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        with harness.Service(str(inside), arguments=["--database-url", postgres.url]) as service:
            job = {**small_site.job, "fetch": {"concurrency": 1000}}
            jobs = [service.client.submit({**job, "name": f"job {n}"}) for n in range(JOBS)]
            for job_id in jobs:
                status = service.client.finished(job_id)
                assert (status["outcome"], status["progress"]["items"]) == ("ok", 600)
            for directory, _, peak in groups:
                if peak and (directory / peak).exists():
                    used = int((directory / peak).read_text())
                    print(f"{used >> 20} MiB at most of {MEMORY_BYTES >> 20}")
                    assert used < MEMORY_BYTES, "the kernel had to take memory back"
        inside.unlink()
