"""What is wrong with a command, before any money is looked at."""

from __future__ import annotations

from decimal import Decimal

from alor_async.sandbox.core.accounts import Account
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import to_us
from alor_async.sandbox.core.commands import MAX_COMMENT, ErrorCode, PlaceOrder, PlaceStop, Rejected
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import Market, TimeInForce
from alor_async.sandbox.core.errors import UnknownInstrument
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.orders import Ticket
from alor_async.sandbox.core.risk import MAX_LOTS

MAX_PROTECTING_SECONDS = 300

_IMMEDIATE = (TimeInForce.ONE_DAY, TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)


def read_order(command: PlaceOrder | PlaceStop, account: Account, directory: Directory) -> Ticket | Rejected:
    """Turn a command into a ticket, or say what is wrong with it.

    Whether the price is within the day's limits and whether the account can afford it is looked at when the order is
    placed, which for a conditional order is later.
    """
    market = _market(command, account, directory)
    if isinstance(market, Rejected):
        return market
    terms = market.terms
    if not 0 < command.lots <= MAX_LOTS // terms.lot:
        return Rejected(ErrorCode.EXCHANGE_INCORRECT_QUANTITY, "Invalid or unsupported quantity")
    ticks: int | None = None
    if command.price is not None:
        ticks = terms.ticks(command.price)
        if ticks is None or ticks <= 0:
            return Rejected(
                ErrorCode.INTERNAL_ERROR_WITH_PRICES, f"Price {command.price} is not a multiple of the step"
            )
    kind = _time_in_force(command, market)
    if isinstance(kind, Rejected):
        return kind
    refused = _refuse_details(command, market)
    if refused is not None:
        return refused
    return Ticket(
        account=account,
        market=market,
        side=command.side,
        lots=command.lots,
        ticks=ticks,
        time_in_force=kind,
        comment=command.comment,
        allow_margin=command.allow_margin,
        iceberg_fixed=command.iceberg_fixed or 0,
        iceberg_variance=command.iceberg_variance or 0,
    )


def _market(command: PlaceOrder | PlaceStop, account: Account, directory: Directory) -> InstrumentMarket | Rejected:
    """The market of a command, if the portfolio trades there."""
    forbidden = Rejected(
        ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT, "Instrument in board is forbidden for the client"
    )
    try:
        market = directory.market(directory.find(command.exchange, command.symbol), command.board)
    except UnknownInstrument:
        return forbidden
    allowed = account.info.market in (Market.UNITED, market.terms.spec.market)
    return market if allowed else forbidden


def _time_in_force(command: PlaceOrder | PlaceStop, market: InstrumentMarket) -> TimeInForce | Rejected:
    """The time in force that the exchange will use."""
    kind = command.time_in_force
    if kind is TimeInForce.AT_THE_CLOSE:
        if command.price is not None:
            return Rejected(ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED, "attheclose is for market orders only")
        return TimeInForce.FILL_OR_KILL  # as this exchange silently does
    if kind is TimeInForce.GOOD_TILL_CANCELLED and not market.terms.spec.is_derivative:
        return Rejected(ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED, "goodtillcancelled is for derivatives only")
    if command.price is None and kind not in _IMMEDIATE:
        return Rejected(ErrorCode.FORBIDDEN_ORDER_TYPE, f"A market order cannot be {kind.value}")
    return kind


def _refuse_details(command: PlaceOrder | PlaceStop, market: InstrumentMarket) -> Rejected | None:
    """What is wrong with comment and iceberg."""
    if command.comment is not None and len(command.comment) > MAX_COMMENT:
        return Rejected(ErrorCode.UNKNOWN_ERROR, f"Comment is longer than {MAX_COMMENT} characters")
    fixed, variance = command.iceberg_fixed, command.iceberg_variance
    if fixed is not None and not 0 < fixed <= command.lots:
        return Rejected(ErrorCode.EXCHANGE_INCORRECT_QUANTITY, "Invalid visible quantity of an iceberg")
    if fixed is not None and command.price is None:
        return Rejected(ErrorCode.FORBIDDEN_ORDER_TYPE, "A market order cannot be an iceberg")
    if variance and (fixed is None or not market.terms.spec.is_derivative):
        return Rejected(
            ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED, "icebergVariance is for icebergs on derivatives only"
        )
    return None


def read_trigger(command: PlaceStop, ticket: Ticket, now_us: int) -> int | Rejected:
    """The trigger price of a conditional order in ticks, or what is wrong with the conditional part."""
    trigger = ticket.terms.ticks(command.trigger_price)
    if trigger is None or trigger <= 0:
        return Rejected(
            ErrorCode.PRICE_IN_STOP_ORDER_NOT_MULTIPLE_OF_MIN_INCREMENT,
            f"Trigger price {command.trigger_price} is not a multiple of the step",
        )
    seconds = command.protecting_seconds
    if seconds is not None and not 1 <= seconds <= MAX_PROTECTING_SECONDS:
        return Rejected(
            ErrorCode.UNSUPPORTED_STOP_ORDER_TYPE, f"protectingSeconds must be in 1..{MAX_PROTECTING_SECONDS}"
        )
    expires_at = ticket.terms.spec.expires_at
    if ticket.terms.is_derivative and expires_at is not None and to_us(expires_at) <= now_us:
        return Rejected(ErrorCode.EXCHANGE_TRADING_IS_STOPPED, "The contract has expired")
    if command.ends_at and command.ends_at * 1_000_000 <= now_us:
        return Rejected(ErrorCode.UNSUPPORTED_STOP_ORDER_TYPE, "stopEndUnixTime has passed")
    return trigger


def refuse_closed(ticket: Ticket) -> Rejected | None:
    """Why nothing can be traded now."""
    if ticket.market.is_trading:
        return None
    return Rejected(ErrorCode.EXCHANGE_TRADING_IS_STOPPED, "Trading is stopped")


def refuse_price(ticket: Ticket, now_us: int, assumptions: Assumptions) -> Rejected | None:
    """Why an order's price cannot be placed now: outside the day's limits, or nobody to trade with."""
    market = ticket.market
    if ticket.ticks is None:
        if market.book.best(ticket.side.opposite) is None and assumptions.market_on_empty_book == "refused":
            return Rejected(ErrorCode.NO_ORDER_PRICE_FOUND, "No order price found: that side of the book is empty")
        return None
    low, high = market.limits(now_us)
    if low <= ticket.ticks <= high:
        return None
    bounds = f"{_text(market.terms.price(low))}..{_text(market.terms.price(high))}"
    return Rejected(ErrorCode.EXCHANGE_LIMIT_EXCEEDED, f"Price is outside the limits of the day ({bounds})")


def _text(price: Decimal) -> str:
    return f"{price:f}"
