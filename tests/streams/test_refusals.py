"""What the server refuses, and what cannot be read: an error for the one it concerns, and for nobody else."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from alor_async import SnapshotEnd, Update
from alor_async.errors import StreamDecodeError, StreamError, SubscriptionRejected
from alor_async.values import Format
from tests.streams.kit import BY_NAME, STREAMS, Floor, Stream, spoil, take, through, until_error
from tests.support.waiting import until
from tests.support.world import STOCKS

IN_EVERY_FORMAT = pytest.mark.parametrize("format", Format)
LONGEST_FRAME = 2048


async def rejected(subscription: Any) -> SubscriptionRejected:
    with pytest.raises(SubscriptionRejected) as caught:
        await subscription.__aenter__()
    return caught.value


def running(floor: Floor) -> list[str]:
    """What is subscribed to at the server."""
    return [one.opcode for socket in floor.exchange.sockets for one in socket.subscriptions]


class TestRefusals:
    @pytest.mark.parametrize("stream", STREAMS, ids=str)
    async def test_f147_only_the_one_who_asked_is_told(self, floor: Floor, stream: Stream) -> None:
        async with floor.alor.streams.market_trades("MOEX:GAZP") as others:
            with floor.exchange.faults.ws.reject_subscribe(400, "Not today", opcode=stream.spec.opcode):
                error = await rejected(stream.open(floor.alor))
            assert (error.status, error.reason) == (400, "Not today")
            assert (error.subscription, error.retryable) == (stream.spec.name, False)
            assert "Not today" in str(error)
            assert STOCKS not in str(error)
            assert running(floor) == ["AllTradesGetAndSubscribe"]
            await floor.trade("GAZP")
            await take(others)
            async with stream.open(floor.alor):
                assert len(running(floor)) == 2

    async def test_an_instrument_that_nobody_knows(self, floor: Floor) -> None:
        error = await rejected(floor.alor.streams.quotes("MOEX:NOSUCH"))
        assert (error.status, error.subscription) == (404, "streams.quotes")
        assert error.reason

    async def test_one_of_several_that_nobody_knows(self, floor: Floor) -> None:
        error = await rejected(floor.alor.streams.quotes("MOEX:SBER", "MOEX:NOSUCH", "MOEX:GAZP"))
        assert error.status == 404
        assert "MOEX:NOSUCH" in str(error)
        await until(lambda: running(floor) == [])

    async def test_a_portfolio_of_somebody_else(self, floor: Floor) -> None:
        error = await rejected(floor.alor.streams.orders("D00000"))
        assert error.status == 403
        assert "D00000" not in f"{error} {error!r}"

    async def test_a_portfolio_of_another_market(self, floor: Floor) -> None:
        assert (await rejected(floor.alor.streams.futures_risks(STOCKS))).status == 404

    async def test_what_the_server_says_shows_no_secret_and_is_bounded(self, floor: Floor) -> None:
        token = floor.exchange.tokens.issue()
        said = f"Bad token {token} of {STOCKS}\n" + "x" * 100_000
        with floor.exchange.faults.ws.reject_subscribe(400, said, opcode="OrdersGetAndSubscribeV2"):
            error = await rejected(floor.alor.streams.orders(STOCKS))
        shown = f"{error} {error!r} {error.reason}"
        assert token not in shown
        assert STOCKS not in shown
        assert len(shown) < 5_000
        assert len(str(error).splitlines()) == 1
        again = pickle.loads(pickle.dumps(error))
        assert (again.status, again.reason, str(again)) == (error.status, error.reason, str(error))

    async def test_an_unsubscription_that_is_refused_is_nobodys_trouble(self, floor: Floor) -> None:
        with floor.exchange.faults.ws.reject(400, "no", opcode="unsubscribe"):
            async with floor.alor.streams.quotes("MOEX:SBER"):
                pass
            async with floor.alor.streams.quotes("MOEX:GAZP") as quotes:
                await take(quotes)


def spoiled(key: str, value: Any) -> Callable[[bytes], bytes]:
    """Give a change of a message's data that leaves the message what it is."""

    def change(payload: bytes) -> bytes:
        content: dict[str, Any] = json.loads(payload)
        content["data"][key] = value
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()

    return change


