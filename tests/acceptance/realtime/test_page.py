"""What docs/reference/realtime.md shows, run as it stands but for whom and what it is about."""

import re
import shutil
import subprocess

import pytest

from support.phoenix_clients import NODE, needs_node
from support.repository import read

PAGE = "docs/reference/realtime.md"
PATIENCE_S = 60


@pytest.fixture
def shown(service, ann):
    """A block of the page, of a language, about a job of Ann's."""

    def block(language, job):
        text = re.search(rf"^```{language}\n(.*?)^```", read(PAGE), re.MULTILINE | re.DOTALL)[1]
        here = {"localhost:8000": f"127.0.0.1:{service.port}", "sk_live_…": ann.key}
        for placeholder, value in {**here, "JOB_ID": job}.items():
            text = text.replace(placeholder, value)
        return text

    return block


@needs_node
def test_the_script_follows_a_job_to_its_result(ann, shown):
    script = shown("js", ann.order("processing"))
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(
        command, cwd=NODE, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "100 Completed" in done.stdout
    assert "stem_type: 'vocals'" in done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_curl_follows_a_job_to_its_end(ann, shown):
    job = ann.order("stems")
    command = shown("sh", job)
    done = subprocess.run(
        ["sh", "-c", command],
        env={"KEY": ann.key, "JOB": job, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.stdout.startswith("retry: 2000\n\n")
    assert re.search(r"\nid: .*\nevent: job:completed\ndata: {.*}\n\n$", done.stdout)
