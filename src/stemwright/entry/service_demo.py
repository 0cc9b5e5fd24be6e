"""``stemwright serve --demo``: a key, and a song separated through the API with it."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from stemwright.features.accounts.account import ApiKey

from .demo import write_demo_song

if TYPE_CHECKING:
    from .composition import Service

KEY_NAME: Final = "serve --demo"
_POLL_S: Final = 0.5
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "EXPIRED"})

Reply = dict[str, Any]


def run_demo(service: Service, address: str) -> None:
    """Make a key, print it, and have the demo song separated as any client would."""
    secret = _fresh_key(service)
    print(f"your API key is   {secret}")
    print(f"in the browser    {address}/users/register")
    print("making a song and sending it", flush=True)
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{address}/api/v1", headers=headers, trust_env=False) as client:
        started = time.perf_counter()
        job = _ended(client, _ordered(client))
        _say_result(job, time.perf_counter() - started)
    print("\nCtrl-C stops the service.", flush=True)


def _fresh_key(service: Service) -> str:
    """Make a key; those of earlier demonstrations are revoked, since nobody can see them again."""
    accounts = service.accounts
    owner = accounts.ensure_default_user().id
    for key in accounts.list_keys(owner):
        if _is_ours(key):
            accounts.revoke_key(key.id)
    _, secret = accounts.create_key(owner, KEY_NAME)
    return secret


def _is_ours(key: ApiKey) -> bool:
    return key.name == KEY_NAME and key.revoked_at is None


def _ordered(client: httpx.Client) -> Reply:
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "demo.flac"
        write_demo_song(song)
        ticket = client.post("/upload", json={"filename": song.name}).raise_for_status().json()
        content = song.read_bytes()
    httpx.put(ticket["uploadUrl"], content=content, trust_env=False).raise_for_status()
    order = {
        "uploadKey": ticket["uploadKey"],
        "outputType": "FOUR_STEMS",
        "quality": "BALANCED",
        "outputFormat": "FLAC",
    }
    job: Reply = client.post("/jobs", json=order).raise_for_status().json()
    print(f"job {job['id']}: {job['input']['durationSeconds']} s of music", flush=True)
    return job


def _ended(client: httpx.Client, job: Reply) -> Reply:
    """Wait for the end of a job, telling how far it is where somebody looks."""
    while job["status"] not in _ENDED:
        time.sleep(_POLL_S)
        job = client.get(f"/jobs/{job['id']}").raise_for_status().json()
        if sys.stdout.isatty():
            print(f"\r{job['progress']:3d} %", end="", flush=True)
    if sys.stdout.isatty():
        print("\r     \r", end="")
    return job


def _say_result(job: Reply, seconds: float) -> None:
    if job["status"] != "COMPLETED":
        print(f"the demo song failed: {job['errorMessage']}")
        return
    length = job["input"]["durationSeconds"]
    print(f"done in {seconds:.1f} s, {length / seconds:.1f} times faster than realtime; stems:")
    for stem, output in job["outputs"].items():
        print(f"  {stem:8} {output['url']}")
