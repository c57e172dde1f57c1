"""The OpenAPI 3.1 document of the API, and the same as content of a page.

In: the operations as they are declared. Out: the document, with what the door adds to each: problems, keys, limits.
"""

from functools import cache
from typing import Any

from ninja import NinjaAPI

from amiable.web.api.problem import MEDIA_TYPE
from amiable.web.api.room import KEYED, READ, RIGHTS, UNDOABLE

ABOUT = """Everything that the desk does, by the same rules: what you may not see does not exist for you.

- **Who asks**: `Authorization: Bearer am_…` with a token from *My account › API tokens*, or the session of the desk
  (changes then need the `X-CSRFToken` header).
- **Money** is an integer of minor units (`amount_minor`) beside an ISO 4217 `currency`; days are ISO 8601.
- **Lists** are newest first; `next` is the `cursor` of what follows.
- **Idempotency-Key** on a POST: the same key with the same request is done once and gets the same answer for 7 days;
  with another request it is refused (409). What moves money outside the house needs one, and is never done twice by it.
- **Undo**: where the answer to a change has this header, `/api/undo` takes it back within ten minutes.
- **If-Match** where two people could overwrite each other: send the `ETag` that you have read.
- **Errors** are problem details (RFC 9457) with a sentence.
- **Limits** are told in `RateLimit-*` headers, for each token; the session of the desk is not counted.
"""

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457: what is wrong, in a sentence; `errors` names the fields.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_READS = {"401": "Nobody is logged in", "403": "Not allowed", "404": "Not there, or not yours", "422": "Filled in wrongly"} | {
    "429": "Too many requests", "400": "Cannot be read", "409": "Does not fit what is there",
}  # fmt: skip
_WRITES = {"412": "Changed meanwhile", "413": "Too large", "415": "Not in this form", "428": "If-Match is missing"} | {
    "503": "Not to be reached just now"
}
_UNDO = {
    "description": "Where it can be taken back: send it to /api/undo within ten minutes.",
    "schema": {"type": "string"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names this wish: sent again it is done once.",
    "schema": {"type": "string", "maxLength": 200, "pattern": "^[ -~]*$"},
}


@cache
def written(api: NinjaAPI) -> dict[str, Any]:
    """The document, made once."""
    document: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/"))
    document["servers"] = [{"url": "/"}]
    document["components"].setdefault("schemas", {})["Problem"] = _PROBLEM
    for _path, method, operation in operations(document):
        told = _READS if method == "get" else _READS | _WRITES
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status, what in told.items():
            operation["responses"][status] = {"description": what, "content": content}
        operation["responses"] = {str(status): answer for status, answer in operation["responses"].items()}
        for each in operation.get("parameters", ()):
            each["schema"] = _asked(each["schema"])
        if operation["operationId"] in UNDOABLE:
            good = next(status for status in operation["responses"] if status.startswith("2"))
            operation["responses"][good]["headers"] = {"Undo": _UNDO}
        if method == "post":
            needed = operation["operationId"] in KEYED
            operation.setdefault("parameters", []).append(_KEY | {"required": needed})
        right = RIGHTS[operation["operationId"]]
        if right != READ:
            operation["x-right"] = right
    return document


def _asked(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: one that is not given is left out, and never sent as null."""
    kept = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if not kept or len(kept) == len(schema["anyOf"]):
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every (path, method, operation) of a document."""
    return [(path, method, told) for path, methods in document["paths"].items() for method, told in methods.items()]


def told(api: NinjaAPI) -> dict[str, Any]:
    """The document for a page: families with their operations, each with what goes in and comes out."""
    document = written(api)
    families: dict[str, list[dict[str, Any]]] = {}
    for path, method, operation in operations(document):
        families.setdefault(operation["tags"][0], []).append({
            "id": operation["operationId"], "method": method.upper(), "path": path, "summary": operation.get("summary", ""),
            "description": operation.get("description", ""), "right": operation.get("x-right", ""),
            "parameters": [
                {"name": each["name"], "in": each["in"], "required": each.get("required", False),
                 "what": each.get("description") or each["schema"].get("description", ""), "kind": _kind(each["schema"])}
                for each in operation.get("parameters", ())
            ],
            "body": _body(operation, document), "answer": _answer(operation, document),
        })  # fmt: skip
    return {"families": families, "version": document["info"]["version"]}


def _body(operation: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {})
    return _fields(next(iter(content.values()))["schema"], document) if content else []


def _answer(operation: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    good: dict[str, Any] = next((each for status, each in operation["responses"].items() if status.startswith("2")), {})
    content = good.get("content", {})
    return _fields(next(iter(content.values()))["schema"], document) if content else []


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    found = _resolved(schema, document)
    if found.get("type") == "array":
        found = _resolved(found["items"], document)
    needed = set(found.get("required", ()))
    return [
        {"name": name, "kind": _kind(each), "required": name in needed, "what": each.get("description", "")}
        for name, each in found.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    if len(schema.get("allOf", ())) == 1:
        return _resolved(schema["allOf"][0], document)
    return schema


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "enum" in schema:
        return " | ".join(str(each) or "“”" for each in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    kind = schema.get("type", "any")
    return str(schema.get("format") or ("empty" if kind == "null" else kind))
