"""The main job in one page: sign in, look, pull candles, trade. Against the embedded sandbox: no account, no network.

Run it with `make demo`. It exits with 0 only if everything that it shows held.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alor_async import AsyncAlor, Instrument, OrderStatus, Side, Timeframe
from alor_async.sandbox import Sandbox

if TYPE_CHECKING:
    from alor_async import Order, OrderBook, Position, Summary

PORTFOLIO = "D39004"
SYMBOL = "MOEX:SBER"
DAYS = 10

console = Console(width=100, highlight=False)


class Checks:
    """What the demo claims, and whether it held."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def expect(self, claim: str, *, held: bool) -> None:
        """Note a claim."""
        if not held:
            self.failed.append(claim)


async def sign_in(alor: AsyncAlor, checks: Checks) -> None:
    claims = await alor.get_claims()
    portfolios = " ".join(str(portfolio) for portfolio in await alor.list_portfolios())
    server_time = await alor.get_server_time()
    console.print(f"[bold]1. Signed in[/] as {claims.login}: {portfolios}; server time {server_time:%H:%M:%S} UTC")
    checks.expect("the portfolio is in the token", held=PORTFOLIO in claims.portfolios)


async def look(alor: AsyncAlor, checks: Checks) -> list[Instrument]:
    instruments = await alor.instruments.search(limit=20)
    quotes = {quote.symbol: quote for quote in await alor.market_data.get_quotes(instruments)}
    console.print(f"[bold]2. Instruments[/] found: {len(instruments)}; the most traded:")
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for title in ("symbol", "name"):
        table.add_column(title)
    for title in ("lot", "step", "bid", "ask", "last", "change"):
        table.add_column(title, justify="right")
    for instrument in instruments[:6]:
        quote = quotes[instrument.symbol]
        table.add_row(
            instrument.symbol,
            instrument.short_name,
            *(str(value) for value in (instrument.lot_size, instrument.price_step, quote.bid, quote.ask)),
            str(quote.last_price),
            f"{quote.change_percent}%",
        )
    console.print(table)
    checks.expect("every instrument has a quote", held=len(quotes) == len(instruments) == 20)
    return instruments


async def show_book(alor: AsyncAlor, checks: Checks) -> OrderBook:
    book = await alor.market_data.get_order_book(SYMBOL, depth=3)
    console.print(f"[bold]3. Order book[/] of {SYMBOL}:")
    for bid, ask in zip(book.bids, book.asks, strict=True):
        console.print(f"   [green]{bid.lots:>8} lots  {bid.price:>8}[/]  |  [red]{ask.price:<8}  {ask.lots:>8} lots[/]")
    checks.expect("the book is not crossed", held=book.bids[0].price < book.asks[0].price)
    return book


