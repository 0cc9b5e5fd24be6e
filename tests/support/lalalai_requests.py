"""Which requests lalal.ai takes, told by its documents."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

STEMS = (
    "vocals",
    "drum",
    "bass",
    "piano",
    "electric_guitar",
    "acoustic_guitar",
    "synthesizer",
    "strings",
    "wind",
)
MULTISTEMS = ("vocals", "drum", "piano", "bass", "electric_guitar", "acoustic_guitar")
FORMATS = ("mp3", "wav", "flac", "aac", "ogg", None)
ANDROMEDA = {"vocals", "voice", "drum", "bass"}
PERSEUS = ANDROMEDA | {"piano", "electric_guitar", "acoustic_guitar"}
SPLITTERS = {
    "andromeda": ANDROMEDA,
    "perseus": PERSEUS,
    "orion": PERSEUS,
    "phoenix": PERSEUS | {"synthesizer", "strings", "wind"},
    "lyra": ANDROMEDA,
    "lynx": ANDROMEDA,
}


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, detail: object, code: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"detail": detail} if code is None else {"detail": detail, "code": code}


def file_name(disposition: str | None) -> str:
    found = re.fullmatch(
        r"""attachment; filename(?:="([^"\\\r\n]+)"|\*=utf-8''([\w.%~-]+))""", disposition or ""
    )
    if not found:
        raise Refusal(400, "Provide file name in 'Content-Disposition' header")
    return found[1] or found[2]


def ids_of(body: dict[str, Any], most: int = 1 << 30) -> list[str]:
    ids = body.get("task_ids")
    if not isinstance(ids, list) or len(ids) > most:
        raise invalid("task_ids", f"A list of at most {most} ids is wanted")
    return [uuid4_of(task_id, "task_ids") for task_id in ids]


def uuid4_of(text: object, name: str) -> str:
    try:
        if isinstance(text, str) and uuid.UUID(text).version == 4:
            return text
    except ValueError:
        pass
    raise invalid(name, "Input should be a valid UUID")


def invalid(name: str, message: str, *, kind: str = "value_error") -> Refusal:
    loc = ["body", *name.split(".")]
    return Refusal(422, [{"loc": loc, "msg": message, "type": kind}])


def _only(given: dict[str, Any], known: Iterable[str], prefix: str = "") -> None:
    for name in given:
        if name not in known:
            raise invalid(prefix + name, "Extra inputs are not permitted", kind="extra_forbidden")


def require_order(order: dict[str, Any], operation: str) -> None:
    _only(order, ("source_id", "presets", "idempotency_key"))
    uuid4_of(order.get("source_id"), "source_id")
    if order.get("idempotency_key") is not None:
        uuid4_of(order["idempotency_key"], "idempotency_key")
    presets = order.get("presets")
    if not isinstance(presets, dict):
        raise invalid("presets", "Field required", kind="missing")
    _require_presets(presets, operation)


def _require_presets(presets: dict[str, Any], operation: str) -> None:
    own = {
        "stem_separator": ("stem", "multivocal", "extraction_level"),
        "multistem": ("stem_list", "extraction_level"),
        "voice_clean": ("stem", "noise_cancelling_level"),
        "demuser": ("stem",),
    }[operation]
    _only(presets, (*own, "splitter", "dereverb_enabled", "encoder_format"), "presets.")
    asked = _require_stems(presets, operation)
    choices = {
        "multivocal": ("lead_back", None),
        "extraction_level": ("deep_extraction", "clear_cut"),
        "noise_cancelling_level": (0, 1, 2),
        "splitter": tuple(SPLITTERS),
        "dereverb_enabled": (True, False),
        "encoder_format": FORMATS,
    }
    for name, value in presets.items():
        if name in choices and value not in choices[name]:
            raise invalid(f"presets.{name}", f"Input should be one of {choices[name]}", kind="enum")
    if presets.get("multivocal") and asked != ["vocals"]:
        raise invalid("presets.multivocal", "Only for the stem vocals")
    if unable := set(asked) - SPLITTERS.get(presets.get("splitter", ""), set(asked)):
        raise Refusal(400, f"Splitter does not support {sorted(unable)}")


def _require_stems(presets: dict[str, Any], operation: str) -> list[str]:
    if operation == "multistem":
        stems, allowed = presets.get("stem_list"), MULTISTEMS
        if not isinstance(stems, list) or not 1 <= len(stems) <= 6:
            raise invalid("presets.stem_list", "1 to 6 stems are wanted")
    else:
        stems = [presets.get("stem")]
        allowed = {"voice_clean": ("voice",), "demuser": ("music",)}.get(operation, STEMS)
    for stem in stems:
        if stem not in allowed:
            raise invalid("presets.stem", f"Input should be one of {allowed}", kind="enum")
    return stems
