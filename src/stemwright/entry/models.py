"""``stemwright models``: what there is, what it may be used for, and having it on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from stemwright.errors import LicenceRefused

from .columns import print_columns
from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.engine.acceptances import Acceptance
    from stemwright.engine.catalog import Licence, Model, QualityName
    from stemwright.engine.weights import ModelStore

models = typer.Typer(no_args_is_help=True, help="List, inspect, fetch, choose and remove models.")

AUTO: Final = "auto"
"""Leaves a tier to what is installed."""
_ACCEPTED: Final = {True: "yes", False: "unasked", None: "no"}
_HEADINGS: Final = ("NAME", "STATE", "DISK", "LICENCE", "ACCEPTED", "TIERS", "STEMS")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As 'stemwright models list' has it.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@models.command("list")
def list_models(context: typer.Context, as_json: _Json = False) -> None:
    """List the models: which are installed, what they take, who accepted their licences."""
    from stemwright.engine.catalog import ALL_MODELS  # noqa: PLC0415  # --help stays cheap

    store = _store(context)
    documents = [model_document(model, store) for model in ALL_MODELS.values()]
    if as_json:
        print(json.dumps(documents, indent=2))
        return
    print_columns(_HEADINGS, map(_row, documents))
    used = sum(document["disk_bytes"] for document in documents)
    free = f", {shutil.disk_usage(store.folder).free / 1e9:.1f} GB free" if used else ""
    print(f"{used / 1e6:.0f} MB used in {store.folder}{free}")


def _row(document: dict[str, Any]) -> Sequence[str]:
    licence = document["licence"]
    state = "installed" if document["installed"] else "not installed"
    return (
        document["name"],
        "refused" if licence["refusal"] else state,
        f"{(document['disk_bytes'] or document['size_bytes']) / 1e6:.0f} MB",
        licence["name"],
        _ACCEPTED[licence["accepted"] and licence["accepted"]["said"]],
        ", ".join(document["tiers"]) or "-",
        ", ".join(document["stems"]) or document["title"],
    )


@models.command("info")
def info(context: typer.Context, name: _Name, as_json: _Json = False) -> None:
    """Say everything known of a model: stems, size, memory, licence, sources."""
    from stemwright.engine.catalog import ALL_MODELS, find_model  # noqa: PLC0415

    document = model_document(find_model(name, ALL_MODELS), _store(context))
    print(json.dumps(document, indent=2) if as_json else _info_text(document))


@models.command("pull")
def pull(
    context: typer.Context,
    name: _Name,
    from_path: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Take the weights from this file or folder."),
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept its terms without being asked.")
    ] = False,
    as_json: _Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.")] = False,
) -> None:
    """Fetch and verify a model. Its licence is shown, and has to be accepted the first time.

    A terminal is asked; where there is none, going on means accepting it.
    """
    from stemwright.engine.catalog import ALL_MODELS, find_model  # noqa: PLC0415

    from .pulling import fetch  # noqa: PLC0415

    model, store = find_model(name, ALL_MODELS), _store(context)
    silent = quiet or as_json
    weights = fetch(store, model, quiet=silent, accepts=accept_licence, from_path=from_path)
    if as_json:
        print(json.dumps(model_document(model, store), indent=2))
    elif not quiet:
        print(f"{model.name} is installed: {weights}")


@models.command("default")
def default(
    context: typer.Context,
    tier: Annotated[
        str | None, typer.Argument(metavar="TIER", help="fast, balanced or best.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A model, or auto: the best that is installed."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Say which model each quality tier runs, or choose one for a tier."""
    from stemwright.engine.catalog import find_model  # noqa: PLC0415
    from stemwright.engine.tiers import TierChoices, tier_named  # noqa: PLC0415

    store = _store(context)
    choices = TierChoices(store.folder)
    chosen = None if tier is None else tier_named(tier)
    if chosen is not None and name is not None:
        if name != AUTO:
            store.allow(find_model(name))
        choices.choose(chosen, None if name == AUTO else name)
    documents = [it for it in _tiers(store) if chosen in {None, it["tier"]}]
    if as_json:
        print(json.dumps(documents, indent=2))
        return
    for it in documents:
        how = f"as chosen; {AUTO} undoes that" if it["chosen"] else AUTO
        print(f"{it['tier']}: {it['model']} ({how})")


@models.command("remove")
def remove(context: typer.Context, name: _Name, as_json: _Json = False) -> None:
    """Delete an installed model and what a broken download left."""
    from stemwright.engine.catalog import ALL_MODELS, find_model  # noqa: PLC0415

    model = find_model(name, ALL_MODELS)
    removed = _store(context).remove(model)
    if as_json:
        print(json.dumps({"name": model.name, "removed": removed}))
    else:
        print(f"{model.name} {'is removed' if removed else 'was not installed'}")


