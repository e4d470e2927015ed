"""The reader understands the vocabulary, and refuses what it does not know with the place where it stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.contract import load_yaml, read_contract
from codegen.errors import CodegenError
from codegen.ir import Answer, EnumRef, Format, Many, Member, Parameter, Scalar, SchemaRef, Spelling
from codegen.node import Json
from tests.unit.codegen import sample

ORDER = "components/schemas/Order"
PRICE = f"{ORDER}/properties/price"
SIDE = "components/schemas/Side"
GET_ORDER = "paths/~orders~{portfolio}~{id}/get"


def test_fields_keep_the_order_of_the_contract() -> None:
    order = sample.contract().schemas["Order"]
    assert [field.name for field in order.fields][:5] == ["order_id", "symbol", "exchange", "board", "side"]


def test_a_field_is_understood_in_full() -> None:
    fields = {field.name: field for field in sample.contract().schemas["Order"].fields}
    price = fields["price"]
    assert (price.type, price.nullable, price.required) == (Scalar.DECIMAL, True, False)
    assert price.wire == Spelling("price", "p", "price")
    assert price.alternates == ((Format.SLIM, "px"),)
    assert price.doc == "Price; money."
    assert fields["order_id"].required
    assert fields["order_id"].wire == Spelling("id", "id", "id")
    assert fields["board"].wire.formats == (Format.SIMPLE, Format.HEAVY)
    assert fields["strike"].only_for == "options"
    assert fields["ends_at"].zoneless == frozenset(Format)


def test_what_all_formats_share_is_said_once() -> None:
    document = sample.document()
    sample.at(document, PRICE)["x-alternates"] = ["cost"]
    sample.at(document, f"{ORDER}/properties/ends_at")["x-zoneless"] = False
    sample.at(document, GET_ORDER)["security"] = [{"bearer": []}]
    contract = read_contract(document, sample.sockets())
    fields = {field.name: field for field in contract.schemas["Order"].fields}
    assert fields["price"].alternates == tuple((format_, "cost") for format_ in Format)
    assert fields["ends_at"].zoneless == frozenset()
    assert contract.operations[0].access == "required"


def test_types_are_understood() -> None:
    contract = sample.contract()
    order = {field.name: field.type for field in contract.schemas["Order"].fields}
    assert order["order_id"] is Scalar.WIRE_ID
    assert order["side"] == EnumRef("Side")
    assert order["phase"] == EnumRef("Phase")
    assert order["iceberg"] == SchemaRef("Iceberg")
    assert order["placed_at"] is Scalar.TIME
    assert {field.name: field.type for field in contract.schemas["Book"].fields}["bids"] == Many(SchemaRef("Level"))


def test_enumerations_are_understood() -> None:
    enums = sample.contract().enums
    assert enums["Phase"].members == (Member("BREAK", 2, "A break."), Member("NORMAL", 17, "Normal trading."))
    assert enums["Phase"].is_open
    assert "Format" not in enums, "written by hand"


def test_what_is_not_modelled_is_no_field_and_its_keys_are_known() -> None:
    order = sample.contract().schemas["Order"]
    assert "quantity" not in {field.name for field in order.fields}
    assert order.ignored == (Spelling("qty", None, None),)


def test_an_operation_is_understood_in_full() -> None:
    operations = {operation.name: operation for operation in sample.contract().operations}
    get_order = operations["account.get_order"]
    assert (get_order.method, get_order.kind, get_order.lane, get_order.access) == ("GET", "read", "data", "required")
    assert get_order.parameters == (
        Parameter("portfolio", "portfolio", "path"),
        Parameter("order_id", "id", "path"),
        Parameter("start", "from", "query"),
    )
    assert get_order.has_format
    assert operations["account.list_orders"].access == "optional"
    assert operations["account.list_orders"].max_body == 128 * 1024 * 1024
    place = operations["orders.place"]
    assert place.also == ("stop_orders.place",)
    assert place.has_request_id
    assert place.body is not None
    assert place.body.type == SchemaRef("OrderBody")
    assert operations["orders.cancel"].answer == Answer(None)
    assert operations["get_time"].access == "none"
    assert operations["get_time"].oauth
    assert "deprecated.get_money" not in operations


def put(path: str, **values: object) -> Callable[[Json], None]:
    def spoil(document: Json) -> None:
        sample.at(document, path).update(values)

    return spoil


def drop(path: str, key: str) -> Callable[[Json], None]:
    def spoil(document: Json) -> None:
        del sample.at(document, path)[key]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (put(PRICE, type="object"), r"Order\.properties\.price\.type: unknown type 'object'"),
        (put(PRICE, type=["number", "string"]), r"price\.type: expected one type"),
        (put(PRICE, format="money"), r"price\.type: unknown type 'number' with format 'money'"),
        (put(PRICE, **{"x-colour": "red"}), r"price: unknown or unused: x-colour"),
        (put(PRICE, oneOf=[]), r"price: unknown or unused: oneOf"),
        (put(PRICE, **{"x-wire": {"fat": "price"}}), r"price\.x-wire: unknown or unused: fat"),
        (put(PRICE, **{"x-wire": {}}), r"price\.x-wire: the field stands in no format"),
        (put(PRICE, **{"x-wire": "-price"}), r"price\.x-wire: keys that start with `-`"),
        (put(PRICE, **{"x-wire": "id"}), r"Order: order_id and price share `id` in simple"),
        (put(PRICE, **{"x-zoneless": True}), r"price\.x-zoneless: only a time"),
        (put(PRICE, **{"x-alternates": {"slim": "px"}}), r"price\.x-alternates\.slim: expected a list"),
        (
            put(f"{ORDER}/properties/ends_at", **{"x-zoneless": ["fat"]}),
            r"x-zoneless: expected true or a list of formats",
        ),
        (put(f"{ORDER}/properties/strike", **{"x-alternates": {"slim": ["q"]}}), "does not stand in that format"),
        (drop(PRICE, "x-wire"), r"price: `x-wire` is missing"),
        (drop(PRICE, "description"), r"price: `description` is missing"),
        (put(PRICE, description=7), r"price\.description: expected str, got 7"),
        (put(ORDER, required=["order_id", "size"]), r"Order\.required: not a field: size"),
        (put(ORDER, required=["price"]), r"price: a required field is never null"),
        (put(ORDER, required=["board"]), r"board: a required field is never null and always there"),
        (put(ORDER, **{"x-module": "nowhere"}), r"Order\.x-module: unknown module 'nowhere'"),
        (put(ORDER, allOf=[]), r"Order: unknown or unused: allOf"),
        (
            put(f"{ORDER}/properties", Price={"type": "string"}),
            r"Price: the name of a field must be a Python attribute",
        ),
        (put(f"{ORDER}/properties/side", **{"$ref": "#/components/schemas/Gone"}), r"side\.\$ref: no schema named"),
        (put(f"{ORDER}/properties/phase", anyOf=[{"type": "string"}]), r"phase\.anyOf: expected a reference and null"),
        (put("components/schemas/Book/properties/bids", items={"type": ["string", "null"]}), "cannot be null"),
        (put("components/schemas", Order2={"type": "object", "x-module": "account"}), "without a number at its end"),
        (put("components/schemas", Lost={"type": "object"}), r"components\.schemas\.Lost: no operation leads here"),
        (put(SIDE, enum=["buy", "sell", "swap"]), r"Side\.x-names: `swap` is missing"),
        (put(SIDE, enum=["buy"]), r"Side\.x-names: unknown or unused: sell"),
        (put(SIDE, enum=["buy", 1]), r"Side\.enum: expected str, got 1"),
        (put(SIDE, **{"x-names": {"buy": "BUY", "sell": "BUY"}}), r"Side\.x-names: two values have one name"),
        (put(SIDE, **{"x-open": False}), r"Side: an enumeration is either open or for requests only"),
        (put(SIDE, **{"x-module": "account"}), r"Side\.x-module: an enumeration stands in `enums`"),
        (put(SIDE, type="number"), r"Side\.type: expected string or integer"),
        (put(GET_ORDER, **{"x-kind": "maybe"}), r"get\.x-kind: expected one of read, command, got 'maybe'"),
        (put(GET_ORDER, callbacks={}), r"get: unknown or unused: callbacks"),
        (put(GET_ORDER, parameters=[]), r"are not those that are described"),
        (put(GET_ORDER, security=[{"cookie": []}]), r"get\.security: expected bearer"),
        (put(GET_ORDER, security=[{"bearer": [], "cookie": []}]), r"get\.security: expected bearer"),
        (put(ORDER, type="array"), r"Order\.type: expected object"),
        (put(ORDER, required=[7]), r"Order\.required: expected text, got 7"),
        (put(GET_ORDER, operationId="GetOrder"), r"get\.operationId: expected facade\.method, got 'GetOrder'"),
        (put(GET_ORDER, operationId="orders.place"), "two operations are named orders.place"),
        (put("components/parameters/Id", style="simple", **{"x-name": "class"}), "must be a Python keyword argument"),
        (
            put("components/parameters/Id/schema", format="hex"),
            r"schema\.type: unknown type 'string' with format 'hex'",
        ),
        (put("x-vocabulary", **{"x-unused": "Nothing."}), "nothing uses `x-unused`"),
        (drop("x-vocabulary", "x-wire"), "`x-wire` is not in x-vocabulary"),
        (put("paths/~orders/post/requestBody", content={}), "expected exactly one media type"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_its_place(spoil: Callable[[Json], None], problem: str) -> None:
    document = sample.document()
    spoil(document)
    with pytest.raises(CodegenError, match=problem):
        read_contract(document, sample.sockets())


def test_a_key_that_stands_twice_in_the_yaml_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("a: 1\nb: {c: 1, c: 2}\n", encoding="utf-8")
    with pytest.raises(CodegenError, match=r"line 2.*`c` stands twice"):
        load_yaml(path)


def test_dates_in_the_yaml_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "date.yaml"
    path.write_text("example: 2026-03-16\n", encoding="utf-8")
    assert load_yaml(path) == {"example": "2026-03-16"}


def test_the_yaml_must_be_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n", encoding="utf-8")
    with pytest.raises(CodegenError, match="expected a mapping"):
        load_yaml(path)
