"""Nothing of the machine a change was made on travels with it."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pip._internal.models.index import PyPI

from support.repository import ROOT, tracked_files

TEXT = {".cfg", ".in", ".json", ".lock", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml", ""}


def texts():
    for file in tracked_files():
        if file.suffix in TEXT:
            yield file.relative_to(ROOT), file.read_text("utf-8", errors="replace")


def containing(pattern):
    return [str(name) for name, text in texts() if re.search(pattern, text)]


def test_no_path_of_this_checkout_or_of_this_home():
    places = {str(ROOT), *({str(Path.home())} - {"/"})}
    assert containing("|".join(re.escape(place) + "/" for place in places)) == []


def test_no_registry_of_the_python_packager_is_named():
    hosts = {urlsplit(PyPI.simple_url).hostname, PyPI.file_storage_domain}
    assert containing("|".join(map(re.escape, sorted(hosts)))) == []


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_no_registry_of_the_node_packager_is_named():
    done = subprocess.run(
        ["npm", "config", "get", "registry"], capture_output=True, text=True, check=True
    )
    host = urlsplit(done.stdout.strip()).hostname
    assert host
    assert containing(re.escape(host)) == []


def test_scripts_may_be_executed():
    scripts = [
        file for file in tracked_files() if file.suffix == "" and file.read_bytes()[:2] == b"#!"
    ]
    assert ROOT / ".ci" / "run" in scripts
    assert [str(file) for file in scripts if not file.stat().st_mode & 0o100] == []
