"""A closed document, made fit for a conformance run against one running sandbox.

Three things are added, none of which says anything about what a successful answer looks like:

* Pins: parameters and fields that name something which exists (a portfolio, a symbol, an order number) are given the
  names that exist, or every call would end in the same 404.
* Leniency: the broker reads the text of a number as a number and the other way round, takes `null` for an absent field
  and ignores keys that it does not know. The broker's documents do not say so, working clients rely on it, and the
  sandbox does the same: a run that sends such a value must expect it to be taken.
* Refusals: the broker documents a status without a body, or no status at all, where its web framework refuses a value.
  The sandbox answers with the framework's validation object, and a run must expect that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.conformance.examples import body_of, query_of

Json: TypeAlias = dict[str, Any]
METHODS = ("get", "post", "put", "delete")
OAUTH_PATHS = frozenset({"/refresh", "/authorize", "/token"})
_FILTERED = frozenset(
    {
        "account.list_trades_of",
        "account.list_trades_history",
        "account.list_trades_history_of",
        "instruments.list_risk_rates",
    }
)
"""Here a symbol is a filter and names nothing that must be there: one that nothing fits gives an empty list."""

_FIXED = frozenset({"format", "X-ALOR-REQID"})
"""No parameters of a run: the format is the document's own, and the old name of X-REQID would do in its place."""

