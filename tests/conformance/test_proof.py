"""The closed documents notice the smallest lie: every operation, every format, one key dropped, renamed or quoted.

`make conformance` proves the same of the whole run with schemathesis; here a plain validator reads the same schemas.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest
from jsonschema import Draft202012Validator

from alor_async.sandbox import Sandbox
from codegen.contract import load_document
from codegen.export import closed_document
from codegen.ir import FORMATS, Format
from tests.conformance.desk import Visitor, set_up
from tests.conformance.documents import Json, api_document, operations
from tests.conformance.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
CONTRACT = load_document(ROOT)
PLAIN = {"get_server_time", "instruments.list_boards", "orders.cancel", "orders.cancel_all"} | {
    f"order_groups.{verb}" for verb in ("update", "delete")
}
"""Answers that are not objects: nothing has a key."""

WITHOUT_NUMBERS = {
    "instruments.list_currency_pairs",
    "order_groups.list_all",
    "order_groups.get",
    "order_groups.create",
} | {
    f"{area}.{verb}_{kind}"
    for area, kinds in (("orders", ("market", "limit")), ("stop_orders", ("stop", "stop_limit")))
    for verb in ("place", "replace")
    for kind in kinds
}
"""Answers in which nothing could be quoted."""

OPERATIONS = sorted(
    operation["operationId"]
    for path, _, operation in operations(CONTRACT)
    if not operation.get("deprecated") and not operation["operationId"].startswith(("auth.", "oauth."))
    if operation["operationId"] not in PLAIN
)


class Reader:
    """Makes calls out of a document: the first values that it names."""

    def __init__(self, sandbox: Sandbox, format: Format) -> None:
        self.sandbox = sandbox
        self._visitor = Visitor(sandbox.environment.api, sandbox.environment.oauth, sandbox.refresh_token)
        desk = set_up(self._visitor, sandbox.login, sandbox.portfolios)
        document = api_document(closed_document(CONTRACT, format), desk)
        self._format = format
        self._operations = {one["operationId"]: (path, method, one) for path, method, one in operations(document)}
        self._calls = 0

    def schema(self, operation: str) -> Json:
        """What an answer must look like."""
        schema: Json = self._operations[operation][2]["responses"]["200"]["content"]["application/json"]["schema"]
        return schema

    def answer(self, operation: str) -> Any:
        """Call, and read the answer."""
        path, method, described = self._operations[operation]
        query = {"format": self._format.value}
        for parameter in described.get("parameters", ()):
            value = self._value(parameter)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=":,"))
            elif parameter["in"] == "query" and (parameter.get("required") or "example" in parameter):
                query[parameter["name"]] = str(value)
        content = described.get("requestBody", {}).get("content", {}).get("application/json")
        body = None if content is None else json.dumps(self._body(operation, content)).encode()
        headers = {"Authorization": f"Bearer {self._visitor.access_token}", "X-REQID": str(uuid.uuid4())}
        url = f"{self.sandbox.environment.api}{path}?{urlencode(query)}"
        with urlopen(Request(url, body, headers, method=method.upper()), timeout=10) as response:
            return json.loads(response.read())

    def _value(self, parameter: Json) -> Any:
        schema = parameter["schema"]
        if "example" in parameter:
            return parameter["example"]
        if parameter["name"] == "symbols":
            return "MOEX:SBER"
        choices = schema.get("enum") or next((one["enum"] for one in schema.get("anyOf", ()) if "enum" in one), [1])
        if "rder" in parameter["name"]:
            self._calls += 1  # what a command uses up is not used again
            return choices[self._calls % len(choices)]
        return choices[0]

    def _body(self, operation: str, content: Json) -> Any:
        if operation == "order_groups.create":
            order = self.sandbox.orders()[0]
            member = {"portfolio": order.portfolio, "exchange": "MOEX", "orderId": order.order_id, "type": "Limit"}
            return {"orders": [member], "executionPolicy": "IgnoreCancel"}
        return content["example"]


@pytest.fixture(scope="module", params=FORMATS, ids=lambda format: format.value)
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    with Sandbox(seed=7) as sandbox:
        yield Reader(sandbox, request.param)
        sandbox.check()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_honest_answer_fits_and_a_spoiled_one_does_not(reader: Reader, operation: str) -> None:
    validator = Draft202012Validator(reader.schema(operation))
    honest = reader.answer(operation)
    assert honest, "an empty answer proves nothing"
    validator.validate(honest)
    for name, spoil in MUTATIONS.items():
        if name == "quoted" and operation in WITHOUT_NUMBERS:
            text = json.dumps(honest).encode()
            assert spoil(text) == text, "there is a number after all"
            continue
        assert not validator.is_valid(spoiled_by(spoil, reader, operation)), f"a {name} key goes unnoticed"


def spoiled_by(spoil: Mutation, reader: Reader, operation: str) -> Any:
    """An answer that the sandbox itself has spoiled on its way out."""
    with reader.sandbox.faults.http.body(spoil, operation=operation) as armed:
        answer = reader.answer(operation)
        assert armed.fired == 1
    return answer
