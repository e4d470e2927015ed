"""What must always be true of an exchange, looked at from outside its machinery."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from alor_async.sandbox.core.accounts import Account, Ledger
from alor_async.sandbox.core.broker import Broker
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import OrderStatus, Side
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.orders import LiveOrder
from alor_async.sandbox.core.terms import Terms

NEWEST_TRADES = 10_000


def find_violations(ledger: Ledger, directory: Directory, broker: Broker) -> list[str]:
    """Everything that is wrong, in words; an empty list is a healthy exchange."""
    wrong = ledger.check()
    orders = {order.number: order for account in ledger for order in broker.matching.orders_of(account)}
    resting: set[int] = set()
    for market in directory.open_markets:
        wrong += _check_book(market, orders, resting)
        wrong += _check_tape(market)
    traded = _traded_lots(ledger)
    for order in orders.values():
        wrong += _check_order(order, traded[order.number])
        if order.is_working and order.number not in resting:
            wrong.append(f"order {order.number} works and is in no book")
    for account in ledger:
        wrong += _check_promises(account, broker.matching.working_of(account))
        wrong += [
            f"stop {stop.number} is filled but has no order"
            for stop in broker.stops.stops_of(account)
            if stop.status is OrderStatus.FILLED and stop.child is None
        ]
    return wrong


def _traded_lots(ledger: Ledger) -> Counter[int]:
    """The lots of every order's own trades."""
    traded = Counter[int]()
    for account in ledger:
        for fill in account.fills:
            traded[fill.order_number] += fill.trade.lots
        for trade in account.past_trades:
            traded[int(trade.order_id)] += trade.lots
    return traded


def _check_promises(account: Account, working: list[LiveOrder]) -> list[str]:
    """What an account's working orders promise, in units and in money, is what they have open."""
    units, money = Counter[tuple[Terms, Side]](), Counter[tuple[Terms, Side]]()
    for order in working:
        key = order.terms, order.side
        units[key] += order.open_units
        money[key] += order.terms.full_value(order.ticks, order.open_units)
    wrong: list[str] = []
    for terms, exposure in account.exposures.items():
        for side in Side:
            promised, key = exposure.of(side), (terms, side)
            if (promised.units, promised.value(terms)) != (units[key], money[key]):
                wrong.append(
                    f"{account.info.portfolio}: {promised.units} units of {terms.spec.broker_symbol} are promised to {side.value}, "
                    f"{units[key]} open; {promised.value(terms)} micros, {money[key]} open"
                )
    return wrong


def _check_book(market: InstrumentMarket, orders: dict[int, LiveOrder], seen: set[int]) -> list[str]:
    """No crossed sides, no empty orders, and every resting order is the working order it claims to be.

    The numbers of the clients' orders are added to `seen`.
    """
    name, wrong = f"{market.terms.spec.symbol} on {market.board}", list[str]()
    bid, ask = market.book.best(Side.BUY), market.book.best(Side.SELL)
    if bid is not None and ask is not None and bid >= ask:
        wrong.append(f"{name}: the book is crossed at {bid} over {ask}")
    for side in Side:
        resting = list(market.book.orders(side))
        if sum(order.visible for order in resting) != market.book.visible_lots(side):
            wrong.append(f"{name}: the {side.value} side miscounts its lots")
        for entry in resting:
            if not 0 < entry.visible <= entry.remaining:
                wrong.append(f"{name}: order {entry.number} rests with {entry.visible} of {entry.remaining} lots")
            if entry.number < 0:
                continue
            order = orders.get(entry.number)
            seen.add(entry.number)
            if order is None or order.resting is not entry or order.left != entry.remaining:
                wrong.append(f"{name}: order {entry.number} in the book is not the one that is working")
    return wrong


def _check_tape(market: InstrumentMarket) -> list[str]:
    """Trades have positive prices and quantities, and neither their numbers nor their times run backwards."""
    name = market.terms.spec.symbol
    tape = market.live.newest(NEWEST_TRADES)
    if len(tape) < NEWEST_TRADES:
        tape.insert(0, market.reference)
    wrong = [f"{name}: trade {trade.trade_id} is empty" for trade in tape if trade.ticks <= 0 or trade.lots <= 0]
    wrong += [
        f"{name}: trade {second.trade_id} follows {first.trade_id}"
        for first, second in pairwise(tape)
        if second.trade_id <= first.trade_id or second.time_us < first.time_us
    ]
    return wrong


def _check_order(order: LiveOrder, traded: int) -> list[str]:
    """Filled lots never exceed the order, equal its own trades, and agree with its status."""
    number, lots = order.number, order.ticket.lots
    wrong: list[str] = []
    if not 0 <= order.filled <= lots:
        wrong.append(f"order {number}: {order.filled} of {lots} lots are filled")
    if traded != order.filled:
        wrong.append(f"order {number}: {order.filled} lots filled but {traded} traded")
    if (order.filled == lots) != (order.status is OrderStatus.FILLED):
        wrong.append(f"order {number}: {order.status.value} with {order.filled} of {lots} lots")
    if order.is_working != (order.resting is not None):
        wrong.append(f"order {number}: {order.status.value} but {'not ' if order.is_working else ''}in the book")
    return wrong
