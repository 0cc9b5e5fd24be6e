"""What the acceptance tests with the official clients share."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from .live_server import Service, wait_until
from .repository import ROOT
from .webhook_receiver import Received, WebhookReceiver

NODE = ROOT / "tests" / "acceptance" / "stemsplit" / "node"
SONG_S = 7
GRANT_S = 100_000
VIDEO = "aBcDeF12345"
TRACK = "an-artist/a-track"
QUICK = {"poll_interval": 0.1, "timeout": 600}
"""How the Python client is to wait: it looks often, and has patience with a busy machine."""


def new_key(service: Service, *options: str) -> str:
    return service.run("keys", "create", "test", *options).split()[0]


def new_account(service: Service, email: str, *options: str) -> str:
    """Open an account and make it a key."""
    service.run("users", "create", email, *options)
    return new_key(service, "--user", email)


class JobReceiver(WebhookReceiver):
    """A receiver of webhooks that can be waited for."""

    def wait_for(self, job_id: str) -> Received:
        """The first call about a job."""
        told = job_id.encode()
        wait_until(lambda: any(told in call.body for call in self.received), f"{job_id} told")
        return next(call for call in self.received if told in call.body)


class NodeError(Exception):
    """What a Node client threw."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["message"])
        self.told = told


@dataclass(frozen=True)
class Node:
    """Calls the official Node client, each time in a process of its own."""

    base_url: str
    key: str

    def __call__(self, scenario: str, **given: object) -> Any:
        done = subprocess.run(
            ["node", NODE / "scenarios.mjs", scenario, json.dumps(given, default=str)],
            capture_output=True,
            text=True,
            timeout=660,
            check=False,
            env=self.environment(),
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        if "thrown" in told:
            raise NodeError(told["thrown"])
        return told["returned"]

    def environment(self) -> dict[str, str]:
        return {
            "HOME": os.environ.get("HOME", "/"),
            "PATH": os.environ["PATH"],
            "STEMSPLIT_API_BASE_URL": self.base_url,
            "STEMSPLIT_API_KEY": self.key,
        }