def _store(context: typer.Context) -> ModelStore:
    wiring: Wiring = context.obj
    return wiring.store(wiring.settings())


def model_document(model: Model, store: ModelStore) -> dict[str, Any]:
    """A model's record in the catalogue and its state on this machine."""
    weights, record = store.installed(model), store.record(model)
    return {
        "name": model.name,
        "title": model.title,
        "architecture": model.architecture,
        "stems": list(model.stems),
        "sample_rate": model.sample_rate,
        "segment_s": float(model.segment_s),
        "networks": [
            {
                "name": network.name,
                "stems": [stem for row, stem in enumerate(model.stems) if network.gives(row)],
            }
            for network in model.networks
        ],
        "tiers": _tiers_of(model, store),
        "size_bytes": model.size_bytes,
        "disk_bytes": store.size_bytes(model),
        "ram_bytes": model.ram_bytes,
        "licence": {
            "name": model.licence.name,
            "terms": model.licence.terms,
            "commercial_use": model.licence.commercial_use,
            "url": model.licence.url,
            "accepted": _acceptance(model.licence, store),
            "refusal": _refusal(model, store),
        },
        "sources": [
            {"source": source.label, "file": source.file, "sha256": source.sha256}
            for source in model.sources
        ],
        "paper": model.paper,
        "installed": weights is not None,
        "path": None if weights is None else str(weights),
        "installed_from": None if record is None else record.source,
        "sha256": None if record is None else record.sha256,
    }


def acceptance_document(found: Acceptance) -> dict[str, Any]:
    """Who accepted a licence, and how."""
    return {"by": found.by, "at": found.at, "how": found.how, "said": found.is_said}


def _acceptance(licence: Licence, store: ModelStore) -> dict[str, Any] | None:
    found = store.accepted.of(licence)
    return None if found is None else acceptance_document(found)


def _refusal(model: Model, store: ModelStore) -> str | None:
    try:
        store.allow(model)
    except LicenceRefused as error:
        return error.message
    return None


def _tiers_of(model: Model, store: ModelStore) -> list[QualityName]:
    """The quality tiers that run this model, now or once it is installed."""
    from stemwright.engine.tiers import TierChoices, tiers_of  # noqa: PLC0415 - as above

    return tiers_of(model, TierChoices(store.folder), store.usable)


def _tiers(store: ModelStore) -> list[dict[str, Any]]:
    from stemwright.engine.tiers import TierChoices, tier_model  # noqa: PLC0415 - as above

    choices = TierChoices(store.folder)
    return [
        {
            "tier": tier,
            "model": tier_model(tier, choices, store.usable).name,
            "chosen": chosen is not None,
        }
        for tier, chosen in choices.all().items()
    ]


def _info_text(document: dict[str, Any]) -> str:
    licence = document["licence"]
    use = "allowed" if licence["commercial_use"] else "not granted"
    sources = [f"{it['source']}: {it['file']}, sha256 {it['sha256']}" for it in document["sources"]]
    installed = f"{document['path']} from {document['installed_from']}"
    rows = {
        "title": document["title"],
        "stems": ", ".join(document["stems"]) or "none",
        "networks": _networks(document),
        "tiers": ", ".join(document["tiers"]) or "none",
        "works at": f"{document['sample_rate']} Hz, segments of {document['segment_s']:g} s",
        "size": f"{document['size_bytes'] / 1e6:.0f} MB on disk",
        "memory": f"{document['ram_bytes'] / 1e9:.1f} GB while it runs",
        "licence": f"{licence['name']}: {licence['terms']}",
        "commercial": f"use {use}; {licence['url']}",
        "accepted": _accepted_text(licence["accepted"]),
        "policy": licence["refusal"] or "",
        "sources": "\n               ".join(sources),
        "paper": document["paper"],
        "installed": installed if document["installed"] else "no",
    }
    if len(document["networks"]) < 2:
        del rows["networks"]
    if not rows["policy"]:
        del rows["policy"]
    lines = [f"{label + ':':14} {value}" for label, value in rows.items()]
    return "\n".join([document["name"], *(f" {line}" for line in lines)])


def _accepted_text(accepted: dict[str, Any] | None) -> str:
    if accepted is None:
        return "not yet"
    by = f"by {accepted['by']}, " if accepted["by"] else ""
    return f"{by}{accepted['at']} ({accepted['how']})"


def _networks(document: dict[str, Any]) -> str:
    networks = document["networks"]
    each = ", ".join(f"{network['name']} ({', '.join(network['stems'])})" for network in networks)
    return f"{len(networks)}: {each}"
