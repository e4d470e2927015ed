"""Fixed lists of commands. What the exchange makes of them is known by heart: see test_golden.py."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from alor_async.sandbox.core.commands import (
    CancelAll,
    CancelOrder,
    CreateGroup,
    DeleteGroup,
    GroupMember,
    ReplaceOrder,
    ReplaceStop,
    UpdateGroup,
)
from alor_async.sandbox.core.entities import OrderGroup
from alor_async.sandbox.core.enums import Condition, ExecutionPolicy, OrderType, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import FUTURES, STOCKS, UNITED, HandClock, limit, market, place, place_stop, stop

BUY, SELL = Side.BUY, Side.SELL
MORE, LESS = Condition.MORE, Condition.LESS_OR_EQUAL


def stocks(exchange: Exchange, clock: HandClock) -> None:
    """Two accounts on a board of their own: every time in force, icebergs, replacements, refusals."""
    resting = [place(exchange, limit(SELL, lots, price)) for lots, price in ((5, "290"), (7, "290.05"), (3, "290.10"))]
    iceberg = place(exchange, limit(SELL, 20, "290.05", iceberg=4, comment="iceberg"))
    for kind in TimeInForce:
        clock.forward(seconds=0.25)
        exchange.place_order(limit(BUY, 4, "290.05", portfolio=UNITED, tif=kind))
        exchange.place_order(market(BUY, 1, portfolio=UNITED, tif=kind))
    exchange.replace_order(ReplaceOrder(order_id=resting[2], order=limit(SELL, 6, "290.05", iceberg=2)))
    exchange.replace_order(ReplaceOrder(order_id=iceberg, order=limit(SELL, 6, "290.001")))
    exchange.replace_order(ReplaceOrder(order_id="1", order=limit(SELL, 6, "290")))
    exchange.place_order(limit(BUY, 9, "290.05"))
    for wrong in (limit(BUY, 0, "290"), limit(BUY, 1, "900"), limit(BUY, 10**6, "290"), market(SELL, 1, symbol="NONE")):
        exchange.place_order(wrong)
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=iceberg))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=iceberg))
    exchange.cancel_all(CancelAll(portfolio=STOCKS))


def futures(exchange: Exchange, clock: HandClock) -> None:
    """Contracts: varying icebergs, orders that last, variation margin."""
    last = exchange.get_quote("MOEX", "SiM6").last_price
    contract = {"portfolio": FUTURES, "symbol": "SiM6", "board": None}
    gtc = TimeInForce.GOOD_TILL_CANCELLED
    iceberg = place(exchange, limit(SELL, 10, last + 40, iceberg=4, variance=50, tif=gtc, **contract))
    lasting = place(exchange, limit(BUY, 2, last - 40, tif=gtc, **contract))
    exchange.crowd_trade("MOEX", "SiM6", price=last + 40, lots=7)
    clock.forward(minutes=5)
    exchange.place_order(market(BUY, 3, **contract))
    exchange.replace_order(ReplaceOrder(order_id=lasting, order=limit(SELL, 3, last - 30, **contract)))
    exchange.crowd_trade("MOEX", "SiM6", price=last - 35, lots=5)
    exchange.cancel_order(CancelOrder(portfolio=FUTURES, order_id=iceberg))
    clock.forward(days=1)
    exchange.place_order(market(SELL, 2, **contract))


def stops_and_groups(exchange: Exchange, clock: HandClock) -> None:
    """Conditional orders that fire, wait, are refused and replaced, under all three policies."""
    last = exchange.get_quote("MOEX", "SBER").last_price
    cent = Decimal("0.01")
    entry = place(exchange, limit(BUY, 4, last - 10 * cent, board=None))
    loss = place_stop(exchange, stop(SELL, 4, LESS, last - 50 * cent, activate=False))
    gain = place_stop(exchange, stop(SELL, 4, MORE, last + 50 * cent, price=last, activate=False, comment="gain"))
    slow = place_stop(exchange, stop(SELL, 2, LESS, last - 20 * cent, protecting_seconds=30))
    ending = place_stop(exchange, stop(BUY, 1, MORE, last * 2, ends_at=int(clock.now.timestamp()) + 600))
    too_much = place_stop(exchange, stop(BUY, 100_000, MORE, last + 5 * cent))

    def group(policy: ExecutionPolicy, *members: tuple[str, OrderType]) -> OrderGroup:
        named = tuple(GroupMember(STOCKS, "MOEX", number, kind) for number, kind in members)
        made = exchange.create_group(CreateGroup(exchange.login, named, policy))
        assert isinstance(made, OrderGroup)
        return made

    group(
        ExecutionPolicy.TRIGGER_BRACKET_ORDERS,
        (entry, OrderType.LIMIT),
        (loss, OrderType.STOP),
        (gain, OrderType.STOP_LIMIT),
    )
    pair = group(ExecutionPolicy.IGNORE_CANCEL, (slow, OrderType.STOP), (ending, OrderType.STOP))
    spare = group(ExecutionPolicy.ON_EXECUTE_OR_CANCEL, (ending, OrderType.STOP), (too_much, OrderType.STOP))
    exchange.update_group(UpdateGroup(exchange.login, pair.group_id, None, ExecutionPolicy.ON_EXECUTE_OR_CANCEL))
    exchange.delete_group(DeleteGroup(exchange.login, spare.group_id))
    for offset in (-12, -25, 6, -25, 55, 60):
        clock.forward(seconds=20)
        exchange.crowd_trade("MOEX", "SBER", price=last + offset * cent, lots=30)
    exchange.replace_stop(ReplaceStop(order_id=loss, order=stop(SELL, 3, LESS, last)))
    clock.forward(minutes=15)
    exchange.cancel_all(CancelAll(portfolio=STOCKS, is_stop=True))


def two_sessions(exchange: Exchange, clock: HandClock) -> None:
    """A night between two days: day orders end, the others stay, money settles."""
    last = exchange.get_quote("MOEX", "GAZP").last_price
    stock = {"symbol": "GAZP", "board": None}
    place(exchange, market(BUY, 10, **stock))
    place(exchange, limit(SELL, 5, last + 2, **stock))
    place_stop(exchange, stop(SELL, 3, LESS, last - 1, symbol="GAZP"))
    place(exchange, market(SELL, 2, portfolio=FUTURES, symbol="SiM6", board=None))
    clock.forward(hours=20)
    exchange.advance()
    exchange.crowd_trade("MOEX", "GAZP", price=last - 1, lots=100)
    place(exchange, market(SELL, 4, **stock))
    clock.forward(days=3)
    place(exchange, market(BUY, 2, portfolio=FUTURES, symbol="SiM6", board=None))


def moving_market(exchange: Exchange, clock: HandClock) -> None:
    """A market that moves by itself, with a client in it."""
    quote = exchange.get_quote("MOEX", "SBER")
    assert quote.bid is not None
    assert quote.ask is not None
    bid = place(exchange, limit(BUY, 30, quote.bid, board=None, iceberg=10))
    place_stop(exchange, stop(SELL, 2, LESS, quote.bid - Decimal("0.05")))
    place(exchange, limit(SELL, 30, quote.ask, board=None))
    for _ in range(20):
        clock.forward(seconds=15)
        exchange.advance()
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=bid))


SCRIPTS: dict[str, Callable[[Exchange, HandClock], None]] = {
    script.__name__: script for script in (stocks, futures, stops_and_groups, two_sessions, moving_market)
}


def run(name: str, seed: int = 42) -> Exchange:
    """Live through a list of commands."""
    clock = HandClock()
    exchange = Exchange(clock=clock, seed=seed, market="calm" if name == "moving_market" else "still")
    SCRIPTS[name](exchange, clock)
    return exchange


if __name__ == "__main__":
    for name in SCRIPTS:
        print(f'    "{name}": "{run(name).journal.digest()}",')  # noqa: T201
