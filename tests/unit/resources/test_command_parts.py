"""The pure parts of the command facades: what is read from an order, what is refused, what a body says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from alor_async._contract import bodies, operations
from alor_async._http.request import Request
from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._policy.arguments import check_order_id
from alor_async.errors import InvalidArgument, OrderNotWorking, OrderOutcomeUnknown, StatusError
from alor_async.models import Exchange, ExecutionPolicy, Order, OrderStatus, OrderType, Side, StopOrder, StopOrderType
from alor_async.models.enums import GroupedOrderType
from alor_async.resources._commands import Commands, body_instrument, body_owner, expiry_of, remaining_lots, replaced
from alor_async.resources._estimates import EstimateRequest
from alor_async.resources.order_groups import GroupedOrder, OrderGroupsResource
from alor_async.resources.orders import OrdersResource
from alor_async.resources.stop_orders import StopOrdersResource
from alor_async.values import NEVER, InstrumentId, Portfolio

NUMBER = "61270448139"
SBER = InstrumentId("SBER", "MOEX", "TQBR")


def order(**changes: object) -> Order:
    usual = {
        "order_id": NUMBER,
        "symbol": "SBER",
        "board": "TQBR",
        "portfolio": "D39004",
        "exchange": Exchange.MOEX,
        "order_type": OrderType.LIMIT,
        "side": Side.BUY,
        "status": OrderStatus.WORKING,
        "lots": 10,
        "filled_lots": 3,
    }
    return Order(**(usual | changes))


def stop_order(**changes: object) -> StopOrder:
    usual = {
        "order_id": "7",
        "symbol": "SBER",
        "board": "TQBR",
        "portfolio": "D39004",
        "exchange": Exchange.SPBX,
        "order_type": StopOrderType.STOP_LIMIT,
        "side": Side.SELL,
        "status": OrderStatus.WORKING,
        "lots": 10,
        "trigger_price": Decimal(250),
    }
    return StopOrder(**(usual | changes))


class RecordingWire:
    """A wire that remembers what it was given and answers as it is told."""

    def __init__(self, outcome: OrderAck | Exception | None = None) -> None:
        self.sent: list[Intent[object]] = []
        self.outcome = OrderAck(order_id=NUMBER) if outcome is None else outcome

    async def send(self, intent: Intent[object], timeout: object, retries: object) -> OrderAck:
        self.sent.append(intent)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class RecordingSession:
    """A session that remembers requests and answers as it is told."""

    def __init__(self, answer: object = None) -> None:
        self.sent: list[Request[object]] = []
        self.answer = answer

    async def send(
        self, request: Request[object], timeout: object = None, retries: object = None, *, fate: object = None
    ) -> object:
        self.sent.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def no_facades() -> tuple[OrdersResource, StopOrdersResource]:
    """The facades that brackets go through, over a wire that is not used."""
    return OrdersResource(RecordingWire(), RecordingSession()), StopOrdersResource(RecordingWire(), RecordingSession())


async def cancel(wire: RecordingWire, target: object, order_id: object = None, *, stop: bool) -> OrderAck:
    operation = operations.STOP_ORDERS_CANCEL if stop else operations.ORDERS_CANCEL
    commands = Commands(wire, RecordingSession())
    return await commands._cancel(operation, target, order_id, stop=stop, timeout=None, retries=None)


async def test_a_cancel_names_the_order_the_portfolio_and_the_number_space():
    wire = RecordingWire()
    await cancel(wire, "E39004", NUMBER, stop=False)
    await cancel(wire, order(), stop=False)
    await cancel(wire, stop_order(), stop=True)
    assert [intent.values for intent in wire.sent] == [
        {"order_id": NUMBER, "portfolio": "E39004", "exchange": "MOEX", "stop": False},
        {"order_id": NUMBER, "portfolio": "D39004", "exchange": "MOEX", "stop": False},
        {"order_id": "7", "portfolio": "D39004", "exchange": "SPBX", "stop": True},
    ]
    assert {intent.verb for intent in wire.sent} == {Verb.CANCEL}
    assert [intent.instrument_id for intent in wire.sent] == [None, SBER, InstrumentId("SBER", "SPBX", "TQBR")]
    assert all(intent.request_id is None for intent in wire.sent)


@pytest.mark.parametrize("stop", [False, True])
async def test_an_order_of_the_other_number_space_is_refused(stop):
    wire = RecordingWire()
    with pytest.raises(InvalidArgument, match=r"got (Stop)?Order"):
        await cancel(wire, order() if stop else stop_order(), stop=stop)
    assert wire.sent == []


@pytest.mark.parametrize("target", [None, 5, object(), SBER, [order()]])
async def test_what_is_neither_a_portfolio_nor_an_order_is_refused(target):
    wire = RecordingWire()
    for stop in (False, True):
        with pytest.raises(InvalidArgument, match=r"^portfolio: "):
            await cancel(wire, target, NUMBER, stop=stop)
    for kind in (Order, StopOrder):
        with pytest.raises(InvalidArgument, match=r"^portfolio: "):
            replaced(target, NUMBER, SBER, Side.BUY, kind=kind)
    assert wire.sent == []


@pytest.mark.parametrize("number", [None, "all", "", "0", "1.0", 0])
async def test_f195_a_cancel_without_a_number_cannot_become_a_cancel_of_everything(number):
    wire = RecordingWire()
    with pytest.raises(InvalidArgument, match=r"^order_id: "):
        await cancel(wire, "D39004", number, stop=False)
    assert wire.sent == []


async def test_an_order_leaves_no_room_for_another_number():
    with pytest.raises(InvalidArgument, match="leave it out"):
        await cancel(RecordingWire(), order(), "5", stop=False)


async def test_f107_cancelling_all_says_whether_there_was_anything():
    commands = Commands(wire := RecordingWire(), RecordingSession())
    arguments = {"stop": True, "timeout": None, "retries": None}
    assert await commands._cancel_all(operations.STOP_ORDERS_CANCEL_ALL, "D39004", **arguments) is True
    assert wire.sent[0].values == {"portfolio": "D39004", "exchange": "MOEX", "stop": True}
    wire.outcome = OrderNotWorking("nothing there")
    assert await commands._cancel_all(operations.STOP_ORDERS_CANCEL_ALL, "D39004", **arguments) is False
    wire.outcome = OrderOutcomeUnknown("lost")
    with pytest.raises(OrderOutcomeUnknown):
        await commands._cancel_all(operations.STOP_ORDERS_CANCEL_ALL, "D39004", **arguments)


async def test_a_command_gets_a_request_id_of_its_own_unless_one_is_given():
    commands = Commands(wire := RecordingWire(), RecordingSession())
    body = bodies.MarketOrderBody(
        side=Side.BUY, lots=1, instrument=body_instrument(SBER), user=body_owner(Portfolio("D1"))
    )
    rest = (None, None)
    for given in (None, None, "mine", UUID(int=5)):
        await commands._send(operations.ORDERS_PLACE_MARKET, Verb.PLACE, SBER, body, given, *rest)
    await commands._send(operations.ORDERS_REPLACE_MARKET, Verb.REPLACE, SBER, body, "x", *rest, order_id=NUMBER)
    first, second, *given_ids = [intent.request_id for intent in wire.sent]
    assert isinstance(first, UUID)
    assert isinstance(second, UUID)
    assert first != second
    assert given_ids == ["mine", UUID(int=5), "x"]
    assert wire.sent[-1].values == {"order_id": NUMBER}
    with pytest.raises(InvalidArgument, match=r"^request_id: "):
        await commands._send(operations.ORDERS_PLACE_MARKET, Verb.PLACE, SBER, body, "a\r\nb", *rest)


def test_f106_a_replace_takes_side_and_symbol_from_the_order_itself():
    target = replaced(order(), None, None, None, kind=Order)
    assert (target.account, target.order_id, target.key, target.side) == (
        Portfolio("D39004", "MOEX"),
        NUMBER,
        SBER,
        Side.BUY,
    )
    for argument, value in (("order_id", "5"), ("instrument", SBER), ("side", Side.SELL)):
        given = {"order_id": None, "instrument": None, "side": None} | {argument: value}
        with pytest.raises(InvalidArgument, match=f"^{argument}: the order says it"):
            replaced(order(), **given, kind=Order)
    with pytest.raises(InvalidArgument, match=r"^portfolio: .*got StopOrder"):
        replaced(stop_order(), None, None, None, kind=Order)
    with pytest.raises(InvalidArgument, match=r"^side: "):
        replaced(order(side=Side("hold")), None, None, None, kind=Order)


def test_a_replace_by_number_needs_all_that_names_the_order():
    target = replaced("D39004", NUMBER, "MOEX:SBER:TQBR", "buy", kind=Order)
    assert (target.account, target.order_id, target.key, target.side) == (Portfolio("D39004"), NUMBER, SBER, Side.BUY)
    full = {"order_id": NUMBER, "instrument": SBER, "side": Side.BUY}
    for missing in full:
        with pytest.raises(InvalidArgument, match=f"^{missing}: "):
            replaced("D39004", **(full | {missing: None}), kind=Order)


def test_what_is_left_of_an_order_and_of_its_time():
    assert remaining_lots(order()) == 7
    assert remaining_lots(order(filled_lots=10)) == 0
    end = datetime(2026, 3, 1, tzinfo=UTC)
    assert expiry_of(stop_order(expires_at=end)) == end
    for endless in (None, NEVER, datetime(2060, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert expiry_of(stop_order(expires_at=endless)) is None


def encoded(body: object) -> dict[str, object]:
    found = json.loads(bodies.encode(body), parse_float=Decimal)
    assert isinstance(found, dict)
    return found


def test_bodies_name_instruments_and_owners_as_the_broker_does():
    assert encoded(body_instrument(SBER)) == {"symbol": "SBER", "exchange": "MOEX", "instrumentGroup": "TQBR"}
    assert encoded(body_instrument(InstrumentId("SBER", "moex"))) == {"symbol": "SBER", "exchange": "MOEX"}
    assert encoded(body_instrument(InstrumentId("X", "LSE"))) == {"symbol": "X", "exchange": "LSE"}
    assert encoded(body_owner(Portfolio("D39004"))) == {"portfolio": "D39004"}


def test_f197_text_in_a_body_cannot_break_out_of_it():
    comment = '"}, "quantity": 1000, "x": {"y": "JwtToken'
    body = bodies.MarketOrderBody(
        side=Side.BUY, lots=1, instrument=body_instrument(SBER), user=body_owner(Portfolio("D39004")), comment=comment
    )
    assert encoded(body)["comment"] == comment
    assert encoded(body)["quantity"] == 1


def test_an_estimate_says_what_is_asked():
    asked = EstimateRequest(portfolio="D39004", instrument="MOEX:SBER:TQBR", price=Decimal("250.10"), lots=5)
    assert encoded(asked.to_body()) == {
        "portfolio": "D39004",
        "ticker": "SBER",
        "exchange": "MOEX",
        "board": "TQBR",
        "price": Decimal("250.10"),
        "lotQuantity": 5,
        "includeLimitOrders": False,
    }
    asked = EstimateRequest(
        portfolio=Portfolio("D39004"), instrument=SBER, budget=Decimal(1000), include_limit_orders=True
    )
    assert encoded(asked.to_body())["budget"] == 1000
    assert encoded(asked.to_body())["includeLimitOrders"] is True


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("portfolio", {"portfolio": "../x"}),
        ("instrument", {"instrument": "SBER"}),
        ("price", {"price": 250.1}),
        ("lots", {"lots": 0}),
        ("budget", {"budget": Decimal("NaN")}),
        ("budget", {"budget": Decimal(5), "lots": 1}),
        ("include_limit_orders", {"include_limit_orders": 1}),
    ],
)
def test_a_wrong_estimate_cannot_be_made(argument, changes):
    with pytest.raises(InvalidArgument, match=f"^{argument}: "):
        EstimateRequest(**({"portfolio": "D39004", "instrument": SBER} | changes))


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (order(), ("MOEX", NUMBER, "Limit")),
        (order(order_type=OrderType.MARKET), ("MOEX", NUMBER, "Market")),
        (stop_order(), ("SPBX", "7", "StopLimit")),
        (stop_order(order_type=StopOrderType.STOP), ("SPBX", "7", "Stop")),
        (GroupedOrder("E39004", "8", GroupedOrderType.LIMIT), ("MOEX", "8", "Limit")),
    ],
)
def test_a_member_of_a_group_is_read_from_an_order(member, expected):
    body = encoded(GroupedOrder.of(member).to_body())
    assert (body["exchange"], body["orderId"], body["type"]) == expected


@pytest.mark.parametrize(
    ("argument", "make"),
    [
        ("orders", lambda: GroupedOrder.of("61270448139")),
        ("orders", lambda: GroupedOrder.of(None)),
        ("orders", lambda: GroupedOrder.of(order(order_type=OrderType("iceberg")))),
        ("orders", lambda: GroupedOrder.of(order(order_type=None))),
        ("order_id", lambda: GroupedOrder("D39004", "all", GroupedOrderType.LIMIT)),
        ("order_type", lambda: GroupedOrder("D39004", NUMBER, "iceberg")),
        ("portfolio", lambda: GroupedOrder("..", NUMBER, GroupedOrderType.LIMIT)),
    ],
)
def test_what_cannot_be_a_member_is_refused(argument, make):
    with pytest.raises(InvalidArgument, match=f"^{argument}: "):
        make()


GROUP = UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6")


async def test_f111_groups_are_asked_for_as_the_broker_reads_it():
    session = RecordingSession(
        operations.ORDER_GROUPS_CREATE.answer[None].decode(b'{"groupId":"%s"}' % str(GROUP).encode())
    )
    groups = OrderGroupsResource(session, *no_facades())
    members = [order(), stop_order()]
    assert await groups.create(members, ExecutionPolicy.IGNORE_CANCEL) == GROUP
    await groups.update(str(GROUP), ExecutionPolicy.IGNORE_CANCEL)
    await groups.update(GROUP, ExecutionPolicy.IGNORE_CANCEL, iter(members))
    await groups.delete(GROUP)
    await groups.get(GROUP)
    await groups.list_all()
    base = "/commandapi/api/orderGroups"
    assert [(request.operation.method, request.target) for request in session.sent] == [
        ("POST", base),
        ("PUT", f"{base}/{GROUP}"),
        ("PUT", f"{base}/{GROUP}"),
        ("DELETE", f"{base}/{GROUP}"),
        ("GET", f"{base}/{GROUP}"),
        ("GET", base),
    ]
    created, kept, changed = [json.loads(request.body or b"") for request in session.sent[:3]]
    assert len(created["orders"]) == len(changed["orders"]) == 2
    assert created["executionPolicy"] == "IgnoreCancel"
    assert not kept.get("orders")
    assert {check_order_id(item["orderId"]) for item in created["orders"]} == {NUMBER, "7"}


async def test_a_wrong_group_is_refused_before_anything_is_sent():
    groups = OrderGroupsResource(session := RecordingSession(), *no_facades())
    for call in (
        groups.create([], ExecutionPolicy.IGNORE_CANCEL),
        groups.create([order()], ExecutionPolicy("Whatever")),
        groups.update(GROUP, ExecutionPolicy.IGNORE_CANCEL, []),
        groups.update("x", ExecutionPolicy.IGNORE_CANCEL),
        groups.get("x"),
        groups.delete("../all"),
    ):
        with pytest.raises(InvalidArgument):
            await call
    assert session.sent == []


async def test_f092_a_group_that_was_made_before_is_unknown_because_its_id_is_not_told():
    again = {"message": "x", "oldResponse": {"statusCode": 200, "body": {"orderNumber": "5"}}}
    error = StatusError("answered", status=400, raw_body=json.dumps(again).encode())
    with pytest.raises(OrderOutcomeUnknown, match="without telling its id"):
        await OrderGroupsResource(RecordingSession(error), *no_facades()).create(
            [order()], ExecutionPolicy.IGNORE_CANCEL
        )
