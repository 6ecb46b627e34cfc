"""The README's lines of curl, run as they are written: only the two ports are other ones here."""

import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import harness

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANUAL = "/usr/share/gimp/2.0/help/nl"


@pytest.fixture(scope="module")
def workplace(service, tmp_path_factory):
    """A directory with the example job, and the manual served as the README says."""
    port = harness.free_port()
    directory = tmp_path_factory.mktemp("readme")
    (directory / "Examples/jobs").mkdir(parents=True)
    job = (ROOT / "Examples/jobs/gimp-help.json").read_text().replace(":8081/", f":{port}/")
    (directory / "Examples/jobs/gimp-help.json").write_text(job)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", MANUAL]
    server = subprocess.Popen(command, **harness.NOBODY_ELSE)
    harness.wait_until(lambda: harness.is_listening(port), 10, "the manual is served")
    yield directory
    harness.stop_process(server)


def curl_lines():
    text = (ROOT / "README.md").read_text()
    section = text[text.index("Five lines of curl"):]
    lines = re.findall(r"^    (.*)$", section, re.MULTILINE)[:5]
    assert len(lines) == 5 and all("curl" in line for line in lines), lines
    return lines


def test_the_five_curl_lines_work_as_written(service, workplace):
    script = "set -euxo pipefail\n" + "\n".join(curl_lines()).replace("localhost:8080", f"127.0.0.1:{service.port}")
    done = subprocess.run(["bash", "-c", script], cwd=workplace, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr, service.log_tail())
    first, _, rest = done.stdout.partition("\n}\n")
    status = json.loads(first + "\n}")
    assert status["status"] == "completed" and status["outcome"] == "ok", status
    assert status["progress"]["fetched"] == 685, status
    assert rest.count('"text"') == 3, rest
    rows = (workplace / "paragraphs.csv").read_text().splitlines()
    assert rows[0] == "seq,url,page,scraped_at,text" and len(rows) > status["progress"]["items"]
    assert xml.etree.ElementTree.parse(workplace / "words.svg").getroot().tag.endswith("svg")


def test_the_bad_job_of_the_readme_is_told_what_is_wrong(service):
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if "h1[" in line)
    command = line.strip().replace("localhost:8080", f"127.0.0.1:{service.port}")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
    problem = json.loads(done.stdout)
    assert problem["status"] == 422
    assert [place["pointer"] for place in problem["errors"]] == ["/pages/p/fields/t"]
