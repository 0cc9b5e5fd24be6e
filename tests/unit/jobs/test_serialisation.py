"""What the job engine keeps is JSON, and reading it runs nothing."""

from __future__ import annotations

import base64
import json
import pickle

import pytest

from stemwright.errors import JobNotFound
from stemwright.jobs.serialisation import JsonSerialiser

KEPT = JsonSerialiser()


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("something that was read has run",))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"args": ["job_1", 3], "kwargs": {}},
        {"attempt": 2, "outcome": {"artefacts": [], "facts": {"bpm": 98.5, "key": "ä♯"}}},
        [True, -1.5, "", {}],
    ],
)
def test_what_is_kept_comes_back_as_it_was(value):
    kept = KEPT.serialize(value)

    assert json.loads(kept) == value
    assert KEPT.deserialize(kept) == value


def test_an_error_is_kept_as_its_class_and_text():
    found = KEPT.deserialize(KEPT.serialize(JobNotFound("job_1")))

    assert type(found) is RuntimeError
    assert str(found) == f"JobNotFound: {JobNotFound('job_1')}"


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), {"deep": [b""]}])
def test_what_json_cannot_say_is_refused_when_it_is_written(value):
    with pytest.raises(TypeError, match="cannot be kept"):
        KEPT.serialize(value)


def test_a_pickle_that_somebody_put_into_the_database_is_not_run():
    planted = base64.b64encode(pickle.dumps(Bomb())).decode()

    with pytest.raises(ValueError, match="Expecting value"):
        KEPT.deserialize(planted)