async def pull(alor: AsyncAlor, instruments: list[Instrument], checks: Checks) -> None:
    console.print(f"[bold]4. Minute candles[/] of {len(instruments)} instruments, {DAYS} days, at the same time:")
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    start = end - timedelta(days=DAYS)
    columns = (TextColumn("  "), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    counts: dict[str, int] = {}
    began = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("candles", total=len(instruments))

        async def pull_one(instrument: Instrument) -> None:
            last = 0
            async for candle in alor.market_data.iter_candles(instrument, Timeframe.MINUTE, start=start, end=end):
                checks.expect("candles come in order, each once", held=candle.timestamp > last)
                checks.expect("a candle is whole", held=candle.low <= candle.open <= candle.high)
                last = candle.timestamp
                counts[instrument.symbol] = counts.get(instrument.symbol, 0) + 1
            progress.advance(bar)

        async with asyncio.TaskGroup() as group:
            for instrument in instruments:
                group.create_task(pull_one(instrument), name=f"pull-{instrument.symbol}")
    seconds = time.perf_counter() - began
    total = sum(counts.values())
    console.print(f"   {total} candles in {seconds:.1f} s: {total / seconds:,.0f} candles a second")
    checks.expect("every instrument has candles", held=len(counts) == len(instruments))


async def trade(alor: AsyncAlor, book: OrderBook, checks: Checks) -> None:
    console.print(f"[bold]5. Orders[/] in {PORTFOLIO}:")
    before = await holdings(alor)
    cheap = book.bids[-1].price - Decimal("1.00")
    placed = await alor.orders.place_limit(PORTFOLIO, SYMBOL, Side.BUY, lots=2, price=cheap, comment="demo")
    resting = await alor.account.get_order(PORTFOLIO, placed.order_id)
    show("placed", resting)
    checks.expect("the limit order rests", held=resting.status == OrderStatus.WORKING and resting.price == cheap)
    moved = await alor.orders.replace_limit(resting, price=cheap + Decimal("0.50"))
    replaced = await alor.account.get_order(PORTFOLIO, moved.order_id)
    show("replaced", replaced)
    checks.expect("a replaced order has a new number", held=moved.order_id != placed.order_id)
    checks.expect("a replaced order has the new price", held=replaced.price == cheap + Decimal("0.50"))
    await alor.orders.cancel(replaced)
    cancelled = await alor.account.get_order(PORTFOLIO, moved.order_id)
    show("cancelled", cancelled)
    checks.expect("the order is cancelled", held=cancelled.status == OrderStatus.CANCELLED)
    estimate = await alor.orders.estimate(PORTFOLIO, SYMBOL, lots=3)
    bought = await alor.orders.place_market(PORTFOLIO, SYMBOL, Side.BUY, lots=3)
    filled = await alor.account.get_order(PORTFOLIO, bought.order_id)
    show("bought", filled)
    checks.expect("the market order is filled", held=filled.status == OrderStatus.FILLED and filled.filled_lots == 3)
    trades = [trade for trade in await alor.account.list_trades(PORTFOLIO) if trade.order_id == bought.order_id]
    checks.expect("the fills add up to the order", held=sum(trade.units for trade in trades) == filled.units)
    paid = sum((trade.price * trade.units for trade in trades), Decimal(0))
    console.print(f"   paid {paid} for {len(trades)} fill(s); the estimate was {estimate.order_value}")
    after = await holdings(alor)
    console.print(
        f"[bold]6. Holdings[/]: SBER {before[0].units} -> {after[0].units} units at {after[0].average_price}; "
        f"buying power {before[1].buying_power} -> {after[1].buying_power}"
    )
    checks.expect("the position grew by three lots", held=after[0].units - before[0].units == filled.units)
    checks.expect("the money went down", held=money(after[1]) < money(before[1]))


async def holdings(alor: AsyncAlor) -> tuple[Position, Summary]:
    return await alor.account.get_position(PORTFOLIO, SYMBOL), await alor.account.get_summary(PORTFOLIO)


def money(summary: Summary) -> Decimal:
    return summary.buying_power if summary.buying_power is not None else Decimal("NaN")


def show(what: str, order: Order) -> None:
    console.print(
        f"   {what:<10} {order.order_id}  {order.side} {order.lots} lots at {order.price}: {order.status}, "
        f"{order.filled_lots} filled"
    )


async def main() -> int:
    checks = Checks()
    began = time.perf_counter()
    async with (
        Sandbox(seed=42) as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor,
    ):
        await sign_in(alor, checks)
        instruments = await look(alor, checks)
        book = await show_book(alor, checks)
        await pull(alor, instruments, checks)
        await trade(alor, book, checks)
        sandbox.check()
        requests, refreshes = len(sandbox.requests), sandbox.tokens.refreshes
    checks.expect("one token was enough", held=refreshes == 1)
    for claim in dict.fromkeys(checks.failed):
        console.print(f"[bold red]did not hold:[/] {claim}")
    verdict = "[bold red]failed[/]" if checks.failed else "[bold green]all of it held[/]"
    seconds = time.perf_counter() - began
    console.print(f"[bold]Summary[/]: {requests} requests, {refreshes} token refresh, {seconds:.1f} s; {verdict}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
