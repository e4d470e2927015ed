"""The private spellings of a model: the same layout as the public class, and gone from what users get."""

import gc
import importlib
import pkgutil
import sys
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import force_setattr

from alor_async import models
from alor_async._contract import wire
from alor_async._contract.operations import (
    ACCOUNT_GET_STOP_ORDER,
    ACCOUNT_LIST_ORDERS,
    ACCOUNT_LIST_STOP_ORDERS,
    ACCOUNT_LIST_TRADES,
    MARKET_DATA_GET_CANDLES,
    MARKET_DATA_GET_ORDER_BOOK,
    ORDERS_PLACE_LIMIT,
)
from alor_async.models import BookLevel, Candle, Model, Order, OrderBook
from alor_async.values import Format
from tests.contract.model_kit import FIXTURES, document, encode, modelled, wire_key


def variants() -> list[type[Model]]:
    for module in pkgutil.iter_modules(wire.__path__):
        importlib.import_module(f"{wire.__name__}.{module.name}")
    found = [variant for public in Model.__subclasses__() for variant in public.__subclasses__()]
    return [variant for variant in found if variant.__module__.startswith(wire.__name__)]


VARIANTS = variants()


def public_class(variant: type[Model]) -> type[Model]:
    (base,) = variant.__bases__
    return base


def spelled_in(variant: type[Model]) -> list[Format]:
    """Read the formats that a variant is for from its docstring."""
    return [format_ for format_ in Format if format_.value in (variant.__doc__ or "").partition(" as ")[2]]


def made(kind: type[Model]) -> Any:
    return kind(**{name: f"value of {name}" for name in kind.__struct_fields__})


def test_there_are_variants_to_test() -> None:
    assert {"_OrderSlim", "_BookLevelHeavy", "_QuoteSimple", "_InstrumentSlim"} <= {kind.__name__ for kind in VARIANTS}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_a_variant_has_the_layout_of_its_public_class(variant: type[Model]) -> None:
    public = public_class(variant)
    assert variant.__struct_fields__ == public.__struct_fields__
    assert variant.__struct_defaults__ == public.__struct_defaults__
    for setting in ("frozen", "eq", "order", "gc", "weakref", "dict", "tag", "forbid_unknown_fields", "omit_defaults"):
        assert getattr(variant.__struct_config__, setting) == getattr(public.__struct_config__, setting)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_an_object_of_a_variant_becomes_one_of_the_public_class(variant: type[Model]) -> None:
    public = public_class(variant)
    value, like = made(variant), made(public)
    assert value != like
    force_setattr(value, "__class__", public)
    assert type(value) is public
    assert value == like
    assert like == value
    assert hash(value) == hash(like)
    assert repr(value) == repr(like)
    assert msgspec.json.encode(value) == msgspec.json.encode(like)


def test_swapping_keeps_the_reference_counts_of_the_classes() -> None:
    variant = next(kind for kind in VARIANTS if kind.__name__ == "_OrderSlim")
    gc.collect()
    before = sys.getrefcount(variant), sys.getrefcount(Order)
    for _ in range(1_000):
        force_setattr(made(variant), "__class__", Order)
    after = sys.getrefcount(variant), sys.getrefcount(Order)
    assert abs(after[0] - before[0]) < 10
    assert abs(after[1] - before[1]) < 10


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_a_variant_looks_for_the_keys_of_its_formats(variant: type[Model]) -> None:
    properties = modelled(document()["components"]["schemas"][public_class(variant).__name__])
    formats = spelled_in(variant)
    assert formats
    for format_ in formats:
        for field in msgspec.structs.fields(variant):
            key = wire_key(properties[field.name], format_)
            assert field.encode_name == (key or f"-{field.name}")


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda kind: kind.__name__)
def test_no_key_of_the_broker_fills_a_field_that_the_format_lacks(variant: type[Model]) -> None:
    schema = document()["components"]["schemas"][public_class(variant).__name__]
    for format_ in Format:
        sent = {wire_key(item, format_) for item in schema["properties"].values()}
        waiting = {field.encode_name for field in msgspec.structs.fields(variant) if field.encode_name.startswith("-")}
        assert not sent & waiting


@pytest.mark.parametrize("name", sorted({public_class(variant).__name__ for variant in VARIANTS}))
def test_a_shared_class_takes_no_key_that_means_something_else(name: str) -> None:
    """Formats without a variant are read by the public class; what it looks for must mean the same there."""
    public = getattr(models, name)
    schema = document()["components"]["schemas"][name]
    own = {format_ for variant in public.__subclasses__() for format_ in spelled_in(variant)}
    for format_ in set(Format) - own:
        meaning = {wire_key(item, format_): attribute for attribute, item in schema["properties"].items()}
        for field in msgspec.structs.fields(public):
            assert meaning.get(field.encode_name, field.name) == field.name


# What publishing does, seen through whole answers.


def test_heavy_letters_do_not_leak_into_a_slim_book() -> None:
    wire_book = {"b": [{"p": 1, "v": 2, "price": 9, "volume": 9}], "a": [], "t": 5, "msTimestamp": 9, "bids": [1]}
    book = MARKET_DATA_GET_ORDER_BOOK.answer[Format.SLIM].decode(encode(wire_book))
    assert book == OrderBook(bids=(BookLevel(price=Decimal(1), lots=2),), asks=(), timestamp_ms=5)


def test_children_are_published_in_every_format() -> None:
    wire_book = {"bids": [{"price": 1, "volume": 2}], "asks": [{"price": 3, "volume": 4}], "msTimestamp": 5}
    book = MARKET_DATA_GET_ORDER_BOOK.answer[Format.HEAVY].decode(encode(wire_book))
    assert [type(level) for level in (*book.bids, *book.asks)] == [BookLevel, BookLevel]
    page = MARKET_DATA_GET_CANDLES.answer[Format.SLIM].decode(
        b'{"h":[{"t":60,"o":1,"h":2,"l":0.5,"c":1.5,"v":7}],"next":null,"prev":null}'
    )
    assert type(page.candles[0]) is Candle


@pytest.mark.parametrize("format_", list(Format))
def test_ids_that_come_as_numbers_become_text(format_: Format) -> None:
    eid = "eid" if format_ is Format.SLIM else "exchangeOrderId"
    name = f"account.get_stop_order.{format_.value.lower()}.json"
    recorded = msgspec.json.decode((FIXTURES / name).read_bytes())
    order = ACCOUNT_GET_STOP_ORDER.answer[format_].decode(encode({**recorded, "id": 9223372036854775807, eid: 12}))
    assert order.order_id == "9223372036854775807"
    assert order.exchange_order_id == "12"


@pytest.mark.parametrize("number", [1, 2**53 + 1, 9223372036854775807, 1914637720558140563, 10**21 + 7])
def test_long_ids_come_through_exactly(number: int) -> None:
    accepted = ORDERS_PLACE_LIMIT.answer[None].decode(
        encode({"message": "x", "orderNumber": 0}).replace(b"0", b"%d" % number)
    )
    assert accepted.order_id == str(number)


@pytest.mark.parametrize("operation", [ACCOUNT_LIST_ORDERS, ACCOUNT_LIST_STOP_ORDERS, ACCOUNT_LIST_TRADES], ids=repr)
@pytest.mark.parametrize("format_", list(Format))
def test_an_empty_list_is_an_empty_list(operation: Any, format_: Format) -> None:
    assert operation.answer[format_].decode(b"[]") == []
