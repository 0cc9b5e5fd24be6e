"""A licence is accepted once, by somebody, in the words it has."""

from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread

from stemwright.engine.acceptances import Acceptances
from stemwright.engine.catalog import DEMUCS_WEIGHTS, DENOISE_MODEL, NOTE_MODEL
from stemwright.engine.weights import ModelStore
from support.gain_cli import install_model

NOW = datetime(2030, 2, 1, 9, tzinfo=UTC)


def opened(folder, now=NOW):
    return Acceptances(folder, lambda: now)


def test_who_accepts_first_is_remembered_by_every_process(tmp_path):
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="ada", how="asked")
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="grace", how="option")

    found = opened(tmp_path).of(DEMUCS_WEIGHTS)
    assert (found.by, found.how, found.at) == ("ada", "asked", "2030-02-01T09:00:00+00:00")


def test_who_says_so_takes_the_place_of_where_nobody_was_asked(tmp_path):
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="serve", how="unattended")
    assert not opened(tmp_path).of(DEMUCS_WEIGHTS).is_said
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="ada", how="studio")
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="serve", how="unattended")
    assert opened(tmp_path).of(DEMUCS_WEIGHTS).by == "ada"


def test_a_licence_nobody_accepted_is_not_accepted(tmp_path):
    opened(tmp_path).accept(NOTE_MODEL.licence, by="ada", how="asked")
    assert opened(tmp_path).of(DEMUCS_WEIGHTS) is None


def test_other_terms_under_the_same_name_are_accepted_anew(tmp_path):
    opened(tmp_path).accept(DEMUCS_WEIGHTS, by="ada", how="asked")
    changed = replace(DEMUCS_WEIGHTS, terms="For nobody.")

    assert opened(tmp_path).of(changed) is None
    assert opened(tmp_path).accept(changed, by="grace", how="option").by == "grace"


def test_models_installed_before_there_was_a_list_count(tmp_path):
    install_model(tmp_path)
    store = ModelStore(tmp_path / "models")

    assert store.accepted.of(DEMUCS_WEIGHTS).how == "earlier"
    assert not store.accepted.of(DEMUCS_WEIGHTS).is_said
    assert store.accepted.accept(DEMUCS_WEIGHTS, by="a", how="unattended").how == "earlier"
    (tmp_path / "models" / "htdemucs" / "record.json").unlink()
    assert store.accepted.of(DEMUCS_WEIGHTS).how == "earlier"


def test_a_list_that_cannot_be_read_is_no_consent(tmp_path):
    for text in ("", "[]", "not json", '{"demucs-research": {"who": 1}}'):
        (tmp_path / "licences.json").write_text(text)
        assert opened(tmp_path).of(DEMUCS_WEIGHTS) is None


def test_of_many_at_once_none_is_lost(tmp_path):
    licences = [replace(DENOISE_MODEL.licence, name=f"licence-{place}") for place in range(12)]
    threads = [
        Thread(target=opened(tmp_path).accept, args=(licence,), kwargs={"by": "a", "how": "asked"})
        for licence in licences
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(opened(tmp_path).of(licence) for licence in licences)
