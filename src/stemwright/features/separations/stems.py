"""Which stems a request means, for a model that separates these or those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stemwright.engine.catalog import MODELS, Model
from stemwright.errors import OptionError, UnknownStem

INSTRUMENTAL: Final = "instrumental"
"""Everything but the vocals: the mixture minus the vocals stem."""


def resolve_stems(request: str | None, model: Model) -> tuple[str, ...]:
    """Turn ``vocals,instrumental``, ``2``, ``4``, ``6`` or nothing (all stems) into stem names.

    The names come in the model's order, ``instrumental`` last, each once.

    Raises
    ------
    UnknownStem
        The model does not separate a stem asked for; the message lists those it does.
    OptionError
        Nothing is asked for.

    """
    if request is None:
        return model.stems
    text = request.strip().lower()
    wanted = _counted(int(text), model) if text.isdecimal() else _named(text)
    known = available_stems(model)
    for stem in wanted:
        if stem not in known:
            raise UnknownStem(f"{model.name} has no stem {stem!r}; it has {', '.join(known)}")
    return tuple(stem for stem in known if stem in wanted)


def available_stems(model: Model) -> tuple[str, ...]:
    """Every stem that can be asked of a model, ``instrumental`` included where it has vocals."""
    return (*model.stems, INSTRUMENTAL) if "vocals" in model.stems else model.stems


def separated_stems(
    stems: Iterable[str], wanted: Iterable[str], *, every: bool = False
) -> tuple[str, ...]:
    """Which of a model's ``stems`` have to be separated for those ``wanted``, in its order."""
    named = set(wanted)
    if INSTRUMENTAL in named:
        named.add("vocals")
    return tuple(stem for stem in stems if every or stem in named)


def _named(text: str) -> set[str]:
    names = {name.strip() for name in text.split(",")} - {""}
    if not names:
        raise OptionError("--stems is empty; name some, as in --stems vocals,instrumental")
    return names


def _counted(count: int, model: Model) -> set[str]:
    if count == 2:
        return {"vocals", INSTRUMENTAL}
    if count == len(model.stems):
        return set(model.stems)
    raise UnknownStem(
        f"{model.name} separates {len(model.stems)} stems ({', '.join(model.stems)}), not {count}; "
        + _models_with(count)
    )


def _models_with(count: int) -> str:
    names = [name for name, model in MODELS.items() if len(model.stems) == count]
    if names:
        return f"choose --model {' or '.join(names)}"
    return f"stemwright has no {count}-stem model; ask for 2, 4 or 6"
