"""Models are installed in the background, one after the other, and what goes wrong is said."""

import pytest

from stemwright.engine.catalog import DEMUCS_WEIGHTS
from stemwright.errors import (
    LicenceNotAccepted,
    LicenceRefused,
    ModelInUse,
    OptionError,
    UnknownModel,
)
from support.hub_server import Gate
from support.live_server import wait_until
from support.model_bench import CONTENTS, DENOISER, NOTES, ModelBench


@pytest.fixture
def bench(tmp_path):
    with ModelBench(tmp_path) as bench:
        yield bench


def test_a_model_is_installed_by_another_process(bench):
    bench.install()
    state = bench.wait_installed()

    assert (bench.folder / NOTES / "network.onnx").read_bytes() == CONTENTS[NOTES]
    assert state.origin == bench.hub.url(f"/{NOTES}.bin")
    assert state.disk_bytes > len(CONTENTS[NOTES])
    assert state.installation is None
    # the memory that it took goes with it
    wait_until(lambda: not bench.children._idle, "the end of the child")


def test_progress_is_told_while_it_comes(bench):
    gate = bench.files[NOTES].gate = Gate(after=100_000)
    bench.install()
    wait_until(lambda: bench.state().installation.fraction > 0, "progress")
    step = bench.state().installation.step

    assert (step.phase, step.file, step.files) == ("downloading", 1, 1)
    assert step.source == bench.hub.url(f"/{NOTES}.bin")
    assert bench.models.shelf().is_busy
    gate.opened.set()
    bench.wait_installed()
    assert not bench.models.shelf().is_busy


def test_the_next_one_waits_for_its_turn(bench):
    gate = bench.files[NOTES].gate = Gate(after=1000)
    bench.install(NOTES)
    bench.install(DENOISER)
    bench.install(DENOISER)
    assert gate.reached.wait(60)
    assert bench.state(DENOISER).installation.state == "queued"
    gate.opened.set()

    bench.wait_installed(NOTES)
    bench.wait_installed(DENOISER)
    assert [seen.path for seen in bench.hub.requests] == [f"/{NOTES}.bin", f"/{DENOISER}.bin"]


def test_what_was_cancelled_is_continued_the_next_time(bench):
    gate = bench.files[NOTES].gate = Gate(after=100_000)
    bench.install()
    wait_until(lambda: bench.state().installation.fraction > 0, "progress")
    bench.models.cancel(NOTES)
    state = bench.wait_for("cancelled")
    assert not state.is_installed
    gate.opened.set()
    bench.files[NOTES].gate = None

    bench.install()
    bench.wait_installed()
    assert bench.hub.ranges_asked()[-1].startswith("bytes=")


def test_one_that_waits_is_cancelled_at_once(bench):
    gate = bench.files[NOTES].gate = Gate(after=1000)
    bench.install(NOTES)
    bench.install(DENOISER)
    assert bench.models.cancel(DENOISER).installation is None
    gate.opened.set()
    bench.wait_installed(NOTES)
    assert not bench.state(DENOISER).is_installed


def test_a_failure_says_why_and_the_next_attempt_may_do(bench):
    bench.hub.statuses[f"/{NOTES}.bin"] = 503
    bench.install()
    state = bench.wait_for("failed")
    assert "503" in state.installation.problem
    assert "could not be fetched" in state.installation.problem

    del bench.hub.statuses[f"/{NOTES}.bin"]
    bench.install()
    bench.wait_installed()


def test_a_failure_is_forgotten_once_the_model_is_there(bench):
    bench.hub.statuses[f"/{NOTES}.bin"] = 503
    bench.install()
    bench.wait_for("failed")
    (bench.folder / "network.onnx").write_bytes(CONTENTS[NOTES])
    bench.store.pull(bench.state().model, from_path=bench.folder / "network.onnx")
    assert bench.state().installation is None


def test_a_failure_does_not_keep_the_others_from_their_turn(bench):
    bench.files[NOTES].content = b"something else"
    bench.install(NOTES)
    bench.install(DENOISER)
    bench.wait_installed(DENOISER)
    assert "checksum" in bench.wait_for("failed").installation.problem
    assert bench.models.cancel(NOTES).installation is None


def test_a_licence_is_accepted_once_and_by_whom_is_kept(bench):
    with pytest.raises(LicenceNotAccepted, match="Apache License"):
        bench.install(accepts=False)
    assert bench.state().installation is None

    bench.install()
    bench.wait_installed()
    assert (bench.state().acceptance.by, bench.state().acceptance.how) == (
        "ada@example.org",
        "studio",
    )
    bench.models.remove(NOTES)
    bench.install(accepts=False, by="grace@example.org")
    bench.wait_installed()
    assert bench.state().acceptance.by == "ada@example.org"


def test_what_the_policy_refuses_is_not_installed_whoever_accepts(tmp_path):
    with ModelBench(tmp_path, policy="commercial") as bench:
        assert "commercial use" in bench.state("closed").refusal
        with pytest.raises(LicenceRefused):
            bench.install("closed")
        assert bench.store.accepted.of(DEMUCS_WEIGHTS) is None
        assert bench.state(NOTES).refusal is None


def test_a_model_that_jobs_need_stays(tmp_path):
    needed = [2]
    with ModelBench(tmp_path, in_use=lambda _model: needed[0]) as bench:
        bench.install()
        bench.wait_installed()
        with pytest.raises(ModelInUse, match="2 jobs"):
            bench.models.remove(NOTES)
        needed[0] = 0
        assert bench.models.remove(NOTES)
        assert not bench.models.remove(NOTES)


def test_what_is_being_installed_is_not_removed(bench):
    gate = bench.files[NOTES].gate = Gate(after=1000)
    bench.install()
    assert gate.reached.wait(60)
    with pytest.raises(ModelInUse, match="Cancel"):
        bench.models.remove(NOTES)
    gate.opened.set()
    bench.wait_installed()


def test_closing_ends_what_is_under_way(bench):
    gate = bench.files[NOTES].gate = Gate(after=1000)
    bench.install()
    assert gate.reached.wait(60)
    bench.models.close()
    bench.wait_for("cancelled")
    assert bench.install(DENOISER).installation is None


def test_names_that_are_none_are_refused(bench):
    for change in (bench.install, bench.models.cancel, bench.models.remove, bench.models.find):
        with pytest.raises(UnknownModel, match="spleeter"):
            change("spleeter")
    with pytest.raises(UnknownModel):
        bench.models.choose("best", "spleeter")
    with pytest.raises(OptionError):
        bench.models.choose("finest", "htdemucs")


def test_a_choice_shows_in_the_tiers(bench):
    bench.models.choose("best", "mdx_extra")
    shelf = bench.models.shelf()
    assert (shelf.tiers["best"], shelf.chosen["best"]) == ("mdx_extra", "mdx_extra")
    assert (shelf.tiers["fast"], shelf.chosen["fast"]) == ("htdemucs", None)