_INT32 = {"type": "integer", "format": "int32"}
_DIGITS = {"type": "string", "pattern": r"^-?[0-9]{1,9}$"}
_NUMERIC = {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"}
_FLAG = {"type": "string", "pattern": r"^([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|0|1)$"}
_VALIDATION = {
    "type": "object",
    "required": ["title", "status", "errors"],
    "additionalProperties": False,
    "properties": {
        "title": {"const": "One or more validation errors occurred."},
        "status": {"const": 400},
        "errors": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
    },
}
_SOME_TEXT = {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What exists in a sandbox, as far as a call can name it."""

    login: str
    portfolios: tuple[str, ...]
    symbols: tuple[str, ...]
    futures: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]]
    """Orders, and conditional orders, by the operation that is given them; those to look at are under `read`."""
    groups: Mapping[str, tuple[str, ...]]
    """Order groups, in the same way."""
    refresh_token: str
    prices: tuple[float, ...]
    client_id: str
    redirect_uri: str
    codes: tuple[str, ...]
    """Codes of the OAuth flow, each good once."""


def api_document(closed: Json, desk: Desk) -> Json:
    """The live calls of the API server."""
    return _Document(closed, desk).fit(lambda path: path not in OAUTH_PATHS)


def oauth_document(closed: Json, desk: Desk) -> Json:
    """The calls of the token server."""
    return _Document(closed, desk).fit(lambda path: path in OAUTH_PATHS)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation of everything in a document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


class _Document:
    def __init__(self, closed: Json, desk: Desk) -> None:
        self._closed = closed
        self._desk = desk

    def fit(self, wanted: Callable[[str], bool]) -> Json:
        document = copy.deepcopy(self._closed)
        document["servers"] = [{"url": "/"}]
        document["paths"] = {
            path: kept
            for path, item in document["paths"].items()
            if wanted(path) and (kept := {key: value for key, value in item.items() if not _is_deprecated(value)})
        }
        for path, _, operation in operations(document):
            operation.pop("servers", None)
            self._fit_request(path, operation)
            _declare_refusals(path, operation)
        return document

    def _fit_request(self, path: str, operation: Json) -> None:
        pins = self._pins(path, operation["operationId"])
        examples = query_of(operation["operationId"], self._desk)
        parameters = [one for one in operation.get("parameters", ()) if one["name"] not in _FIXED]
        if parameters != operation.get("parameters", []):
            operation["parameters"] = parameters
        for parameter in parameters:
            if parameter["name"] in examples:
                parameter["example"] = examples[parameter["name"]]
            pin = pins.get(parameter["name"])
            if operation["operationId"] == "auth.refresh":
                continue  # a body wins over the query, whatever stands there
            if pin is not None:
                parameter["schema"] = pin
            elif parameter["name"] == "limit":
                parameter["schema"].setdefault("minimum", 0)
            if parameter["in"] == "query" and not parameter.get("required") and _has_bounds(parameter["schema"]):
                parameter["schema"] = _or_empty(parameter["schema"])
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            content["schema"] = _lenient(content["schema"], pins, is_json=media == "application/json")
            example = body_of(operation["operationId"], self._desk)
            if example is not None:
                content["example"] = example

    def _pins(self, path: str, operation: str) -> Mapping[str, Json]:
        desk = self._desk
        symbols = desk.futures if "actualFuturesQuote" in path else desk.symbols
        symbol = _perhaps(*symbols) if operation in _FILTERED else _one_of(*symbols)
        portfolios = self._portfolios(operation)
        listed = f"MOEX:({'|'.join(symbols)})"
        return {
            "login": _one_of(desk.login),
            "portfolio": _one_of(*portfolios),
            "symbol": symbol,
            "ticker": symbol,
            "symbols": {"anyOf": [{"type": "string", "pattern": f"^{listed}(,{listed})?$"}, _SOME_TEXT]},
            "instrumentGroup": _perhaps("TQBR"),
            "board": _perhaps("TQBR"),
            **self._numbers(operation),
            "quantity": {"anyOf": [{"type": "integer", "enum": [1, 2, 3]}, {**_INT32, "minimum": 1}]},
            "price": {"type": "number", "enum": list(desk.prices)},
            "triggerPrice": {"type": "number", "enum": list(desk.prices)},
            "offset": _INT32 | {"minimum": 0},
            "take": _INT32 | {"minimum": 0},
            "countBack": _INT32 | {"minimum": 0},
            "X-REQID": _SOME_TEXT,
            "token": _one_of(desk.refresh_token),
            "client_id": _one_of(desk.client_id),
            "client_secret": {"type": "string", "maxLength": 0},
            "redirect_uri": _one_of(desk.redirect_uri),
            "scope": _one_of("OrdersRead", "OrdersRead Trades"),
            "code": _one_of(*desk.codes),
        }

    def _portfolios(self, operation: str) -> Sequence[str]:
        """The first one is where the desk trades stocks: what cancels everything must leave it alone."""
        if operation == "orders.cancel_all":
            return self._desk.portfolios[1:]
        if operation == "account.get_futures_risk":
            return [name for name in self._desk.portfolios if name[0].isdigit()]
        return self._desk.portfolios

    def _numbers(self, operation: str) -> Mapping[str, Json]:
        """Numbers of orders and groups: what a command uses up is its own."""
        desk = self._desk
        orders = desk.orders.get(operation, desk.orders["read"])
        groups = desk.groups.get(operation, desk.groups["read"])
        in_body = operation in {"order_groups.create", "order_groups.update"}
        return {
            "orderId": _one_of(*orders) if in_body else {"type": "integer", "enum": [int(order) for order in orders]},
            "stopOrderId": {"type": "integer", "enum": [int(order) for order in orders]},
            "orderGroupId": {"type": "string", "format": "uuid", "enum": list(groups)},
        }


def _is_deprecated(operation: object) -> bool:
    return isinstance(operation, dict) and operation.get("deprecated") is True


def _one_of(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def _perhaps(*values: str) -> Json:
    """One of these, or any other text."""
    return {"anyOf": [_one_of(*values), {"type": "string"}]}


def _lenient(schema: Json, pins: Mapping[str, Json], *, is_json: bool) -> Json:
    """A request body as the server takes it."""
    if "items" in schema:
        return {**schema, "items": _lenient(schema["items"], pins, is_json=is_json)}
    if "properties" not in schema:
        return schema
    required = schema.get("required", [])
    properties = {
        name: _lenient_field(pins.get(name, item), pins, is_json=is_json, may_be_null=name not in required)
        for name, item in schema["properties"].items()
    }
    return {key: value for key, value in schema.items() if key != "additionalProperties"} | {"properties": properties}


def _lenient_field(schema: Json, pins: Mapping[str, Json], *, is_json: bool, may_be_null: bool) -> Json:
    if "items" in schema or "properties" in schema:
        return (
            _or_null(_lenient(schema, pins, is_json=is_json))
            if may_be_null
            else _lenient(schema, pins, is_json=is_json)
        )
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    taken = [_or_null(schema) if is_json and may_be_null else schema]
    taken += [_DIGITS] if "integer" in kinds else []
    taken += [_NUMERIC] if "number" in kinds else []
    taken += [_FLAG, {"type": "integer", "enum": [0, 1]}] if "boolean" in kinds else []
    taken += [{"type": "integer"}] if "string" in kinds and "enum" not in schema and is_json else []
    return taken[0] if len(taken) == 1 else {"anyOf": taken}


def _or_null(schema: Json) -> Json:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    wider = {**schema, "type": [*kinds, *(() if "null" in kinds else ("null",))]}
    if "enum" in schema:
        wider["enum"] = [*schema["enum"], None]
    return wider


def _has_bounds(schema: Json) -> bool:
    return schema.get("type") != "string" or "enum" in schema


def _or_empty(schema: Json) -> Json:
    """A value in a query that is left empty counts as none."""
    return {"anyOf": [schema, {"type": "string", "maxLength": 0}]}


def _declare_refusals(path: str, operation: Json) -> None:
    responses = operation["responses"]
    responses.setdefault("404", {"description": "There is no such thing."})
    refused = responses.setdefault("400", {"description": "A value cannot be read."})
    content = refused.setdefault("content", {})
    content.setdefault("application/problem+json", {"schema": _VALIDATION})
    content.setdefault("text/plain", {"schema": _SOME_TEXT})
