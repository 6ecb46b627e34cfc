"""Fixtures of the end-to-end tests: the built binary, one shared service, and the sites."""

import os

import pytest

import harness


@pytest.fixture(scope="session")
def binary():
    """The built `scrape-service`, as `run` hands it over."""
    path = os.environ.get("SCRAPE_BINARY", "")
    assert os.access(path, os.X_OK), "SCRAPE_BINARY must name the built scrape-service; use Tests/EndToEnd/run"
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def service(binary):
    """One service on its embedded database, allowed to fetch from loopback, for tests that do not harm it."""
    with harness.Service(binary) as running:
        yield running
        assert running.is_alive(), running.log_tail()
        assert running.stop() == 0, "SIGTERM ends the service with status 0"


@pytest.fixture
def client(service):
    """A client of the shared service, which must have survived the test."""
    yield service.client
    assert service.is_alive(), service.log_tail()


@pytest.fixture(scope="session")
def small_site():
    """20 listing pages of 30 adverts without faults: a job of 620 pages."""
    with harness.Site("--pages", "20", "--no-faults", "--concurrency", "64") as site:
        yield site


@pytest.fixture(scope="session")
def slow_site():
    """40 listing pages of 30 adverts, every answer 100 ms late: long enough to interrupt."""
    with harness.Site("--pages", "40", "--no-faults", "--latency-ms", "100", "--concurrency", "32") as site:
        yield site


@pytest.fixture(scope="session")
def conformance_binary():
    """The release build of `ConformanceServer`, the HTTP server alone; CONFORMANCE_BINARY names one that is built."""
    path = os.environ.get("CONFORMANCE_BINARY")
    return os.path.abspath(path) if path else harness.built("ConformanceServer")
