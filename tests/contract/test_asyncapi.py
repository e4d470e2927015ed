"""The document of the sockets holds together: what it refers to is there, and every request is answered.

The published JSON Schema of AsyncAPI 3.0 is asked by `make conformance`, which fetches it; these rules need nothing.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from alor_async._contract import commands, subscriptions
from alor_async.values import Format
from codegen.export_sockets import open_sockets
from tests.contract.model_kit import document
from tests.contract.socket_kit import SIGNALS, closed, look_up, sockets

ROOT_KEYS = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
KEYS = {
    "server": {"host", "protocol", "protocolVersion", "pathname", "description", "title", "summary", "tags"},
    "channel": {"address", "messages", "title", "summary", "description", "servers", "tags"},
    "message": {"payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags"},
    "operation": {"action", "channel", "title", "summary", "description", "messages", "reply", "tags"},
    "reply": {"address", "channel", "messages"},
}
NAMED = re.compile(r"[A-Za-z0-9._-]+")


def standard(value: dict[str, Any]) -> set[str]:
    return {key for key in value if not key.startswith("x-")}


def shipped() -> Any:
    return json.loads((files("alor_async._contract") / "alor.asyncapi.json").read_text(encoding="utf-8"))


DOCUMENTS = {"source": sockets(), "open": shipped(), **{format_.value: closed(format_) for format_ in Format}}


@pytest.fixture(params=DOCUMENTS)
def whole(request: pytest.FixtureRequest) -> Any:
    return DOCUMENTS[request.param]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def messages(whole: Any) -> dict[str, Any]:
    return {
        f"#/channels/{channel}/messages/{name}": message
        for channel, item in whole["channels"].items()
        for name, message in item["messages"].items()
    }


def test_every_object_has_keys_of_asyncapi_alone(whole: Any) -> None:
    assert standard(whole) <= ROOT_KEYS
    assert {"asyncapi", "info", "servers", "channels", "operations"} <= whole.keys()
    assert whole["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= whole["info"].keys()
    parts = {
        "server": whole["servers"].values(),
        "channel": whole["channels"].values(),
        "message": messages(whole).values(),
        "operation": whole["operations"].values(),
        "reply": [operation["reply"] for operation in whole["operations"].values() if "reply" in operation],
    }
    for kind, items in parts.items():
        assert items
        for item in items:
            assert standard(item) <= KEYS[kind], kind


def test_names_are_such_that_tools_take_them(whole: Any) -> None:
    parts = [whole["servers"], whole["channels"], whole["operations"], whole.get("components", {}).get("schemas", {})]
    for name in (name for part in parts for name in part):
        assert NAMED.fullmatch(name), name


def test_every_reference_leads_somewhere(whole: Any) -> None:
    for reference in references(whole):
        if reference.startswith("./alor.openapi.yaml#/"):
            assert whole is sockets()
            assert look_up(document(), reference.partition("#")[2].removeprefix("/"))
        else:
            assert look_up(whole, reference)


def test_operations_speak_of_messages_of_their_own_channel(whole: Any) -> None:
    for name, operation in whole["operations"].items():
        spoken = [operation, operation["reply"]] if "reply" in operation else [operation]
        for part in spoken:
            channel = part["channel"]["$ref"]
            assert channel.startswith("#/channels/")
            assert part["messages"], name
            assert all(message["$ref"].startswith(f"{channel}/messages/") for message in part["messages"]), name


def test_no_message_is_without_an_operation(whole: Any) -> None:
    said = set(references(whole["operations"]))
    assert said >= messages(whole).keys()


def test_requests_are_answered_and_data_have_been_asked_for(whole: Any) -> None:
    operations = whole["operations"]
    for name, operation in operations.items():
        if operation["action"] == "send":
            names = [message["$ref"].rpartition("/")[2] for message in operation["reply"]["messages"]]
            assert names in (["accepted", "refused"], ["taken", "refused"]), name
        else:
            assert operation["action"] == "receive"
            assert operations[name.removesuffix(".data")]["action"] == "send"


def test_correlations_lead_into_the_payload(whole: Any) -> None:
    for name, message in messages(whole).items():
        key = message["correlationId"]["location"].removeprefix("$message.payload#/")
        payload = message["payload"]
        named = [part["$ref"] for part in payload.get("allOf", []) if part["$ref"].startswith("#/")]
        parts = [payload, *(look_up(whole, reference) for reference in named)]
        assert any(key in part.get("properties", {}) for part in parts), name


def test_opcodes_are_unique_on_their_channel_and_come_first() -> None:
    found: dict[str, list[str]] = {"ws": [], "cws": []}
    for name, message in messages(closed(Format.SLIM)).items():
        if name.endswith(".request"):
            properties = message["payload"]["properties"]
            assert next(iter(properties)) == "opcode"
            found[name.split("/")[2]].append(properties["opcode"]["const"])
    for opcodes in found.values():
        assert len(opcodes) == len(set(opcodes))
    assert len(found["ws"]) == 12 + 1 + 2  # with the deprecated one, unsubscribe and ping
    assert len(found["cws"]) == 12 + 2  # with authorize and ping


def test_every_opcode_but_the_deprecated_one_has_a_constant() -> None:
    specs = [*subscriptions.ALL, *commands.ALL, *(signal for _, signal in SIGNALS)]
    described = {
        message["payload"]["properties"]["opcode"]["const"]
        for name, message in messages(closed(Format.SLIM)).items()
        if name.endswith(".request")
    }
    assert described - {spec.opcode for spec in specs} == {"StopOrdersGetAndSubscribe"}
    assert {spec.name for spec in specs} <= closed(Format.SLIM)["operations"].keys()


def test_payloads_are_valid_schemas(whole: Any) -> None:
    for message in messages(whole).values():
        jsonschema.Draft7Validator.check_schema(message["payload"])
        jsonschema.Draft202012Validator.check_schema(message["payload"])


def test_what_is_shipped_is_the_open_document() -> None:
    assert shipped() == open_sockets(document(), sockets())
    assert list(references(shipped()["channels"])) == []


def test_the_open_document_has_the_three_spellings_in_order() -> None:
    data = messages(shipped())["#/channels/ws/messages/order_book.data"]["payload"]["properties"]["data"]
    assert [one["title"] for one in data["anyOf"]] == ["Simple", "Slim", "Heavy"]
    assert [one["required"][0] for one in data["anyOf"]] == ["bids", "b", "bids"]


def test_every_refusal_says_what_becomes_of_the_connection() -> None:
    refusals = [error for message in messages(sockets()).values() for error in message.get("x-errors", [])]
    assert len(refusals) == 8
    for refusal in refusals:
        assert refusal["connection"] in {"stays", "closes"}
        assert refusal["x-standing"] in {"documented", "observed", "assumed"}
        assert refusal["status"] >= 400


def test_both_environments_have_a_server() -> None:
    assert {name: (one["protocol"], one["host"]) for name, one in shipped()["servers"].items()} == {
        "production": ("wss", "api.alor.ru"),
        "test": ("wss", "apidev.alor.ru"),
    }
    assert {one["address"] for one in shipped()["channels"].values()} == {"/ws", "/cws"}
