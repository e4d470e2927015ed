"""The exported documents of the sockets are standard, whole, and spelled as the wire is."""

from typing import Any

import pytest

from codegen.errors import CodegenError
from codegen.export_sockets import closed_sockets, open_sockets
from codegen.ir import FORMATS, Format
from tests.unit.codegen import sample


def exported(format_: Format | None = None) -> Any:
    document, sockets = sample.document(), sample.sockets()
    return open_sockets(document, sockets) if format_ is None else closed_sockets(document, sockets, format_)


def payload(whole: Any, name: str, channel: str = "ws") -> Any:
    return whole["channels"][channel]["messages"][name]["payload"]


def extensions(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [key for key in value if key.startswith("x-")] + [
            found for item in value.values() for found in extensions(item)
        ]
    return [found for item in value for found in extensions(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("format_", [None, *FORMATS])
def test_nothing_of_our_vocabulary_is_left(format_: Format | None) -> None:
    whole = exported(format_)
    assert extensions(whole) == []
    assert "components" not in whole
    assert "$ref" not in str(whole["channels"])


def test_requests_have_the_keys_of_the_wire() -> None:
    request = payload(exported(), "book.request")
    assert list(request["properties"]) == [
        "opcode", "code", "depth", "sides", "side", "skipHistory", "hidden", "frequency", "format", "guid", "token",
    ]  # fmt: skip
    assert request["required"] == ["opcode", "code", "guid", "token"]
    assert request["properties"]["depth"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
        "default": 20,
        "description": "Levels.",
    }


def test_a_closed_document_is_asked_for_in_its_format() -> None:
    request = payload(exported(Format.SLIM), "book.request")
    assert request["properties"]["format"]["enum"] == ["Slim"]
    assert "format" in request["required"]


def test_data_are_in_three_spellings_or_in_one() -> None:
    data = payload(exported(), "book.data")["properties"]["data"]
    assert [(one["title"], list(one["properties"])) for one in data["anyOf"]] == [
        ("Simple", ["bids", "ts"]),
        ("Slim", ["b", "t"]),
        ("Heavy", ["bids", "ts"]),
    ]
    slim = payload(exported(Format.SLIM), "book.data")
    assert slim["additionalProperties"] is False
    assert slim["properties"]["data"]["required"] == ["b", "t"]
    assert slim["properties"]["data"]["additionalProperties"] is False


def test_data_have_what_the_socket_sends_alone() -> None:
    data = payload(exported(Format.SIMPLE), "order.data")["properties"]["data"]
    assert list(data["properties"]) == ["id", "symbol", "exchange", "cost"]
    assert data["required"] == ["id"]
    assert list(payload(exported(Format.HEAVY), "order.data")["properties"]["data"]["properties"])[-1] == "price"


def test_a_command_is_one_object() -> None:
    command = payload(exported(Format.HEAVY), "place.request", "cws")
    assert list(command["properties"]) == [
        "opcode", "guid", "orderId", "checkDuplicates", "aside", "side", "price", "instrumentGroup",
    ]  # fmt: skip
    assert command["required"] == ["opcode", "guid", "orderId", "side", "price"]
    assert command["properties"]["opcode"] == {"type": "string", "const": "create:order"}
    assert command["properties"]["orderId"]["type"] == ["string", "integer"]
    assert "additionalProperties" not in command


def test_replies_are_closed_and_correlated_by_the_wire() -> None:
    message = exported(Format.HEAVY)["channels"]["ws"]["messages"]["reply"]
    assert message["correlationId"] == {"location": "$message.payload#/requestGuid"}
    assert message["name"] == "reply"
    assert message["payload"]["properties"]["httpCode"]["maximum"] == 499
    assert message["payload"]["additionalProperties"] is False
    assert "additionalProperties" not in payload(exported(), "reply")


def test_a_correlation_that_leads_nowhere_is_refused() -> None:
    sockets = sample.sockets()
    sample.at(sockets, "channels/ws/messages/reply/correlationId")["location"] = "$message.header#/id"
    with pytest.raises(CodegenError, match="reply: the correlation leads nowhere"):
        open_sockets(sample.document(), sockets)


@pytest.mark.parametrize("place", ["channels/ws/messages/reply", "channels/ws/messages/book.request"])
def test_a_payload_that_is_no_mapping_is_refused(place: str) -> None:
    sockets = sample.sockets()
    sample.at(sockets, place)["payload"] = []
    with pytest.raises(CodegenError, match="expected a mapping"):
        open_sockets(sample.document(), sockets)
