"""What the facades that read do beyond passing a request on: splitting, walking, naming, refusing; and the client's life."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from alor_async import PRODUCTION, TEST, AsyncAlor, InstrumentId, Portfolio, StaticToken, Timeframe
from alor_async._policy.paging import MOSCOW
from alor_async.errors import (
    AuthError,
    BadRequest,
    ClosedError,
    ConfigError,
    Forbidden,
    InvalidArgument,
    NotFound,
)
from alor_async.models import Side
from alor_async.sandbox import Sandbox
from tests.contract.call_kit import Call
from tests.contract.call_orders import COMMANDS, ORDER_READS
from tests.contract.call_reads import READS
from tests.support.world import NOON, STOCKS, UNITED, client_of, low_and_high, make_world, new_sandbox

CALLS = (*READS, *ORDER_READS, *COMMANDS)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def alor(exchange: Sandbox) -> AsyncIterator[AsyncAlor]:
    exchange.faults.clear()
    before = asyncio.all_tasks() - {asyncio.current_task()}
    async with client_of(exchange) as client:
        await client.get_claims()
        exchange.requests.clear()
        yield client
    assert asyncio.all_tasks() - {asyncio.current_task()} == before


# Quotes.


async def test_quotes_of_many_instruments_are_asked_for_in_hundreds(alor: AsyncAlor, exchange: Sandbox) -> None:
    known = [instrument.instrument_id async for instrument in alor.instruments.iter_for("MOEX")]
    wanted = (known * 15)[:250]
    exchange.requests.clear()
    quotes = await alor.market_data.get_quotes(wanted)
    assert [(quote.exchange, quote.symbol) for quote in quotes] == [(key.exchange, key.symbol) for key in wanted]
    asked = [received.path.split("/")[4].split(",") for received in exchange.requests.of("market_data.get_quotes")]
    assert sorted(len(names) for names in asked) == [50, 100, 100]


@pytest.mark.parametrize("count", [1, 100, 101])
async def test_the_hundredth_and_the_next_instrument(alor: AsyncAlor, exchange: Sandbox, count: int) -> None:
    assert len(await alor.market_data.get_quotes(["MOEX:SBER"] * count)) == count
    assert exchange.requests.count("market_data.get_quotes") == (2 if count > 100 else 1)


async def test_if_one_hundred_fails_its_error_is_raised_and_the_rest_is_cancelled(
    alor: AsyncAlor, exchange: Sandbox
) -> None:
    with exchange.faults.http.status(403, operation="market_data.get_quotes", nth=2), pytest.raises(Forbidden):
        await alor.market_data.get_quotes(["MOEX:SBER"] * 250)


async def test_an_unknown_instrument_is_left_out_of_a_list_and_not_found_alone(alor: AsyncAlor) -> None:
    quotes = await alor.market_data.get_quotes(["MOEX:SBER", "MOEX:NOSUCH"])
    assert [quote.symbol for quote in quotes] == ["SBER"]
    with pytest.raises(NotFound) as caught:
        await alor.market_data.get_quote("MOEX:NOSUCH")
    assert caught.value.operation == "market_data.get_quotes"
    with pytest.raises(NotFound):
        await alor.instruments.get("MOEX:NOSUCH")


async def test_a_model_a_key_and_a_text_name_the_same_instrument(alor: AsyncAlor) -> None:
    instrument = await alor.instruments.get("MOEX:SBER")
    quotes = [
        await alor.market_data.get_quote(name) for name in (instrument, InstrumentId("SBER", "MOEX"), "MOEX:SBER")
    ]
    assert {quote.symbol for quote in quotes} == {"SBER"}
    position = await alor.account.get_position(STOCKS, instrument)
    assert (await alor.market_data.get_order_book(position, depth=1)).bids


# Walks: nothing twice, nothing lost, nothing left running.


@pytest.mark.parametrize("page_size", [1, 2, 7, 20, 21, 22, 500])
async def test_instruments_are_walked_page_by_page(alor: AsyncAlor, exchange: Sandbox, page_size: int) -> None:
    everything = await alor.instruments.list_for("MOEX")
    assert len(everything) == 21, "the page sizes above are chosen around this number"
    exchange.requests.clear()
    walked = [instrument async for instrument in alor.instruments.iter_for("MOEX", page_size=page_size)]
    assert walked == everything
    assert len(exchange.requests) == len(everything) // page_size + 1


@pytest.mark.heavy
@pytest.mark.parametrize("page_size", [1, 7, 60, 120, 121, 10_000])
async def test_candles_are_walked_without_a_seam(alor: AsyncAlor, page_size: int) -> None:
    start, end = NOON - timedelta(hours=2), NOON
    page = await alor.market_data.get_candles("MOEX:SBER", 60, start=start, end=end)
    whole = [candle for candle in page.candles if candle.timestamp < end.timestamp()]
    assert len(whole) == 120
    walk = alor.market_data.iter_candles("MOEX:SBER", 60, start=start, end=end, page_size=page_size)
    assert [candle async for candle in walk] == whole


async def test_candles_are_walked_over_nights_and_weekends(alor: AsyncAlor, exchange: Sandbox) -> None:
    start = NOON - timedelta(days=8)
    walk = alor.market_data.iter_candles("MOEX:SBER", Timeframe.HOUR, start=start, end=NOON, page_size=5)
    times = [candle.timestamp async for candle in walk]
    page = await alor.market_data.get_candles("MOEX:SBER", Timeframe.HOUR, start=start, end=NOON)
    assert times == [candle.timestamp for candle in page.candles if candle.timestamp < NOON.timestamp()]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert len({candle // 86_400 for candle in times}) >= 5


async def test_candles_that_come_twice_and_out_of_order_are_given_once_in_order(
    alor: AsyncAlor, exchange: Sandbox
) -> None:
    def shuffled(body: bytes) -> bytes:
        page = json.loads(body)
        return json.dumps({**page, "history": page["history"][::-1] + page["history"]}).encode()

    start = NOON - timedelta(hours=1)
    honest = [
        candle.timestamp
        async for candle in alor.market_data.iter_candles("MOEX:SBER", 60, start=start, end=NOON, page_size=25)
    ]
    with exchange.faults.http.body(shuffled, operation="market_data.get_candles", times=None):
        walk = alor.market_data.iter_candles("MOEX:SBER", 60, start=start, end=NOON, page_size=25)
        assert [candle.timestamp async for candle in walk] == honest
    assert len(honest) == 60


async def test_a_walk_ends_when_its_range_is_empty_or_holds_nothing(alor: AsyncAlor) -> None:
    for start, end in ((NOON, NOON), (datetime(1991, 1, 1, tzinfo=UTC), datetime(1991, 1, 9, tzinfo=UTC))):
        walk = alor.market_data.iter_candles("MOEX:SBER", Timeframe.DAY, start=start, end=end, page_size=2)
        assert [candle async for candle in walk] == []


@pytest.mark.parametrize("page_size", [2, 3, 4, 1_000])
@pytest.mark.parametrize("portfolio", [STOCKS, UNITED])
async def test_own_trades_are_walked_by_date(alor: AsyncAlor, portfolio: str, page_size: int) -> None:
    everything = await alor.account.list_trades_history(portfolio, order_by_date=True, limit=1_000)
    walk = alor.account.iter_trades_history(portfolio, date_from=date(2014, 1, 6), page_size=page_size)
    walked = [trade async for trade in walk]
    assert walked == everything
    assert len({(trade.trade_id, trade.symbol) for trade in walked}) == len(walked) >= 3
    assert all(earlier.traded_at <= later.traded_at for earlier, later in pairwise(walked))  # type: ignore[operator]


async def test_own_trades_of_the_past_are_paged_by_id_and_by_date(alor: AsyncAlor) -> None:
    history = alor.account.list_trades_history
    everything = await history(STOCKS)
    ids = [int(trade.trade_id) for trade in everything]
    assert ids == sorted(ids)
    assert len(everything) > 3
    assert await history(STOCKS, limit=2) == everything[:2]
    assert await history(STOCKS, from_trade_id=ids[2]) == everything[2:]
    assert await history(STOCKS, descending=True) == everything[::-1]
    assert await history(STOCKS, side=Side.SELL) == [trade for trade in everything if trade.side == Side.SELL] != []
    assert await history(STOCKS, "MOEX:SBER") == await history(STOCKS, symbol="SBER") != everything
    moment = everything[3].traded_at
    assert moment is not None
    assert await history(STOCKS, date_from=moment) == [
        trade for trade in everything if trade.traded_at is not None and trade.traded_at >= moment
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("page_size", [500, 50_000])
async def test_market_trades_are_walked_over_days(alor: AsyncAlor, exchange: Sandbox, page_size: int) -> None:
    end = NOON.astimezone(MOSCOW).replace(hour=0) - timedelta(seconds=1)
    start = end - timedelta(days=4)
    exchange.requests.clear()
    walk = alor.market_data.iter_market_trades("MOEX:SBER", start=start, end=end, page_size=page_size)
    walked = [trade async for trade in walk]
    page = await alor.market_data.list_market_trades_history(
        "MOEX:SBER", start=start, end=end - timedelta(seconds=1), limit=50_000
    )
    assert {trade.trade_id for trade in walked} == {trade.trade_id for trade in page.trades if trade.time < end}
    assert len({trade.trade_id for trade in walked}) == len(walked) == page.total
    assert all(earlier.timestamp_ms <= later.timestamp_ms for earlier, later in pairwise(walked))


async def test_market_trades_are_walked_from_the_past_into_today() -> None:
    today = datetime.now(MOSCOW).replace(hour=15, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=1, hours=2)
    with Sandbox(seed=42, time="stepped", start=today.astimezone(UTC)) as sandbox:
        async with client_of(sandbox) as alor:
            walk = alor.market_data.iter_market_trades("MOEX:SBER", start=start, end=today)
            walked = [trade.trade_id async for trade in walk]
            midnight = today.replace(hour=0)
            page = await alor.market_data.list_market_trades_history(
                "MOEX:SBER", start=start, end=midnight - timedelta(seconds=1), limit=50_000
            )
            of_today = await alor.market_data.list_market_trades("MOEX:SBER", start=midnight, end=today)
    expected = {trade.trade_id for trade in (*page.trades, *of_today) if start <= trade.time < today}
    assert set(walked) == expected
    assert len(walked) == len(expected)


def capped_list(body: bytes) -> bytes:
    """What a server answers that gives no more than seven trades, whatever it is asked for."""
    return msgspec.json.encode(msgspec.json.decode(body, type=list[msgspec.Raw])[:7])


def capped_page(body: bytes) -> bytes:
    page = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    page["list"] = msgspec.Raw(capped_list(bytes(page["list"])))
    return msgspec.json.encode(page)


async def test_a_server_that_caps_its_pages_costs_no_trades() -> None:
    today = datetime.now(MOSCOW).replace(hour=15, minute=0, second=0, microsecond=0)
    friday = today - timedelta(days=(today.weekday() - 4) % 7 or 7)
    with Sandbox(seed=42, time="stepped", start=today.astimezone(UTC)) as sandbox:
        for _ in range(20):
            sandbox.market["SBER"].trade(price="290", lots=1)
        async with client_of(sandbox) as alor:

            async def walked(start: datetime) -> list[int]:
                walk = alor.market_data.iter_market_trades("MOEX:SBER", start=start, end=start + timedelta(minutes=5))
                return [trade.trade_id async for trade in walk]

            for start in (today, friday):
                whole = await walked(start)
                assert len(whole) > 14
                with (
                    sandbox.faults.http.body(capped_list, operation="market_data.list_market_trades", times=None),
                    sandbox.faults.http.body(
                        capped_page, operation="market_data.list_market_trades_history", times=None
                    ),
                ):
                    assert await walked(start) == whole


async def test_a_walk_that_is_left_early_asks_for_no_more_and_leaves_nothing_running(
    alor: AsyncAlor, exchange: Sandbox
) -> None:
    before = asyncio.all_tasks()
    market, account = alor.market_data, alor.account
    day = NOON.replace(hour=0) - timedelta(days=4)
    walks: tuple[AsyncIterator[Any], ...] = (
        alor.instruments.iter_for("MOEX", page_size=2),
        market.iter_candles("MOEX:SBER", 60, start=NOON - timedelta(hours=2), end=NOON, page_size=3),
        market.iter_market_trades("MOEX:SBER", start=day, end=NOON.replace(hour=0), page_size=5),
        account.iter_trades_history(STOCKS, date_from=date(2014, 1, 6), page_size=2),
    )
    for walk in walks:
        exchange.requests.clear()
        async for _ in walk:
            break
        await walk.aclose()  # type: ignore[attr-defined]
        assert 1 <= len(exchange.requests) <= 4
        asked = len(exchange.requests)
        assert [item async for item in walk] == []
        assert len(exchange.requests) == asked
    assert asyncio.all_tasks() == before


async def test_a_walk_asks_nothing_before_it_is_begun_and_a_page_when_one_is_used_up(
    alor: AsyncAlor, exchange: Sandbox
) -> None:
    walk = alor.instruments.iter_for("MOEX", page_size=10)
    assert len(exchange.requests) == 0
    for number in range(1, 21):
        await anext(walk)
        assert len(exchange.requests) == (number + 9) // 10


# Portfolios and exchanges.


async def test_a_united_portfolio_reads_as_united_and_trades_as_moex(alor: AsyncAlor, exchange: Sandbox) -> None:
    await alor.account.get_summary(UNITED)
    await alor.account.list_trades_history(UNITED)
    placed = await alor.orders.place_limit(UNITED, "MOEX:SBER", Side.BUY, lots=1, price=low_and_high(exchange)[0])
    await alor.orders.cancel(UNITED, placed.order_id)
    assert await alor.orders.cancel_all(UNITED) in {True, False}
    summary, history, order, cancel, cancel_all = exchange.requests
    assert summary.path == f"/md/v2/Clients/UNITED/{UNITED}/summary"
    assert history.path == f"/md/v2/Stats/UNITED/{UNITED}/history/trades"
    assert order.json["instrument"]["exchange"] == "MOEX"  # type: ignore[index]
    assert cancel.query["exchange"] == cancel_all.query["exchange"] == "MOEX"
    await alor.account.get_summary(Portfolio(STOCKS, exchange="SPBX"))
    assert exchange.requests[-1].path == f"/md/v2/Clients/SPBX/{STOCKS}/summary"


async def test_another_ones_portfolio_is_forbidden(alor: AsyncAlor, exchange: Sandbox) -> None:
    with pytest.raises(Forbidden):
        await alor.account.get_summary("D99999")
    assert exchange.requests.count("account.get_summary") == 1


async def test_the_token_tells_its_portfolios_and_its_owner(alor: AsyncAlor, exchange: Sandbox) -> None:
    claims = await alor.get_claims()
    assert claims.login == exchange.login
    assert claims.portfolios == exchange.portfolios
    assert await alor.list_portfolios() == tuple(Portfolio(name) for name in exchange.portfolios)
    assert len(exchange.requests) == 0, "the token at hand says it"


# Anonymous clients.


async def test_an_anonymous_client_reads_old_data_when_it_asks_for_that(exchange: Sandbox) -> None:
    with pytest.raises(ConfigError) as caught:
        AsyncAlor(environment=exchange.environment)
    assert "allow_delayed" in str(caught.value)
    exchange.requests.clear()
    async with AsyncAlor(environment=exchange.environment, allow_delayed=True) as alor:
        assert await alor.get_server_time() == exchange_time(exchange) - timedelta(minutes=15)
        assert (await alor.market_data.get_quote("MOEX:SBER")).last_price
        assert [received.header("Authorization") for received in exchange.requests] == [None, None]
        asked = len(exchange.requests)
        for refused in (
            alor.account.get_summary(STOCKS),
            alor.market_data.get_order_book("MOEX:SBER"),
            alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1),
            alor.orders.cancel_all(STOCKS),
            alor.order_groups.list_all(),
            alor.get_claims(),
            alor.list_portfolios(),
        ):
            with pytest.raises(AuthError):
                await refused
        assert len(exchange.requests) == asked


def exchange_time(sandbox: Sandbox) -> datetime:
    return sandbox.clock.now


# Life.


def test_from_env_takes_its_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, environment in (("production", PRODUCTION), ("TEST", TEST)):
        monkeypatch.setenv("ALOR_ENVIRONMENT", name)
        monkeypatch.setenv("ALOR_REFRESH_TOKEN", "a-refresh-token")
        assert AsyncAlor.from_env().environment == environment
    monkeypatch.delenv("ALOR_REFRESH_TOKEN")
    with pytest.raises(ConfigError, match="auth"):
        AsyncAlor.from_env()
    assert AsyncAlor.from_env(allow_delayed=True).environment == TEST
    for wrong in ("", "prod", "sandbox"):
        monkeypatch.setenv("ALOR_ENVIRONMENT", wrong)
        with pytest.raises(ConfigError, match="ALOR_ENVIRONMENT"):
            AsyncAlor.from_env(allow_delayed=True)
    monkeypatch.delenv("ALOR_ENVIRONMENT")
    with pytest.raises(ConfigError, match="ALOR_ENVIRONMENT"):
        AsyncAlor.from_env(allow_delayed=True)


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in CALLS])
async def test_before_open_and_after_close_every_method_says_so_and_sends_nothing(
    call: Call, exchange: Sandbox
) -> None:
    async with client_of(exchange) as open_client:
        world = await make_world(exchange, open_client)
    exchange.requests.clear()
    client = AsyncAlor(StaticToken(exchange.tokens.issue()), environment=exchange.environment)
    with pytest.raises(ClosedError, match="not open"):
        await call.make(client, world)
    async with client:
        pass
    with pytest.raises(ClosedError, match="closed"):
        await call.make(client, world)
    with pytest.raises(ClosedError):
        await client.open()
    await client.close()
    assert len(exchange.requests) == 0


async def test_opening_twice_and_closing_twice_change_nothing(exchange: Sandbox) -> None:
    async with client_of(exchange) as alor:
        await alor.open()
        await alor.get_server_time()
        await asyncio.gather(alor.close(), alor.close())
    await alor.close()


async def test_a_client_belongs_to_the_loop_in_which_it_was_opened(alor: AsyncAlor, exchange: Sandbox) -> None:
    caught: list[Exception] = []

    def elsewhere(use: Callable[[AsyncAlor], Coroutine[Any, Any, object]]) -> None:
        try:
            asyncio.run(use(alor))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            caught.append(error)

    for use in (
        AsyncAlor.get_server_time,
        AsyncAlor.get_claims,
        lambda client: client.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1),
    ):
        thread = threading.Thread(target=elsewhere, args=(use,))
        thread.start()
        await asyncio.to_thread(thread.join)
    assert [type(error) for error in caught] == [ClosedError] * 3, caught
    assert all("another event loop" in str(error) for error in caught)
    assert len(exchange.requests) == 0


# What the broker refuses.


async def test_a_range_of_trades_that_reaches_into_today_is_the_brokers_refusal(alor: AsyncAlor) -> None:
    with pytest.raises(BadRequest, match="today"):
        await alor.market_data.list_market_trades_history("MOEX:SBER", start=NOON, end=NOON, limit=10)


async def test_filters_of_todays_trades_are_passed_on(alor: AsyncAlor) -> None:
    trades = await alor.market_data.list_market_trades("MOEX:SBER", side=Side.SELL, min_lots=2, limit=50)
    assert trades
    assert all(trade.side == Side.SELL and trade.lots >= 2 for trade in trades)
    price = sorted(trade.price for trade in trades)[len(trades) // 2]
    dear = await alor.market_data.list_market_trades("MOEX:SBER", min_price=price, limit=50)
    assert dear
    assert min(trade.price for trade in dear) >= price
    assert isinstance(price, Decimal)


async def test_arguments_that_exclude_each_other_are_refused(alor: AsyncAlor, exchange: Sandbox) -> None:
    account = alor.account
    for wrong in (
        account.list_trades(STOCKS, "MOEX:SBER", with_repo=True),
        account.list_trades_history(STOCKS, "MOEX:SBER", symbol="SBER"),
        account.list_trades_history(STOCKS, "MOEX:SBER", board="TQBR"),
        alor.orders.estimate(STOCKS, "MOEX:SBER", lots=1, budget=Decimal(100)),
        alor.market_data.get_candles("MOEX:SBER", 60, start=NOON, end=NOON - timedelta(seconds=1)),
    ):
        with pytest.raises(InvalidArgument):
            await wrong
    assert len(exchange.requests) == 0
