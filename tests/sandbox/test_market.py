from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from alor_async.errors import ConfigError, InvalidArgument
from alor_async.sandbox import MarketPreset, Sandbox
from alor_async.sandbox.core.commands import Accepted, PlaceOrder
from alor_async.sandbox.core.enums import OrderStatus, Side
from alor_async.sandbox.market import MarketHandle


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(seed=42, time="stepped")


@pytest.fixture
def sber(sandbox: Sandbox) -> MarketHandle:
    return sandbox.market["SBER"]


def place(sandbox: Sandbox, side: Side, lots: int, price: Decimal | None) -> str:
    command = PlaceOrder(portfolio="D39004", exchange="MOEX", symbol="SBER", side=side, lots=lots, price=price)
    answer = sandbox._exchange.place_order(command)
    assert isinstance(answer, Accepted), answer
    return answer.order_id


def levels(handle: MarketHandle) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
    book = handle.book
    return [(level.price, level.lots) for level in book.bids], [(level.price, level.lots) for level in book.asks]


def test_an_exact_book(sandbox: Sandbox, sber: MarketHandle) -> None:
    last = sber.quote.last_price
    sber.set_book(bids=[(last - 1, 5), (last - 2, 7), (last - 1, 1)], asks=[(str(last + 1), 3)])
    assert levels(sber) == ([(last - 1, 6), (last - 2, 7)], [(last + 1, 3)])
    assert sber.quote.ask == last + 1
    assert sber.add("sell", price=last, lots=2) == 0
    assert sber.add("sell", price=last - 1, lots=8) == 6
    assert levels(sber) == ([(last - 2, 7)], [(last - 1, 2), (last, 2), (last + 1, 3)])
    assert sber.take("buy", lots=3) == 3
    assert sber.quote.last_price == last
    assert sber.take("buy", lots=100) == 4
    assert levels(sber)[1] == []
    assert sber.take("buy", lots=1) == 0
    sber.clear()
    assert levels(sber) == ([], [])
    sber.set_book(bids=[(last, 1)])
    assert levels(sber) == ([(last, 1)], [])
    sandbox.check()


def test_trades_where_they_are_told(sandbox: Sandbox, sber: MarketHandle) -> None:
    last = sber.quote.last_price
    assert (sber.trade(price=last, lots=3).side, sber.quote.last_price) == (Side.BUY, last)
    sold = sber.trade(price=last, lots=4, side="sell")
    assert (sold.side, sold.lots, sold.price) == (Side.SELL, 4, last)
    assert sber.quote.bid == last
    assert sber.move_to(last + 2).price == sber.quote.last_price == last + 2
    risen = sber.gap(2).price
    assert abs(risen / (last + 2) - Decimal("1.02")) < Decimal("0.0001")
    fallen = sber.gap("-3.5").price
    assert abs(fallen / risen - Decimal("0.965")) < Decimal("0.0001")
    assert [candle.close for candle in sber.candles(count=1)] == [fallen]
    assert len(sber.candles("D", 30)) == 30
    assert sber.spec.symbol == "SBER"
    sandbox.check()


