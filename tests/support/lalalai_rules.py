"""What lalal.ai does with a request, told by its documents and not by our client.

Nothing of the product is imported here: a mistake it makes must not be made here as well.
"""

from __future__ import annotations

import io
import struct
import uuid
import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import soundfile

from support.lalalai_requests import (
    STEMS,
    Refusal,
    file_name,
    ids_of,
    invalid,
    require_order,
    uuid4_of,
)

DAY_S = 86_400
MOST_CHECKS = 30
"""In a minute, per licence."""
LEVELS = {
    label: 1000 * number
    for number, label in enumerate(
        (*STEMS, "no_vocals", "no_multistem", "vocals@0", "vocals@1", "voice", "no_voice"), 1
    )
}
"""Every sample of a track, so that a test hears which one it got; of others it is 99."""
USUAL = (0, 37, 100, "success")


@dataclass
class Account:
    minutes: float = 1000.0
    limit: float = 1200.0
    used: float = 200.0
    longest_s: float = 36_000.0
    most_bytes: int = 10 << 30
    has_batch: bool = True
    checks: deque[float] = field(default_factory=deque)


@dataclass
class Source:
    id: str
    key: str
    name: str
    size: int
    duration: int
    expires: int
    deleted: bool = False


@dataclass
class Task:
    id: str
    key: str
    source: Source
    operation: str
    presets: dict[str, Any]
    created: float
    script: tuple[int | str, ...]
    step: int = -1
    cancelled: bool = False

    @property
    def now(self) -> int | str:
        """Progress, or the name of a status."""
        if self.cancelled:
            return "cancelled"
        return self.script[max(self.step, 0)]

    @property
    def has_started(self) -> bool:
        return self.step >= 0 and self.now != 0

    @property
    def labels(self) -> list[tuple[str, str]]:
        if self.operation == "multistem":
            stems = [("stem", stem) for stem in self.presets["stem_list"]]
            return [*stems, ("back", "no_multistem")]
        stem = self.presets["stem"]
        if self.presets.get("multivocal"):
            voices = [("stem", "vocals@0"), ("stem", "vocals@1")]
            return [*voices, ("back", "no_vocals"), ("back", "mix_no_lead")]
        return [("stem", stem), ("back", f"no_{stem}")]

    @property
    def times(self) -> int:
        return len(self.presets.get("stem_list", "1"))


