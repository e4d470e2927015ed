"""What an order would cost, answered with the same check that the order itself will meet."""

from __future__ import annotations

from alor_async.sandbox.core.accounts import Account, commission
from alor_async.sandbox.core.commands import EstimateOrder
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.entities import OrderEstimate
from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.errors import InvalidQuery
from alor_async.sandbox.core.risk import NO_ORDERS, Risk
from alor_async.sandbox.core.terms import to_kopecks


def estimate(request: EstimateOrder, account: Account, directory: Directory, risk: Risk) -> OrderEstimate:
    """Work out how much could be traded and what it would cost. Working orders count when the request includes them.

    Raises:
        InvalidQuery: Not exactly one of `lots` and `budget`, or a number that makes no sense.
        UnknownInstrument: There is no such instrument.
    """
    market = directory.market(directory.find(request.exchange, request.symbol), request.board)
    terms, spec = market.terms, market.terms.spec
    orders = account.exposures if request.include_limit_orders else NO_ORDERS
    ticks = {side: market.price_for(side) for side in Side}
    if request.price is not None:
        given = terms.ticks(request.price)
        if given is None or given <= 0:
            raise InvalidQuery("price must be a positive multiple of the price step")
        ticks = dict.fromkeys(Side, given)

    def most(side: Side, *, levered: bool) -> int:
        find = risk.levered_lots if levered else risk.unlevered_lots
        return find(account, terms, side, ticks[side], orders)

    price = ticks[Side.BUY]
    lot_price = terms.full_value(price, terms.lot)
    units = _lots(request, account, lot_price) * terms.lot
    return OrderEstimate(
        portfolio=account.info.portfolio,
        symbol=spec.symbol,
        exchange=spec.exchange,
        board=market.board,
        quantity_to_sell=most(Side.SELL, levered=True),
        quantity_to_buy=most(Side.BUY, levered=True),
        unlevered_quantity_to_sell=most(Side.SELL, levered=False),
        unlevered_quantity_to_buy=most(Side.BUY, levered=False),
        evaluation=to_kopecks(terms.full_value(price, units)),
        commission=to_kopecks(commission(terms, price, units)),
        buy_price=None if request.budget is None else to_kopecks(lot_price),
        is_united_portfolio=account.info.market is Market.UNITED,
    )


def _lots(request: EstimateOrder, account: Account, lot_price: int) -> int:
    """The lots asked about: those given, or those that the budget and the cash pay for."""
    lots, budget = request.lots, request.budget
    if lots is not None and budget is None and lots > 0:
        return lots
    if lots is None and budget is not None and budget.is_finite() and budget >= 0:
        return min(int(budget.scaleb(6)), max(0, account.cash)) // lot_price
    raise InvalidQuery("Exactly one of lotQuantity and budget is needed, and it must be positive")
