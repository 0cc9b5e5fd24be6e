"""The whole service in a process of its own, whose separations wait for the test."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .forge_people import Person, post
from .forge_service import NO_LIMITS
from .gain_cli import install_model
from .live_server import Service, wait_until
from .media import write_pcm
from .repository import ROOT
from .stem_jobs import StemJobs

SONG_S = 20


class PacedService(Service):
    """Separations go as far as they may, and all the way unless they are held."""

    def __init__(
        self,
        data_dir: Path,
        environment: Mapping[str, str] | None = None,
        *,
        command: tuple[str, ...] = ("serve",),
    ) -> None:
        install_model(data_dir, "htdemucs")
        self._pace = data_dir.with_name(f"{data_dir.name}-pace")
        own = {
            **NO_LIMITS,
            "PYTHONPATH": str(ROOT / "tests"),
            "PACE": str(self._pace),
            "STEMWRIGHT_MODELS_DIR": str(data_dir / "models"),
            "STEMWRIGHT_TRUSTED_PROXIES": "127.0.0.1",
            "STEMWRIGHT_DRAIN_S": "0",
        }
        super().__init__(
            data_dir, {**own, **(environment or {})}, command=command, module="support.paced_serve"
        )

    @property
    def endpoint(self) -> str:
        """What Phoenix clients are given; they add the rest themselves."""
        return f"{self.url.replace('http', 'ws')}/socket"

    def hold(self, seconds: int = 0) -> None:
        """Let separations come so far into the song."""
        made = self._pace.with_suffix(".new")
        made.write_text(str(seconds))
        made.rename(self._pace)

    def release(self) -> None:
        """Let them all go on."""
        self._pace.unlink(missing_ok=True)

    def finish(self) -> None:
        """Let them, and wait until nothing is left to be done; on SQLite."""
        self.release()
        wait_until(self._is_idle, "the end of all jobs")

    def _is_idle(self) -> bool:
        with closing(sqlite3.connect(self.data_dir / "stemwright.sqlite3")) as database:
            query = "SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')"
            return bool(database.execute(query).fetchone() == (0,))


class Listener(Person):
    """Somebody with an account, who orders jobs of either API, all of one song."""

    @cached_property
    def stem_jobs(self) -> StemJobs:
        return StemJobs(self.service, self.key)

    @cached_property
    def song(self) -> str:
        """The job that brought the song into the library."""
        job_id = str(self.add_song()["job_id"])
        wait_until(lambda: self._download(job_id)["status"] == "completed", "the song")
        return job_id

    @property
    def track(self) -> str:
        """What the library calls it."""
        return str(self._download(self.song)["track_id"])

    def add_song(self, **more: Any) -> dict[str, Any]:
        """Bring the song into the library from an upload."""
        return self._ordered("/api/download/track", upload_key=self._uploaded(), **more)

    def order(self, kind: str) -> str:
        """Create a job: ``stems`` of the StemSplit API, ``processing`` of Sound Forge's."""
        if kind == "stems":
            return str(self.stem_jobs.create(self._uploaded())["id"])
        return str(self._ordered("/api/processing/separate", track_id=self.track)["job_id"])

    def _download(self, job_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.api.get(f"/api/download/job/{job_id}").json()["data"]
        assert told["status"] != "failed", told
        return told

    def _ordered(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.api.post(path, json=body)
        assert answer.status_code == 201, answer.text
        ordered: dict[str, Any] = answer.json()["data"]
        return ordered

    def _uploaded(self) -> str:
        return self.stem_jobs.upload(_song(self.service.data_dir.with_name("song.wav")))


@contextmanager
def listening(service: PacedService) -> Iterator[Listener]:
    """Somebody new, who has all that is needed."""
    listener = Listener(service)
    try:
        yield listener
    finally:
        listener.close()


def cookies_of(person: Person, origin: str | None = None) -> dict[str, str]:
    """What their browser sends where a page opens a socket: by itself one of the service's own."""
    kept = "; ".join(f"{it.name}={it.value}" for it in person.browser.cookies.jar)
    return {"cookie": kept, "origin": origin or person.service.url}


def revoke_on_page(person: Person) -> None:
    """Have somebody take the oldest key back."""
    page = person.browser.get("/users/settings").text
    found = re.search(r'name="user\[key_id\]" value="([^"]+)"', page)
    assert found, page
    post(person.browser, "/users/settings", _method="put", action="revoke_key", key_id=found[1])


def _song(path: Path) -> Path:
    if not path.exists():
        noise = np.random.default_rng(1).normal(0, 0.1, (1, SONG_S * 44_100))
        write_pcm(path, noise.astype(np.float32))
    return path
