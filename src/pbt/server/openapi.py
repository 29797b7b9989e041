"""The API's document (OpenAPI 3.1), made from the table of routes and from the very types that travel."""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from pbt import __version__
from pbt.checkpoints.upload import BYTES
from pbt.errors import PBTError, family
from pbt.server.routes import JSON, LINES, PATTERNS, ROUTES, Route
from pbt.wire.messages import Failure

_REFERENCE = "#/components/schemas/{name}"
_ALWAYS = (401, 403, 404, 422, 500, 503)
_WITH_BODY = (409, 410, 413, 415)
_KEYS = {
    "key": "The server's key: reads and writes.",
    "read-only key": "The second key: GET alone.",
}


def document() -> dict[str, Any]:
    """The whole document, as JSON has it."""
    said = [kind for route in ROUTES for kind in (route.asked, route.answered, route.also)]
    types = [kind for kind in said if kind not in (None, bytes)]
    shapes, components = msgspec.json.schema_components([*types, Failure], ref_template=_REFERENCE)
    schemas = {repr(bytes): {}, **dict(zip(map(repr, types), shapes, strict=False))}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(address(route), {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pbt serve", "version": __version__, "description": "Populations over HTTP."},
        "paths": paths,
        "components": {
            "schemas": {name: _plain(schema) for name, schema in components.items()},
            "responses": {str(status): _failure(status) for status in sorted({*_ALWAYS, *_WITH_BODY})},
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text} for name, text in _KEYS.items()
            },
        },
    }


def address(route: Route) -> str:
    """A route's path as the document writes it."""
    return re.sub(r":[a-z]+}", "}", route.path)


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    reads = route.method == "GET"
    what = "Each line: " if route.media == LINES else ""
    failures = _ALWAYS if reads and route.also is None else (*_ALWAYS, *_WITH_BODY)
    found: dict[str, Any] = {
        "operationId": route.name if route.method != "PUT" else f"put_{route.name}",
        "summary": route.summary,
        "security": [] if route.keyless else [{name: []} for name in _KEYS if reads or name == "key"],
        "parameters": _parameters(route),
        "responses": {
            "200": {
                "description": f"{what}{route.summary}",
                "content": {route.media: {"schema": schemas[repr(route.answered)]}},
            },
            **({"304": {"description": "It is as the asker has it."}} if route.view else {}),
            **({"206": {"description": "A range of it.", "content": {BYTES: {}}}} if route.media == BYTES else {}),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(failures)},
        },
    }
    if route.also is not None:
        found["responses"]["200"]["content"][JSON] = {"schema": schemas[repr(route.also)]}
    if route.asked is not None:
        media = BYTES if route.asked is bytes else JSON
        found["requestBody"] = {"required": True, "content": {media: {"schema": schemas[repr(route.asked)]}}}
    return found


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in re.findall(r"{([a-z]+)", route.path):
        schema: dict[str, Any] = {"type": "string", "pattern": f"^{PATTERNS[name]}$"}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    for query in route.query:
        schema = {"type": "integer", "minimum": query.low, "maximum": query.high}
        if query.pattern is not None:
            schema = {"type": "string", "pattern": f"^({query.pattern})$"}
        if query.several:
            schema = {"type": "array", "items": schema, "maxItems": 100}
        found.append(
            {"name": query.name, "in": "query", "required": query.required, "description": query.text, "schema": schema}
        )
    return found


def _failure(status: int) -> dict[str, Any]:
    kinds = [kind for kind in family().values() if kind.status == status and kind is not PBTError]
    said = [f"`{kind.code}`: {(inspect.getdoc(kind) or '').splitlines()[0]}" for kind in kinds]
    return {
        "description": "\n".join(said) or "The server failed.",
        "content": {JSON: {"schema": {"$ref": _REFERENCE.format(name="Failure")}}},
    }


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the indentation of docstrings."""
    text = schema.get("description")
    return schema if text is None else {**schema, "description": inspect.cleandoc(text)}