PRICE_OF_A_TRADE = {Format.SIMPLE: "price", Format.SLIM: "px", Format.HEAVY: "price"}
WRONG_KEY = {
    "order_book": "b",
    "candles": "c",
    "quotes": "sym",
    "instruments": "sym",
    "market_trades": "px",
    "positions": "sym",
    "summaries": "bp",
    "risks": "p",
    "futures_risks": "p",
    "trades": "px",
    "orders": "s",
    "stop_orders": "s",
}


class TestUnreadable:
    @pytest.mark.parametrize("feed", ["iterate", "events"])
    @IN_EVERY_FORMAT
    async def test_it_ends_the_iteration_and_the_next_goes_on(self, floor: Floor, format: Format, feed: str) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER", format=format) as tape:
            await through(tape.events(), SnapshotEnd)
            price = PRICE_OF_A_TRADE[format]
            first = await floor.trade()
            await until(lambda: tape.received == 1)
            await spoil(floor, BY_NAME["market_trades"], spoiled(price, "dear"))
            third = await floor.trade()
            stream: Any = tape if feed == "iterate" else tape.events()
            seen, error = await until_error(stream, StreamDecodeError)
            assert [(one.item if isinstance(one, Update) else one).trade_id for one in seen] == [first.trade_id]
            assert (error.subscription, error.path) == ("streams.market_trades", f"$.data.{price}")
            assert '"dear"' in error.frame
            assert [trade.trade_id for trade in await take(tape)] == [third.trade_id]
            assert tape.is_live

    @pytest.mark.parametrize("stream", STREAMS, ids=str)
    async def test_of_every_subscription(self, floor: Floor, stream: Stream) -> None:
        change = spoiled(WRONG_KEY[stream.name], {"not": ["this"]})
        async with floor.alor.streams.order_book("MOEX:GAZP") as others:
            await take(others)
            floor.exchange.faults.ws.corrupt(change, opcode=stream.spec.opcode)
            async with stream.open(floor.alor) as subscription:
                _, error = await until_error(subscription.events(), StreamDecodeError)
                assert error.subscription == stream.spec.name
                await stream.stir(floor)
                async with asyncio.timeout(5):
                    while not isinstance(await anext(subscription.events()), Update):
                        pass
            await floor.trade("GAZP")
            await take(others)

    async def test_what_it_holds_is_bounded_and_shows_no_secret(self, floor: Floor) -> None:
        token = floor.exchange.tokens.issue()
        change = spoiled("cmt", [token, STOCKS, "я" * 50_000])
        with floor.exchange.faults.ws.corrupt(change, opcode="OrdersGetAndSubscribeV2"):
            async with floor.alor.streams.orders(STOCKS) as orders:
                with pytest.raises(StreamDecodeError) as caught:
                    await take(orders)
        error = caught.value
        shown = f"{error} {error!r} {error.frame} {error.__cause__!r} {error.__context__!r}"
        assert token not in shown
        assert STOCKS not in shown
        assert 100 < len(error.frame.encode()) <= LONGEST_FRAME
        assert len(str(error)) < 500
        again = pickle.loads(pickle.dumps(error))
        assert (again.path, again.frame, str(again)) == (error.path, error.frame, str(error))

    @pytest.mark.parametrize("shown", [10, 100, 300])
    async def test_no_secret_shows_that_its_frame_is_cut_in(self, floor: Floor, shown: int) -> None:
        token = floor.exchange.tokens.issue()
        header, claims, _ = token.split(".")

        def cut(payload: bytes) -> bytes:
            begin = b'{"data":{"cmt":["'
            pad = b" " * (LONGEST_FRAME - len(begin) - shown)
            return begin + pad + token.encode() + b'"],' + payload.removeprefix(b'{"data":{')

        with floor.exchange.faults.ws.corrupt(cut, opcode="OrdersGetAndSubscribeV2"):
            async with floor.alor.streams.orders(STOCKS) as orders:
                with pytest.raises(StreamDecodeError) as caught:
                    await take(orders)
        assert header[:8] not in caught.value.frame
        assert claims[:8] not in caught.value.frame

    async def test_a_number_that_no_decimal_should_be(self, floor: Floor) -> None:
        def huge(payload: bytes) -> bytes:
            return re.sub(rb'"c":[0-9.]+', b'"c":1e999999999', payload)

        with floor.exchange.faults.ws.corrupt(huge, opcode="QuotesSubscribe"):
            async with floor.alor.streams.quotes("MOEX:SBER") as quotes:
                await floor.trade()
                with pytest.raises(StreamDecodeError):
                    await take(quotes, 2)

    async def test_the_newest_that_cannot_be_read_is_not_the_latest(self, floor: Floor) -> None:
        async with floor.alor.streams.quotes("MOEX:SBER") as quotes:
            (first,) = await take(quotes)
            await spoil(floor, BY_NAME["quotes"], spoiled("c", []))
            await until(lambda: quotes.received == 2)
            assert quotes.latest in {None, first}
            with pytest.raises(StreamDecodeError):
                await take(quotes)

    async def test_a_part_of_an_instrument_that_cannot_be_read_spoils_no_other(self, floor: Floor) -> None:
        stream = BY_NAME["instruments"]
        async with stream.open(floor.alor) as instruments, floor.alor.streams.quotes("MOEX:SBER"):
            (first,) = await take(instruments)
            await spoil(floor, stream, lambda payload: payload.replace(b'"data":{', b'"data":[', 1))
            await stream.stir(floor)
            _, error = await until_error(instruments, StreamDecodeError)
            assert error.subscription == "streams.instruments"
            (after,) = await take(instruments)
            assert (after.symbol, after.board, after.trading_status) == ("LKOH", "TQBR", first.trading_status)

    async def test_a_part_of_an_instrument_with_one_wrong_field_spoils_none_that_follows(self, floor: Floor) -> None:
        stream = BY_NAME["instruments"]
        async with stream.open(floor.alor) as instruments:
            (first,) = await take(instruments)
            await spoil(floor, stream, spoiled("pxmn", "low"))
            _, error = await until_error(instruments, StreamDecodeError)
            assert error.path == "$.pxmn"
            assert '"low"' in error.frame
            assert instruments.latest == first
            await stream.stir(floor)
            (after,) = await take(instruments)
            assert (after.price_min, after.trading_status) == (first.price_min, first.trading_status)

    async def test_a_fill_in_a_message_that_nobody_can_read_is_looked_up(self, floor: Floor) -> None:
        """Nothing in what is left of it tells whose it was."""
        async with (
            floor.alor.streams.trades(STOCKS, skip_snapshot=True) as trades,
            floor.alor.streams.orders(STOCKS, skip_snapshot=True),
        ):
            await through(trades.events(), SnapshotEnd)
            await spoil(floor, BY_NAME["trades"], lambda payload: payload[: len(payload) // 2])
            (found,) = await take(trades.events())
            assert found.is_recovered
            assert str(found.item.trade_id) == str(floor.exchange.trades(STOCKS)[-1].trade_id)

    async def test_what_was_there_before_is_no_news_because_a_message_cannot_be_read(self, floor: Floor) -> None:
        await floor.buy()
        async with floor.alor.streams.orders(STOCKS, skip_snapshot=True) as orders:
            await through(orders.events(), SnapshotEnd)
            floor.exchange.faults.ws.corrupt(b"not json", opcode="TradesGetAndSubscribeV2")
            async with floor.alor.streams.trades(STOCKS) as trades:
                before = await through(trades.events(), SnapshotEnd)
                assert not any(update.is_recovered for update in before if isinstance(update, Update))
                with pytest.raises(TimeoutError):
                    await take(trades, within=0.3)

    @pytest.mark.parametrize("junk", [b"not json", b"[]", b"null", b"{}", b'{"guid":7}', b'{"data":{},"guid":"x"}'])
    async def test_f144_what_is_for_nobody_disturbs_nobody(self, floor: Floor, junk: bytes) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape, floor.alor.streams.quotes("MOEX:SBER"):
            await spoil(floor, BY_NAME["market_trades"], junk)
            last = await floor.trade()
            assert [trade.trade_id for trade in await take(tape)] == [last.trade_id]
            assert tape.received == 1
            assert len(floor.exchange.sockets) == 1

    async def test_what_can_only_be_for_the_one_there_is_ends_its_iteration(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await spoil(floor, BY_NAME["market_trades"], b"not json")
            last = await floor.trade()
            _, error = await until_error(tape, StreamDecodeError)
            assert error.frame == "not json"
            assert [trade.trade_id for trade in await take(tape)] == [last.trade_id]


def test_both_are_errors_of_streams() -> None:
    assert issubclass(SubscriptionRejected, StreamError)
    assert issubclass(StreamDecodeError, StreamError)