@dataclass
class Service:
    """All accounts, by licence key; tests change what they need."""

    now: Callable[[], float]
    accounts: dict[str, Account] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    begun_with: dict[tuple[str, str], str] = field(default_factory=dict)
    scripts: deque[tuple[int | str, ...]] = field(default_factory=deque)
    """What the next tasks go through, a step at each check; the last step stays."""
    usual: tuple[int | str, ...] = USUAL
    failure: dict[str, Any] = field(
        default_factory=lambda: {
            "detail": "no voice found",
            "code": "inference_error",
            "id": str(uuid.uuid4()),
        }
    )
    absent: set[str] = field(default_factory=set)
    """Labels that the song has not."""
    starts_at_once: bool = False
    duration_s: int | None = None
    """Said of every upload; else what the file says."""
    url_of: Callable[[str], str] = str
    """Where a track is to be had."""
    reverses_tracks: bool = False
    names_sizes: bool = True

    def account(self, key: str | None) -> Account:
        if key not in self.accounts:
            raise Refusal(403, "Provide license key in 'X-License-Key' header")
        return self.accounts[key]

    # ----------------------------------------------------------------------------- operations

    def upload(self, key: str, disposition: str | None, song: bytes) -> dict[str, Any]:
        account, name = self.account(key), file_name(disposition)
        if len(song) > account.most_bytes:
            raise Refusal(400, "File is too large", "exceeded_size")
        duration = self.duration_s if self.duration_s is not None else _duration(song)
        source = Source(str(uuid.uuid4()), key, name, len(song), duration, int(self.now()) + DAY_S)
        self.sources[source.id] = source
        return {k: getattr(source, k) for k in ("id", "name", "size", "duration", "expires")}

    def split(self, key: str, operation: str, order: dict[str, Any]) -> dict[str, Any]:
        account = self.account(key)
        require_order(order, operation)
        source = self.sources.get(order["source_id"])
        if source is None or source.key != key or source.deleted or source.expires < self.now():
            raise Refusal(400, "Source is not found")
        idempotency = order.get("idempotency_key")
        earlier = self.tasks.get(self.begun_with.get((key, idempotency), ""))
        if idempotency and earlier:
            if earlier.has_started:
                raise Refusal(400, "Idempotency key is already used", "idempotency_key_used")
            return {"task_id": earlier.id}
        task = self._new_task(key, source, operation, order["presets"])
        self._charge(account, task)
        self.tasks[task.id] = task
        if idempotency:
            self.begun_with[key, idempotency] = task.id
        return {"task_id": task.id}

    def split_batch(self, key: str, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if operation not in {"stem_separator", "demuser", "voice_clean"}:
            raise Refusal(404, "Not Found")
        if not self.account(key).has_batch:
            raise Refusal(400, "Batch is not available", "batch_not_avaliable")
        items = body.get("items")
        if not isinstance(items, list) or not 1 <= len(items) <= 100:
            raise invalid("items", "1 to 100 items are taken")
        results = []
        for item in items:
            require_order(item, operation)
            try:
                begun = self.split(key, operation, item)
            except Refusal as refusal:
                said = {"error": refusal.body["detail"], "code": refusal.body.get("code")}
                results.append({"status": "error", **said, "source_id": item["source_id"]})
            else:
                results.append({"status": "success", **begun, "source_id": item["source_id"]})
        return {"results": results}

    def check(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        account = self.account(key)
        self._count_check(account)
        ids = ids_of(body, most=200)
        return {"result": {task_id: self._state(key, task_id) for task_id in ids}}

    def cancel(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        self.account(key)
        return {"result": {task_id: self._cancelled(key, task_id) for task_id in ids_of(body)}}

    def cancel_all(self, key: str) -> dict[str, Any]:
        self.account(key)
        running = [t.id for t in self.tasks.values() if t.key == key and isinstance(t.now, int)]
        return {"result": {task_id: self._cancelled(key, task_id) for task_id in running}}

    def delete(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        self.account(key)
        source = self.sources.get(uuid4_of(body.get("source_id"), "source_id"))
        if source is None or source.key != key:
            raise Refusal(400, "Source is not found")
        source.deleted = True
        for task in self.tasks.values():
            if task.source is source and isinstance(task.now, int):
                task.cancelled = True
        return {}

    def minutes_left(self, key: str) -> dict[str, Any]:
        return {"minutes_left": self.account(key).minutes}

    def billing(self, key: str) -> dict[str, Any]:
        account = self.accounts.get(key)
        if account is None:
            return {"status": "error", "error": "Wrong license key"}
        return {
            "status": "success",
            "option": "Lite Pack",
            "email": "someone@example.com",
            "process_duration_limit": account.limit,
            "process_duration_used": account.used,
            "process_duration_left": account.limit - account.used,
        }

    def track(self, name: str) -> bytes | None:
        """The file behind a link; nothing when its source is deleted."""
        task_id, _, label = name.removesuffix(".wav").partition("/")
        task = self.tasks.get(task_id)
        known = [label for _, label in task.labels] if task else []
        if task is None or task.source.deleted or label not in known:
            return None
        return sound(LEVELS.get(label, 99))

    # --------------------------------------------------------------------------------- within

    def _new_task(self, key: str, source: Source, operation: str, presets: dict[str, Any]) -> Task:
        script = self.scripts.popleft() if self.scripts else self.usual
        task = Task(str(uuid.uuid4()), key, source, operation, presets, self.now(), script)
        if self.starts_at_once:
            task.step, task.script = 0, tuple(step for step in script if step != 0)
        return task

    def _charge(self, account: Account, task: Task) -> None:
        if task.source.duration > account.longest_s:
            raise Refusal(400, "The file is too long for your plan", "max_duration")
        cost = task.source.duration / 60 * task.times
        if cost > account.minutes:
            raise Refusal(400, "Not enough minutes", "exceeded_duration")
        account.minutes -= cost
        account.used += cost

    def _count_check(self, account: Account) -> None:
        while account.checks and account.checks[0] <= self.now() - 60:
            account.checks.popleft()
        if len(account.checks) >= MOST_CHECKS:
            raise Refusal(429, "Rate limit exceeded: 30 per 1 minute")
        account.checks.append(self.now())

    def _state(self, key: str, task_id: str) -> dict[str, Any]:
        task = self.tasks.get(task_id)
        unknown = {"status": "server_error", "error": "Failed to extract information about task"}
        if task is None or task.key != key or self.now() - task.created > DAY_S:
            return unknown
        task.step = min(task.step + 1, len(task.script) - 1)
        task_type = {"label": task.operation, "task_type": "split"}
        known = {"source_id": task.source.id, "presets": {**task.presets, **task_type}}
        match task.now:
            case "success":
                return {"status": "success", **known, "result": self._result(task)}
            case "error":
                return {"status": "error", **known, "error": self.failure}
            case "cancelled":
                return {"status": "cancelled", **known}
            case "server_error":
                return unknown
            case progress:
                return {"status": "progress", **known, "progress": progress}

    def _result(self, task: Task) -> dict[str, Any]:
        tracks = [
            self._track(task, kind, label)
            for kind, label in task.labels
            if label not in self.absent
        ]
        ordered = tracks[::-1] if self.reverses_tracks else tracks
        return {"duration": task.source.duration, "tracks": ordered}

    def _track(self, task: Task, kind: str, label: str) -> dict[str, Any]:
        url = self.url_of(f"{task.id}/{label}.wav")
        more = {"playlist_file": None, "waveform": None}
        if self.names_sizes:
            more |= {"name": f"{label}.wav", "size": len(sound(LEVELS.get(label, 99)))}
        return {"type": kind, "label": label, "url": url, **more}

    def _cancelled(self, key: str, task_id: str) -> dict[str, Any]:
        task = self.tasks.get(task_id)
        if task is None:
            return {"status": "server_error", "error": "Failed to extract information about task"}
        if task.key != key:
            return {"status": "server_error", "error": "Permission denied"}
        if not isinstance(task.now, int):
            return {"status": "server_error", "error": "Task is not in progress state"}
        task.cancelled = True
        return {"status": "success"}


def sound(level: int, frames: int = 4410) -> bytes:
    """A wav whose samples are all alike."""
    file = io.BytesIO()
    with wave.open(file, "wb") as song:
        song.setnchannels(2)
        song.setsampwidth(2)
        song.setframerate(44_100)
        song.writeframes(struct.pack("<hh", level, level) * frames)
    return file.getvalue()


def _duration(song: bytes) -> int:
    try:
        return round(soundfile.info(io.BytesIO(song)).duration)
    except soundfile.LibsndfileError:
        return 212
