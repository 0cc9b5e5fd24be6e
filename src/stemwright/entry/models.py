"""``stemwright models``: what there is, what it may be used for, and having it on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.engine.catalog import Model
    from stemwright.engine.weights import ModelStore

models = typer.Typer(no_args_is_help=True, help="List, inspect, fetch and remove models.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As 'stemwright models list' has it.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@models.command("list")
def list_models(context: typer.Context, as_json: _Json = False) -> None:
    """List the models, and which are installed."""
    from stemwright.engine.catalog import ALL_MODELS  # noqa: PLC0415  # --help stays cheap

    store = _store(context)
    documents = [model_document(model, store) for model in ALL_MODELS.values()]
    if as_json:
        print(json.dumps(documents, indent=2))
        return
    for document in documents:
        print(_row(document))
    used = sum(document["disk_bytes"] for document in documents)
    print(f"{used / 1e6:.0f} MB used in {store.folder}")


def _row(document: dict[str, Any]) -> str:
    state = "installed" if document["installed"] else "not installed"
    size = f"{document['size_bytes'] / 1e6:.0f} MB"
    what = ", ".join(document["stems"]) or document["title"]
    tiers = f" ({', '.join(document['tiers'])})" if document["tiers"] else ""
    licence = document["licence"]["name"]
    return f"{document['name']:16} {state:14} {size:>7}  {licence:17} {what}{tiers}"


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
    as_json: _Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.")] = False,
) -> None:
    """Fetch and verify a model. Its licence is shown first; going on means accepting it."""
    from stemwright.engine.catalog import ALL_MODELS, find_model  # noqa: PLC0415

    from .pulling import show_licence, watching  # noqa: PLC0415

    model, store = find_model(name, ALL_MODELS), _store(context)
    silent = quiet or as_json
    with watching(quiet=silent) as watch:
        weights = store.pull(model, progress=watch, from_path=from_path, on_licence=show_licence)
    if as_json:
        print(json.dumps(model_document(model, store), indent=2))
    elif not quiet:
        print(f"{model.name} is installed: {weights}")


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
        "tiers": _tiers(model),
        "size_bytes": model.size_bytes,
        "disk_bytes": store.size_bytes(model),
        "ram_bytes": model.ram_bytes,
        "licence": {
            "name": model.licence.name,
            "terms": model.licence.terms,
            "commercial_use": model.licence.commercial_use,
            "url": model.licence.url,
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


def _tiers(model: Model) -> list[str]:
    """The quality tiers that run this model unless told otherwise."""
    from stemwright.engine.catalog import QUALITIES  # noqa: PLC0415 - as above

    named = [(tier.name, tier.model) for tier in QUALITIES.values()]
    finer = [(tier.name, tier.finer.model) for tier in QUALITIES.values() if tier.finer is not None]
    return [name for name, wanted in named + finer if wanted == model.name]


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
        "sources": "\n               ".join(sources),
        "paper": document["paper"],
        "installed": installed if document["installed"] else "no",
    }
    if len(document["networks"]) < 2:
        del rows["networks"]
    lines = [f"{label + ':':14} {value}" for label, value in rows.items()]
    return "\n".join([document["name"], *(f" {line}" for line in lines)])


def _networks(document: dict[str, Any]) -> str:
    networks = document["networks"]
    each = ", ".join(f"{network['name']} ({', '.join(network['stems'])})" for network in networks)
    return f"{len(networks)}: {each}"
