"""Mistakes that a type checker finds before the program runs: each marked line, and only those, must be an error."""

from __future__ import annotations

from decimal import Decimal

from alor_async import AsyncAlor, InstrumentId, Order, Side, StopOrder


async def mistakes(alor: AsyncAlor, order: Order, stop_order: StopOrder) -> None:
    AsyncAlor("token")  # type: ignore[call-arg]  # real money must be spelled
    await alor.orders.place_limit("D39004", "MOEX:SBER", Side.BUY, lots=1, price=250.1)  # type: ignore[arg-type]
    await alor.orders.place_limit("D39004", "MOEX:SBER", "buy", lots=1, price=Decimal(1))  # type: ignore[arg-type]
    await alor.orders.place_limit("D39004", "MOEX:SBER", Side.BUY, lots=1.5, price=Decimal(1))  # type: ignore[arg-type]
    await alor.orders.place_limit("D39004", "MOEX:SBER", Side.BUY, 1, Decimal(1))  # type: ignore[call-arg]
    await alor.orders.cancel(stop_order)  # type: ignore[arg-type]  # its number counts in another space
    await alor.stop_orders.cancel(order)  # type: ignore[arg-type]
    await alor.market_data.get_quote(5)  # type: ignore[arg-type]
    order.lots = 5  # type: ignore[misc]  # models are frozen
    InstrumentId("SBER")  # type: ignore[call-arg]
    alor.market_data.quote  # type: ignore[attr-defined]  # noqa: B018


async def mistakes_with_streams(alor: AsyncAlor) -> None:
    alor.streams.order_book(5)  # type: ignore[arg-type]
    alor.streams.order_book("MOEX:SBER", depth="10")  # type: ignore[arg-type]
    alor.streams.order_book("MOEX:SBER", on_slow="wait")  # type: ignore[arg-type]
    alor.streams.candles("MOEX:SBER", timeframe=60)  # type: ignore[call-arg]  # from when?
    alor.streams.orders("D39004", ["working"])  # type: ignore[call-arg]
    alor.streams.trades("D39004", "D39005")  # type: ignore[call-arg, arg-type]  # a subscription each
    await alor.streams.orders("D39004")  # type: ignore[misc]  # it is entered, not awaited
    for _ in alor.streams.orders("D39004"):  # type: ignore[attr-defined]
        pass