def test_clients_trade_with_the_crowd(sandbox: Sandbox, sber: MarketHandle) -> None:
    last = sber.quote.last_price
    sber.set_book(bids=[(last - 2, 9)], asks=[(last + 2, 9)])
    bid = place(sandbox, Side.BUY, 5, last - 1)
    with pytest.raises(InvalidArgument, match="asks: a level would trade"):
        sber.set_book(asks=[(last - 1, 1)])
    sber.set_book(bids=[(last - 1, 2)], asks=[(last, 1)])
    assert levels(sber) == ([(last - 1, 7)], [(last, 1)])
    assert sber.take("sell", lots=3) == 3
    (order,) = sandbox.orders("D39004")
    assert (order.order_id, order.filled_lots, order.status) == (bid, 3, OrderStatus.WORKING)
    sber.trade(price=last - 2, lots=1)
    (order,) = sandbox.orders("D39004")
    assert (order.filled_lots, order.status) == (5, OrderStatus.FILLED)
    kinds = {entry.kind for entry in sandbox.journal}
    assert {"crowd_book", "crowd_take", "crowd_trade"} <= kinds
    sandbox.check()


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("price", lambda sber: sber.trade(price="1.001", lots=1)),
        ("price", lambda sber: sber.trade(price="many", lots=1)),
        ("price", lambda sber: sber.trade(price="NaN", lots=1)),
        ("price", lambda sber: sber.trade(price=290.5, lots=1)),
        ("price", lambda sber: sber.trade(price=-290, lots=1)),
        ("price", lambda sber: sber.trade(price=1_000, lots=1)),
        ("price", lambda sber: sber.move_to(1)),
        ("price", lambda sber: sber.add("buy", price=True, lots=1)),
        ("lots", lambda sber: sber.trade(price=290, lots=0)),
        ("lots", lambda sber: sber.trade(price=290, lots=1.5)),
        ("lots", lambda sber: sber.take("buy", lots=-1)),
        ("lots", lambda sber: sber.add("buy", price=290, lots=True)),
        ("side", lambda sber: sber.trade(price=290, lots=1, side="up")),
        ("side", lambda sber: sber.take("BUY", lots=1)),
        ("side", lambda sber: sber.add(None, price=290, lots=1)),
        ("bids", lambda sber: sber.set_book(bids=[(290, 0)])),
        ("bids", lambda sber: sber.set_book(bids=[(290, 1)], asks=[(290, 1)])),
        ("bids", lambda sber: sber.set_book(bids=[290])),
        ("asks", lambda sber: sber.set_book(asks=[("290.001", 1)])),
        ("asks", lambda sber: sber.set_book(asks=7)),
        ("percent", lambda sber: sber.gap(50)),
        ("percent", lambda sber: sber.gap(-100)),
        ("percent", lambda sber: sber.gap(0.5)),
        ("count", lambda sber: sber.candles(count=0)),
        ("timeframe", lambda sber: sber.candles("H")),
    ],
)
def test_wrong_arguments_are_named_and_change_nothing(
    sandbox: Sandbox, sber: MarketHandle, argument: str, call: Callable[[MarketHandle], object]
) -> None:
    before = levels(sber), sber.quote, len(sandbox.journal)
    with pytest.raises(InvalidArgument) as caught:
        call(sber)
    assert caught.value.argument == argument
    assert (levels(sber), sber.quote, len(sandbox.journal)) == before


def test_names_of_markets(sandbox: Sandbox) -> None:
    assert sandbox.market["MOEX:gazp"].spec.symbol == "GAZP"
    for name in ("NOSUCH", "SPBX:SBER", ""):
        with pytest.raises(InvalidArgument, match="instrument"):
            sandbox.market[name]


def test_the_market_moves_as_chosen() -> None:
    with pytest.raises(ConfigError, match="market"):
        Sandbox(market="stormy")
    sandbox = Sandbox(time="stepped", market={"SBER": "calm", "GAZP": MarketPreset(pace=20)})
    before = sandbox.market["SBER"].quote.volume, sandbox.market["GAZP"].quote.volume, sandbox.market["LKOH"].quote
    sandbox.clock.advance_blocking(minutes=2)
    assert sandbox.market["SBER"].quote.volume > before[0]
    assert sandbox.market["GAZP"].quote.volume > before[1]
    assert sandbox.market["LKOH"].quote == before[2]
    sandbox.check()


def test_many_threads_at_once() -> None:
    sandbox = Sandbox(time="stepped", market="calm")

    def work(name: str) -> None:
        handle = sandbox.market[name]
        for step in range(40):
            handle.trade(price=handle.quote.last_price, lots=1 + step)
            handle.take("buy", lots=3)
            book = handle.book  # once: another thread trades between two looks
            assert book.bids[0].price < book.asks[0].price

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, name) for name in ("SBER", "SBER", "GAZP", "LKOH")]
        sandbox.clock.advance_blocking(seconds=20)
        for done in working:
            done.result()
    sandbox.check()
