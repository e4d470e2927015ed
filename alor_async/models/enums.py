"""The sets of words and numbers that models use; the open ones keep an unlisted value.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from enum import StrEnum

from alor_async.models._base import OpenIntEnum, OpenStrEnum

__all__ = [
    "ClientType",
    "Condition",
    "Exchange",
    "ExecutionPolicy",
    "GroupedOrderType",
    "Market",
    "OptionSide",
    "OrderGroupStatus",
    "OrderStatus",
    "OrderType",
    "RiskStatus",
    "Side",
    "StopOrderType",
    "TimeInForce",
    "TradingStatus",
]


class Exchange(OpenStrEnum):
    """Where an instrument is traded."""

    MOEX = "MOEX"
    """Moscow Exchange."""
    SPBX = "SPBX"
    """SPB Exchange."""
    UNITED = "UNITED"
    """All markets of a united portfolio; for reading portfolios alone."""


class Market(OpenStrEnum):
    """Segment of an exchange."""

    FORTS = "FORTS"
    """Derivatives of the Moscow Exchange."""
    FOND = "FOND"
    """Stocks and bonds of the Moscow Exchange."""
    CURR = "CURR"
    """Currencies of the Moscow Exchange."""
    SPBX = "SPBX"
    """Everything on the SPB Exchange."""


class TradingStatus(OpenIntEnum):
    """Phase of trading of an instrument."""

    BREAK = 2
    """A break in trading."""
    NORMAL = 17
    """Normal trading."""
    CLOSED = 18
    """Closed, or not available."""
    CLOSING_AUCTION = 102
    """Closing auction."""
    CLOSING = 103
    """Closing period."""
    LARGE_BLOCK_AUCTION = 106
    """Auction of large blocks."""
    DISCRETE_AUCTION = 107
    """Discrete auction."""
    OPENING = 118
    """Opening period."""
    OPENING_AUCTION = 119
    """Opening auction."""
    CLOSING_PRICE_TRADING = 120
    """Trading at the price of the closing auction."""


class OptionSide(OpenStrEnum):
    """Which right an option gives."""

    CALL = "Call"
    """The right to buy."""
    PUT = "Put"
    """The right to sell."""


class Side(OpenStrEnum):
    """Direction of an order or a trade."""

    BUY = "buy"
    """Buying."""
    SELL = "sell"
    """Selling."""


class OrderType(OpenStrEnum):
    """Kind of an exchange order."""

    LIMIT = "limit"
    """At the stated price or better."""
    MARKET = "market"
    """At whatever the book offers."""


class StopOrderType(OpenStrEnum):
    """Kind of a conditional order: what it sends to the exchange when it fires."""

    STOP = "stop"
    """A market order."""
    STOP_LIMIT = "stoplimit"
    """A limit order."""


class GroupedOrderType(StrEnum):
    """Kind of an order that joins a group."""

    LIMIT = "Limit"
    """A limit order at the exchange."""
    MARKET = "Market"
    """A market order that is still working."""
    STOP = "Stop"
    """A conditional order that sends a market order."""
    STOP_LIMIT = "StopLimit"
    """A conditional order that sends a limit order."""


class OrderStatus(OpenStrEnum):
    """Where an order stands.

    A partly filled order is still working; one that was partly filled and then cancelled is cancelled.
    """

    WORKING = "working"
    """Alive: it may still be executed."""
    FILLED = "filled"
    """Executed in full, or, for a conditional order, fired."""
    CANCELLED = "canceled"
    """Cancelled, perhaps after a partial execution."""
    REJECTED = "rejected"
    """Refused by the broker or the exchange."""


class TimeInForce(OpenStrEnum):
    """How long an order lives."""

    ONE_DAY = "oneday"
    """The rest is cancelled at the end of the day."""
    IMMEDIATE_OR_CANCEL = "immediateorcancel"
    """Fills what it can at once, the rest is cancelled."""
    FILL_OR_KILL = "fillorkill"
    """Fills in full at once, or not at all."""
    AT_THE_CLOSE = "attheclose"
    """Market orders of the SPB Exchange; the Moscow Exchange turns it into fillorkill silently."""
    GOOD_TILL_CANCELLED = "goodtillcancelled"
    """Derivatives only: up to the longest term that the exchange allows, about a year."""
    BOOK_OR_CANCEL = "bookorcancel"
    """Passive only: cancelled if it would be executed at once."""


class Condition(OpenStrEnum):
    """When a conditional order fires, as the market moves against its trigger price."""

    MORE = "more"
    """The market rises above the trigger price."""
    LESS = "less"
    """The market falls below the trigger price."""
    MORE_OR_EQUAL = "moreorequal"
    """The market rises to the trigger price."""
    LESS_OR_EQUAL = "lessorequal"
    """The market falls to the trigger price."""


class ExecutionPolicy(OpenStrEnum):
    """What happens to the other orders of a group."""

    ON_EXECUTE_OR_CANCEL = "OnExecuteOrCancel"
    """The others are cancelled as soon as one is executed, cancelled or edited."""
    IGNORE_CANCEL = "IgnoreCancel"
    """The others are cancelled when one is executed; an order that is cancelled or edited just leaves the group."""
    TRIGGER_BRACKET_ORDERS = "TriggerBracketOrders"
    """One limit order, and conditional orders made dormant (activate: false), which become active when it is filled."""


class OrderGroupStatus(OpenStrEnum):
    """Where an order group stands."""

    ACTIVE = "Active"
    """The group watches its orders."""
    FILLED = "Filled"
    """Its policy has run: an order was executed."""
    CANCELLED = "Canceled"
    """It ended without an execution."""


class ClientType(OpenStrEnum):
    """Risk class of a client, which decides about the margin asked."""

    LOW_RISK = "LowRisk"
    """Lowest risk: the highest margin."""
    STANDARD_RISK = "StandardRisk"
    """Standard risk."""
    HIGH_RISK = "HighRisk"
    """High risk: a lower margin."""
    SPECIAL = "Special"
    """Special risk."""


class RiskStatus(OpenStrEnum):
    """How well a portfolio's margin is covered."""

    OK = "Ok"
    """Both coverage ratios are zero or more."""
    DEMAND = "Demand"
    """The first ratio is negative: a margin call."""
    TO_CLOSE = "ToClose"
    """Both ratios are negative: positions are about to be closed by the broker."""
