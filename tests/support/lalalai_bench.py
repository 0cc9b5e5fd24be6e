"""The engine ``lalalai`` as the product puts it together, against the stand-in, without waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from stemwright.audio.decode import SongFile
from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.lalalai.api import LalalaiApi
from stemwright.features.lalalai.licences import LicenceKey, LicenceKeys
from stemwright.features.lalalai.orders import SplitOrder
from stemwright.features.lalalai.poller import Pollers
from stemwright.features.lalalai.remembered import Remembered
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.lalalai.split import Splitter
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs, NewJob
from stemwright.kit.sealing import Sealer
from stemwright.web.client import GuardedClient, Limits

from .lalalai_rules import sound
from .lalalai_server import LalalaiServer
from .task_queue import FakeTaskQueue

ALICE, BOB = "usr_alice", "usr_bob"
SHARED = "shared-licence-0000000000000001"
OWN = "alices-licence-0000000000000002"
BEGIN = 2_000_000_000.0


@dataclass
class FakeTime:
    """Passes only when somebody sleeps; the server's clock is the same."""

    seconds: float = BEGIN
    slept: list[float] = field(default_factory=list)
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        due = [event for event in self.at if event[0] <= self.seconds]
        self.at = [event for event in self.at if event not in due]
        for _, happen in due:
            happen()

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen while others sleep."""
        self.at.append((self.seconds + seconds, happen))


@dataclass
class Kept:
    """What a job handler would have persisted and shown."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str | None] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    overtaken: bool = False

    def remembered(self, key: LicenceKey | None = None, **known: Any) -> Remembered:
        return Remembered(
            key or LicenceKey("global", SHARED),
            **known,
            keep=self._keep,
            tell=self.notes.append,
            end=self.endings.append,
            is_overtaken=lambda: self.overtaken,
        )

    def _keep(self, remembered: Remembered) -> None:
        names = ("idempotency_key", "task_id", "task_began_at", "minutes")
        known = {name: getattr(remembered, name) for name in names}
        source = remembered.source
        self.changes.append({**known, "source_id": source.id if source else None})


class Bench:
    """Everything a separation passes through; close it after use."""

    def __init__(self, server: LalalaiServer, time: FakeTime, folder: Path) -> None:
        self.server, self.time, self.folder = server, time, folder
        server.account(SHARED)
        client = GuardedClient(limits=Limits(idle_s=5.0))
        self.api = LalalaiApi(client, server.url)
        self.database = Database(f"sqlite:///{folder / 'bench.sqlite3'}")
        Table.metadata.create_all(self.database.engine)
        self.queue = FakeTaskQueue(time.clock)  # type: ignore[arg-type]
        self.jobs = Jobs(self.database, self.queue, clock=time.clock)
        sealer = Sealer(b"the instance's own secret")
        self.keys = LicenceKeys(self.database, sealer, shared=SHARED, clock=time.clock)
        self.lalalai = Lalalai(self.database, self.api, self.keys, self.jobs, clock=time.clock)
        self.splitter = self.new_splitter()
        self.progress: list[float] = []

    def close(self) -> None:
        self.database.close()

    def new_splitter(self, **more: Any) -> Splitter:
        """Another process's."""
        pollers = Pollers(self.api, self.time.now, self.time.sleep)
        return Splitter(self.api, pollers, clock=self.time.clock, sleep=self.time.sleep, **more)

    def song(self, seconds: int = 1) -> Path:
        path = self.folder / "My Träck.wav"
        path.write_bytes(sound(5, seconds * 44_100))
        return path

    def split(
        self,
        order: SplitOrder,
        remembered: Remembered,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        song: Path | None = None,
    ) -> dict[str, Path]:
        folder = Path(mkdtemp(prefix="stems-", dir=self.folder))
        return self.splitter.split(
            song or self.song(),
            order,
            folder,
            remembered=remembered,
            progress=self.progress.append,
            cancelled=cancelled,
        )

    def job(self, owner: str = ALICE, *, engine: str = "lalalai") -> Job:
        """A job that waits."""
        new = NewJob(kind="processing", owner=owner, request={"engine": engine}, facts={})
        with self.database.transaction() as session:
            return self.jobs.create(session, new)

    def running(self, owner: str = ALICE) -> Job:
        """A job that an attempt has begun."""
        job = self.jobs.begin(self.job(owner).id)
        assert job is not None
        return job

    def with_task(self, owner: str = ALICE) -> tuple[Job, Remembered]:
        """A job whose task runs over there."""
        job = self.running(owner)
        remembered = self.lalalai.begin(job)
        source = self.api.upload(remembered.key, self.song(), "song", lambda _done, _size: None)
        remembered.uploaded(source)
        presets = {"stem": "vocals", "encoder_format": "wav"}
        key = f"0f6c1c0a-5d0e-4f54-a8f6-{len(self.server.service.tasks):012}"
        remembered.will_begin(key)
        task_id = self.api.split(remembered.key, "stem_separator", source.id, presets, key)
        remembered.began(task_id, self.time.clock(), 0.5)
        return job, remembered


def level_of(path: Path) -> int:
    """The one value of all samples, in the steps of 16 bits."""
    samples = np.concatenate(list(SongFile(path).blocks()), axis=1)
    assert np.ptp(samples) == 0
    return round(float(samples[0, 0]) * 32_768)
