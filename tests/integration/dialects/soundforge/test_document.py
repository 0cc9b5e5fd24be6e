"""The OpenAPI document as programs that generate clients read it."""

from __future__ import annotations

import re

import pytest
from jsonschema_rs import Draft202012Validator, meta
from starlette.routing import Mount

from stemwright.dialects.soundforge.openapi import document
from stemwright.entry.composition import compose
from stemwright.entry.web import create_face
from stemwright.settings import Settings

BY_SESSION = [{"session": []}]
BY_EITHER = [{"apiKey": []}, {"session": []}]
LIMITS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
JSON = "application/json"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    service = compose(Settings.load({"HOME": str(folder)}))
    routes = create_face(service).routes
    [app] = [route.app for route in routes if isinstance(route, Mount) and not route.path]
    yield document(app)
    service.close()


@pytest.fixture(scope="module")
def operations(told):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    }


def references(part):
    if isinstance(part, dict):
        yield from (part[name] for name in ("$ref",) if isinstance(part.get(name), str))
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolved(told, reference):
    found = told
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def contents(operations):
    """Every body of every operation: of what, and the media type as it is described."""
    for label, operation in operations.items():
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{label} is sent {kind}", content
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                yield f"{label} answers {status} {kind}", content


def test_every_reference_leads_somewhere(told):
    for reference in references(told):
        assert resolved(told, reference)


def test_operations_have_names_of_their_own(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_tags_are_described(told, operations):
    described = {tag["name"] for tag in told["tags"]}
    assert {tag for operation in operations.values() for tag in operation["tags"]} == described


def test_gaps_in_a_path_are_parameters(told, operations):
    for label, operation in operations.items():
        gaps = set(re.findall(r"{(\w+)}", label))
        given = operation.get("parameters", [])
        known = [resolved(told, it["$ref"]) if "$ref" in it else it for it in given]
        assert {it["name"] for it in known if it["in"] == "path"} == gaps
        assert all(it["required"] for it in known if it["in"] == "path")


def test_every_operation_says_who_may_call_it(told, operations):
    allowed = ([{"apiKey": []}], BY_SESSION, BY_EITHER)
    for label, operation in operations.items():
        assert operation.get("security") in allowed or label == "GET /api/openapi"
    assert set(told["components"]["securitySchemes"]) == {"apiKey", "session"}


def test_what_a_session_changes_asks_for_the_token(operations):
    token = {"$ref": "#/components/parameters/csrf"}
    for label, operation in operations.items():
        changes = label.startswith("POST") and {"session": []} in operation.get("security", [])
        assert (token in operation.get("parameters", [])) == changes


def test_every_schema_is_one(told, operations):
    schemas = dict(told["components"]["schemas"])
    schemas |= {of: content["schema"] for of, content in contents(operations)}
    for name, schema in schemas.items():
        assert meta.is_valid({"$schema": Draft202012, **schema}), name


Draft202012 = "https://json-schema.org/draft/2020-12/schema"


def test_examples_are_there_and_keep_to_their_schemas(told, operations):
    for of, content in contents(operations):
        if not of.endswith(JSON) or of.startswith("GET /api/openapi"):
            continue
        schema = {**content["schema"], "components": told["components"]}
        problems = list(Draft202012Validator(schema).iter_errors(content["example"]))
        assert problems == [], of


def test_every_answer_tells_the_limits(operations):
    for operation in operations.values():
        for status, answer in operation["responses"].items():
            assert set(answer["headers"]) >= LIMITS
            assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})
    heavy = {label for label, it in operations.items() if it["x-rate-class"] == "heavy"}
    assert heavy == {
        *("POST /api/download/track", "POST /api/processing/separate"),
        *("POST /api/analysis/analyze", "POST /api/daw/export"),
    }


def test_files_come_whole_in_part_or_not_at_all(operations):
    files = [label for label in operations if re.match("GET /(files|export/stem)", label)]
    assert len(files) == 3
    for label in files:
        asked = {it.get("name") for it in operations[label]["parameters"]}
        assert {"Range", "If-Range", "If-None-Match"} <= asked
        assert {"200", "206", "304", "416"} <= set(operations[label]["responses"])
        assert "Content-Range" in operations[label]["responses"]["206"]["headers"]
