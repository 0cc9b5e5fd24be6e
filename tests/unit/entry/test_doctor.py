import dataclasses
import json

import pytest

from stemwright.entry.doctor import examine, run_doctor
from stemwright.entry.wiring import Wiring
from stemwright.errors import OptionError
from stemwright.settings import Settings
from support.gain_cli import install_model


@pytest.fixture
def wiring(tmp_path):
    environ = {"STEMWRIGHT_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}
    return Wiring(settings=lambda: Settings.load(environ))


def findings(wiring):
    return {finding.name: finding for finding in examine(wiring)}


def test_missing_model_is_a_problem_with_its_fix(wiring):
    found = findings(wiring)["model htdemucs"]

    assert (found.state, found.fix) == ("problem", "stemwright models pull htdemucs")


def test_damaged_model_is_a_problem_with_its_fix(wiring, tmp_path):
    install_model(tmp_path / "data")
    found = findings(wiring)["model htdemucs"]

    assert found.state == "problem"
    assert found.fix.startswith("stemwright models remove htdemucs")


def test_dependencies_runtime_and_decoders_are_named_with_versions(wiring):
    found = findings(wiring)

    assert all(found[name].state == "ok" for name in ("numpy", "av", "soxr", "typer", "runtime"))
    assert "libavcodec" in found["decoders"].text
    assert "fast" in found["runtime"].text


def test_folder_that_cannot_be_used_is_a_problem_that_names_the_setting(wiring, tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    found = findings(wiring)["models folder"]

    assert found.state == "problem"
    assert "STEMWRIGHT_MODELS_DIR" in found.fix


def test_wrong_setting_is_reported_and_not_raised(wiring):
    def broken():
        raise OptionError("STEMWRIGHT_PORT: 'x' is not a port")

    found = findings(dataclasses.replace(wiring, settings=broken))["settings"]

    assert found.state == "problem"


def test_unknown_setting_is_noted(wiring, monkeypatch):
    monkeypatch.setenv("STEMWRIGHT_PROT", "1")

    assert "STEMWRIGHT_PROT" in findings(wiring)["settings"].text


def test_json_says_whether_the_machine_is_fit(wiring, capsys):
    status = run_doctor(wiring, as_json=True)
    document = json.loads(capsys.readouterr().out)

    assert (status, document["fit"]) == (1, False)
    assert {"name", "state", "text", "fix"} == set(document["findings"][0])


def test_text_shows_the_fix_below_each_problem(wiring, capsys):
    run_doctor(wiring, as_json=False)

    assert "fix: stemwright models pull htdemucs" in capsys.readouterr().out
