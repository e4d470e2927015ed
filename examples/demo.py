"""The main job in one page: sign in, look, pull candles, trade, lose an answer, follow. No account, no network: a sandbox.

Run it with `make demo`. It shows the same on any day, and exits with 0 only if everything that it shows held.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alor_async import (
    AsyncAlor,
    Disconnected,
    Gap,
    Instrument,
    OrderOutcomeUnknown,
    OrderStatus,
    Reconnected,
    Side,
    Subscription,
    Timeframe,
    Update,
)
from alor_async.sandbox import Sandbox

if TYPE_CHECKING:
    from alor_async import Order, OrderBook, Trade

PORTFOLIO = "D39004"
SYMBOL = "MOEX:SBER"
DAYS = 10
LOOKS, PAUSE = 6, 20
LOTS = 10

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
    for instrument in instruments[:5]:
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


async def watch(alor: AsyncAlor, sandbox: Sandbox, checks: Checks) -> None:
    console.print(f"[bold]3. The market moves[/]: {SYMBOL} every {PAUSE} seconds of exchange time")
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for title in ("time", "bid lots", "bid", "ask", "ask lots", "last", "units today"):
        table.add_column(title, justify="right")
    prices: set[Decimal | None] = set()
    volumes: list[Decimal] = []
    for _ in range(LOOKS):
        await sandbox.clock.advance(seconds=PAUSE)
        book, quote = await asyncio.gather(
            alor.market_data.get_order_book(SYMBOL, depth=1), alor.market_data.get_quote(SYMBOL)
        )
        bid, ask = book.bids[0], book.asks[0]
        cells = (bid.lots, f"[green]{bid.price}[/]", f"[red]{ask.price}[/]", ask.lots, quote.last_price, quote.volume)
        table.add_row(f"{sandbox.clock.now:%H:%M:%S}", *map(str, cells))
        checks.expect("the book is not crossed", held=bid.price < ask.price)
        prices.add(quote.last_price)
        volumes.append(quote.volume or Decimal(0))
    console.print(table)
    checks.expect("the price moves", held=len(prices) > 1)
    checks.expect("trades go on", held=volumes == sorted(set(volumes)))


async def pull(alor: AsyncAlor, instruments: list[Instrument], checks: Checks) -> None:
    console.print(f"[bold]4. Minute candles[/] of {len(instruments)} instruments, {DAYS} days, at the same time:")
    end = (await alor.get_server_time()).replace(second=0, microsecond=0)
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


async def trade(alor: AsyncAlor, sandbox: Sandbox, checks: Checks) -> None:
    console.print(f"[bold]5. An order[/] of ours in {PORTFOLIO}, and how the market meets it:")
    units, cash = await holdings(alor)
    book = await alor.market_data.get_order_book(SYMBOL, depth=1)
    bid = book.bids[0]
    placed = await alor.orders.place_limit(PORTFOLIO, SYMBOL, Side.BUY, lots=4, price=bid.price - 1, comment="demo")
    show("placed", await alor.account.get_order(PORTFOLIO, placed.order_id))
    moved = await alor.orders.replace_limit(
        await alor.account.get_order(PORTFOLIO, placed.order_id), lots=LOTS, price=bid.price
    )
    working = await alor.account.get_order(PORTFOLIO, moved.order_id)
    show("replaced", working)
    checks.expect("a replaced order has a new number", held=moved.order_id != placed.order_id)
    checks.expect("it rests", held=working.status == OrderStatus.WORKING and working.filled_lots == 0)
    first = LOTS * 2 // 5
    sandbox.market[SYMBOL].take("sell", lots=bid.lots + first)  # those who were there before us are served first
    partly = await alor.account.get_order(PORTFOLIO, moved.order_id)
    show("partly", partly)
    checks.expect("it is partly filled", held=partly.status == OrderStatus.WORKING and partly.filled_lots == first)
    sandbox.market[SYMBOL].take("sell", lots=LOTS - first)
    filled = await alor.account.get_order(PORTFOLIO, moved.order_id)
    show("filled", filled)
    checks.expect("it is filled", held=filled.status == OrderStatus.FILLED and filled.filled_lots == LOTS)
    fills = [trade for trade in await alor.account.list_trades(PORTFOLIO) if trade.order_id == moved.order_id]
    checks.expect("the fills add up to the order", held=[fill.lots for fill in fills] == [first, LOTS - first])
    paid = sum((fill.price * fill.units for fill in fills), Decimal(0))
    fees = sum((fill.commission or Decimal(0) for fill in fills), Decimal(0))
    units_now, cash_now = await holdings(alor)
    console.print(
        f"[bold]6. Holdings[/]: {units} -> {units_now} units; cash {cash} - {paid} paid - {fees} commission = {cash_now}"
    )
    checks.expect("the position grew by what was bought", held=units_now - units == filled.filled_units)
    checks.expect("the cash went where it should", held=cash_now == cash - paid - fees)


async def lose_an_answer(alor: AsyncAlor, sandbox: Sandbox, checks: Checks) -> None:
    """Place an order whose answer does not come back, find out what became of it, and ask the exchange."""
    console.print("[bold]7. A lost answer[/]: the exchange takes our order, and its word never reaches us:")
    before = {order.order_id for order in sandbox.orders(PORTFOLIO)}
    sent = sandbox.requests.count("orders.place_limit")
    price = sandbox.market[SYMBOL].book.bids[0].price - 1
    found: str | None = None
    with sandbox.faults.ack.drop(operation="orders.place_limit"):
        try:
            await alor.orders.place_limit(PORTFOLIO, SYMBOL, Side.BUY, lots=LOTS, price=price, comment="unheard")
        except OrderOutcomeUnknown as unknown:
            left_open = [entry.key for entry in alor.ledger.list_open()]
            checks.expect("the ledger has it open", held=left_open == [str(unknown.request_id)])
            console.print("   [yellow]unknown   it may have been placed, or not: nothing is sent again[/]")
            found = (await unknown.resolve()).order_id
    checks.expect("a lost answer is called unknown, and then resolved", held=found is not None)
    made = [order.order_id for order in sandbox.orders(PORTFOLIO) if order.order_id not in before]
    sent = sandbox.requests.count("orders.place_limit") - sent
    checks.expect("exactly one order is at the exchange, the one that was found", held=made == [found])
    checks.expect("it was sent once", held=sent == 1)
    checks.expect("the ledger has nothing open any more", held=not alor.ledger.list_open())
    if found is not None:
        show("resolved", await alor.account.get_order(PORTFOLIO, found))
        await alor.orders.cancel(PORTFOLIO, found)
    truth = "exactly one order" if made == [found] else f"[bold red]{len(made)} orders[/]"
    console.print(f"   sent {sent} time, found by reading; at the exchange: {truth}")


async def follow(alor: AsyncAlor, sandbox: Sandbox, checks: Checks) -> None:
    console.print(f"[bold]8. Streams[/]: the book of {SYMBOL}, our orders and fills, across a connection that breaks:")
    async with (
        asyncio.timeout(20),
        alor.streams.order_book(SYMBOL, depth=1, frequency_ms=10) as books,
        alor.streams.orders(PORTFOLIO, skip_snapshot=True) as orders,
        alor.streams.trades(PORTFOLIO, skip_snapshot=True) as fills,
    ):
        await watch_live(books, sandbox, checks)
        bid = sandbox.market[SYMBOL].book.bids[0]
        bought = await alor.orders.place_limit(PORTFOLIO, SYMBOL, Side.BUY, lots=LOTS, price=bid.price)
        await hear(orders, OrderStatus.WORKING)
        with sandbox.faults.ws.refuse(503, times=None):  # nobody gets back in for the time being
            sandbox.faults.ws.abort()
            await hear(orders, Disconnected)
            for lots in (bid.lots + 3, LOTS - 3):
                sandbox.market[SYMBOL].take("sell", lots=lots)
            console.print("   [dim]the market meets our order, and nobody can tell us[/]")
        kinds, order = await hear(orders, OrderStatus.FILLED)
        checks.expect("the gap is announced", held=kinds[:2] == [Gap, Reconnected])
        checks.expect("our order is found", held=order is not None and order.order_id == bought.order_id)
        sold = await alor.orders.place_market(PORTFOLIO, SYMBOL, Side.SELL, lots=LOTS)
        await count_fills(fills, {bought.order_id, sold.order_id}, sandbox, checks)
        await watch_live(books, sandbox, checks)
        checks.expect("each stream had one gap", held=[s.gaps for s in (books, orders, fills)] == [1, 1, 1])


async def watch_live(books: Subscription[OrderBook], sandbox: Sandbox, checks: Checks) -> None:
    """Let time pass, and show how the stream's book becomes the exchange's."""
    for _ in range(LOOKS // 2):
        await sandbox.clock.advance(seconds=PAUSE)
        truth = sandbox.market[SYMBOL].book
        top = [(level.price, level.lots) for level in (truth.bids[0], truth.asks[0])]
        book = await anext(books)
        while [(level.price, level.lots) for level in (book.bids[0], book.asks[0])] != top:
            book = await anext(books)
        bid, ask = book.bids[0], book.asks[0]
        cells = f"{bid.lots:>8} [green]{bid.price}[/] [red]{ask.price}[/] {ask.lots}"
        console.print(f"   book      {book.time:%H:%M:%S} {cells}")
        checks.expect("a live book is not crossed", held=bid.price < ask.price)


async def hear(orders: Subscription[Order], until: OrderStatus | type) -> tuple[list[type], Order | None]:
    """Tell what the stream of orders tells, until such an order or event; give the kinds of events, and the last order."""
    kinds: list[type] = []
    last: Order | None = None
    async for event in orders.events():
        kinds.append(type(event))
        match event:
            case Update(item=last):
                show("recovered" if event.is_recovered else "told", last)
            case Disconnected():
                console.print(f"   [yellow]the connection is {event.reason}[/]")
            case Gap(since=since, until=back):
                console.print(f"   [yellow]nothing was heard for {(back - since).total_seconds():.1f} s[/]")
            case Reconnected():
                console.print(f"   [yellow]connected again, attempt {event.attempts}[/]")
            case _:
                pass
        if until in (kinds[-1], last and last.status):
            break
    return kinds, last


async def count_fills(fills: Subscription[Trade], order_ids: set[str], sandbox: Sandbox, checks: Checks) -> None:
    """Show our fills, those of the gap and those after it."""
    truth = [trade.trade_id for trade in sandbox.trades(PORTFOLIO) if trade.order_id in order_ids]
    told: list[str] = []
    while len(told) < len(truth):
        fill = await anext(fills)
        told.append(fill.trade_id)
        console.print(f"   fill      {fill.trade_id}  {fill.side} {fill.lots} lots at {fill.price}")
    checks.expect("each fill comes once, in order", held=told == truth)


async def holdings(alor: AsyncAlor) -> tuple[Decimal, Decimal]:
    """Units of the instrument, and cash."""
    rows = {row.broker_symbol: row.units for row in await alor.account.list_positions(PORTFOLIO)}
    return rows[SYMBOL], rows["MOEX:RUB"]


def show(what: str, order: Order) -> None:
    console.print(
        f"   {what:<9} {order.order_id}  {order.side} {order.lots} lots at {order.price}: {order.status}, "
        f"{order.filled_lots} filled"
    )


async def main() -> int:
    logging.getLogger("alor_async.streams").setLevel(logging.ERROR)  # what it warns of is shown here anyway
    checks = Checks()
    began = time.perf_counter()
    async with (
        Sandbox(seed=42, market="calm", time="stepped") as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, order_tags=True) as alor,
    ):
        await sign_in(alor, checks)
        instruments = await look(alor, checks)
        await watch(alor, sandbox, checks)
        await pull(alor, instruments, checks)
        await trade(alor, sandbox, checks)
        await lose_an_answer(alor, sandbox, checks)
        await follow(alor, sandbox, checks)
        sandbox.check()
        requests, refreshes = len(sandbox.requests), sandbox.tokens.refreshes
    checks.expect("one token was enough", held=refreshes == 1)
    for claim in dict.fromkeys(checks.failed):
        console.print(f"[bold red]did not hold:[/] {claim}")
    verdict = "[bold red]failed[/]" if checks.failed else "[bold green]all of it held[/]"
    seconds = time.perf_counter() - began
    console.print(
        f"[bold]Summary[/]: the sandbox's own rules held; {requests} requests, {refreshes} token refresh, "
        f"{seconds:.1f} s; {verdict}"
    )
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
