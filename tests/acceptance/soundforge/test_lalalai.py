"""Stories of songs that lalal.ai separates, and of what its account says."""

from __future__ import annotations

import io

import pytest
import soundfile

from support.forge_people import Person, post
from support.forge_world import ENDED, TRACK_PAGE
from support.live_server import wait_until

SEPARATE, QUOTA = "/api/processing/separate", "/api/lalalai/quota"
CANCEL, CANCEL_ALL = "/api/lalalai/cancel", "/api/lalalai/cancel-all"
NEVER = (37,)
"""What a task goes through that does not end."""


@pytest.fixture
def endless(world, around):
    """Begin a separation that goes on until it is cancelled; our id and theirs."""

    def begun(person, track):
        around.lalalai.service.scripts.append(NEVER)
        order = {"track_id": track, "engine": "lalalai", "stem_filter": "vocals"}
        answer = person.api.post(SEPARATE, json=order)
        assert answer.status_code == 201, answer.text
        job_id = answer.json()["data"]["job_id"]
        wait_until(lambda: now(person, job_id).get("task_id") is not None, "the task")
        return job_id, now(person, job_id)["task_id"]

    return begun


def now(person, job_id):
    return person.api.get(f"/api/processing/job/{job_id}").raise_for_status().json()["data"]


def cancel(person, path=CANCEL, **body):
    return person.browser.post(path, json=body, headers={"x-csrf-token": person.token})


def assert_cancelled(person, job_id):
    wait_until(lambda: now(person, job_id)["status"] in ENDED, f"the end of {job_id}")
    job = now(person, job_id)
    assert job["status"] == "failed"
    assert "cancelled" in job["error"].lower()
    assert job["stems"] == []


def state_there(around, task_id):
    return around.lalalai.service.tasks[task_id].now


def test_stems_of_lalalai_are_stems_as_any(world):
    job = world.done(
        "processing",
        SEPARATE,
        track_id=world.other_track,
        engine="lalalai",
        stem_filter="vocals",
    )

    stems = {stem["stem_type"]: stem for stem in job["stems"]}
    assert set(stems) == {"vocals", "instrumental"}
    assert {stem["source"] for stem in stems.values()} == {"lalalai"}
    wav = world.alice.api.get(stems["vocals"]["download_url"]).content
    assert soundfile.info(io.BytesIO(wav)).format == "WAV"


def test_a_task_is_cancelled_by_the_id_lalalai_has_for_it(world, around, endless):
    job_id, task_id = endless(world.alice, world.other_track)
    running = now(world.alice, job_id)
    assert (running["status"], running["stems"]) == ("processing", [])
    assert cancel(world.bob, task_id=task_id).status_code == 404
    answer = cancel(world.alice, task_id=task_id)

    assert answer.status_code == 200
    assert answer.json()["data"] == {"task_id": task_id, "status": "cancelled"}
    assert answer.json()["success"] is True
    assert "result" in answer.json()
    assert_cancelled(world.alice, job_id)
    assert state_there(around, task_id) == "cancelled"


def test_a_task_is_cancelled_by_the_id_we_have_for_its_job(world, around, endless):
    job_id, task_id = endless(world.alice, world.other_track)
    answer = cancel(world.alice, task_id=job_id)

    assert answer.json()["data"] == {"task_id": job_id, "status": "cancelled"}
    assert_cancelled(world.alice, job_id)
    assert state_there(around, task_id) == "cancelled"


def test_all_tasks_are_those_of_the_caller(world, around, endless):
    url = f"{TRACK_PAGE}/{world.spotify_track}"
    order = world.bob.api.post("/api/download/track", json={"url": url}).json()["data"]
    read = f"/api/download/job/{order['job_id']}"
    wait_until(
        lambda: world.bob.api.get(read).json()["data"]["status"] == "completed", "Bob's song"
    )
    bobs_job, bobs_task = endless(world.bob, order["track_id"])
    tasks = [endless(world.alice, world.other_track)[1] for _ in range(2)]

    told = cancel(world.alice, CANCEL_ALL).json()
    assert told["data"]["cancelled"] == 2
    assert set(told["data"]["task_ids"]) == set(tasks)
    assert state_there(around, bobs_task) != "cancelled"
    assert now(world.bob, bobs_job)["status"] not in ENDED
    assert "cancel/all" not in around.lalalai.operations()
    assert cancel(world.bob, CANCEL_ALL).json()["data"]["task_ids"] == [bobs_task]


def test_minutes_are_those_of_a_key_of_ones_own(service, around):
    person = Person(service)
    around.lalalai.account("own-licence-000000000000000007", minutes=12.5, limit=20.0, used=7.5)
    enter(person, "own-licence-000000000000000007")
    told = person.browser.get(QUOTA).json()

    assert told["data"] == {"quota_minutes": 20, "used_minutes": 7.5, "remaining_minutes": 12.5}
    assert told["minutes_left"] == 12.5
    person.close()


def enter(person, licence):
    answer = post(
        person.browser,
        "/users/settings",
        _method="put",
        action="update_lalalai_key",
        lalalai_key=licence,
    )
    assert answer.status_code == 302


def test_what_lalalai_refuses_is_its_failure(service):
    person = Person(service)
    enter(person, "a-licence-that-does-not-exist-0")
    answer = person.browser.get(QUOTA)

    assert (answer.status_code, answer.json()["code"]) == (502, "lalalai_error")
    assert isinstance(answer.json()["error"], str)
    assert "a-licence" not in answer.text
    person.close()
