"""The words of the exchange: closed sets, spelled as the wire spells them."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Which way a trade changes the position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a purchase, -1 for a sale."""
        return 1 if self is Side.BUY else -1


class OrderStatus(StrEnum):
    """Where an order stands. Every status but `WORKING` is final."""

    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


class OrderType(StrEnum):
    """Exchange orders are limit or market; conditional ones stop or stop-limit."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"
    STOP_LIMIT = "stoplimit"

    @property
    def is_conditional(self) -> bool:
        """Whether the order rests at the broker and not in the book."""
        return self in (OrderType.STOP, OrderType.STOP_LIMIT)


class TimeInForce(StrEnum):
    """How long, and how completely, an order must be executed."""

    ONE_DAY = "oneday"
    IMMEDIATE_OR_CANCEL = "immediateorcancel"
    FILL_OR_KILL = "fillorkill"
    AT_THE_CLOSE = "attheclose"
    GOOD_TILL_CANCELLED = "goodtillcancelled"
    BOOK_OR_CANCEL = "bookorcancel"


class Condition(StrEnum):
    """What the market must do to a trigger price."""

    MORE = "more"
    LESS = "less"
    MORE_OR_EQUAL = "moreorequal"
    LESS_OR_EQUAL = "lessorequal"


class ExecutionPolicy(StrEnum):
    """What binds the members of an order group."""

    ON_EXECUTE_OR_CANCEL = "OnExecuteOrCancel"
    IGNORE_CANCEL = "IgnoreCancel"
    TRIGGER_BRACKET_ORDERS = "TriggerBracketOrders"


class GroupStatus(StrEnum):
    """Where an order group stands."""

    ACTIVE = "Active"
    FILLED = "Filled"
    CANCELED = "Canceled"


class Market(StrEnum):
    """Market segments."""

    STOCKS = "FOND"
    DERIVATIVES = "FORTS"
    CURRENCIES = "CURR"
    UNITED = "UNITED"


class ClientType(StrEnum):
    """Risk class of a client; it chooses the margin rates."""

    LOW_RISK = "LowRisk"
    STANDARD_RISK = "StandardRisk"
    HIGH_RISK = "HighRisk"
    SPECIAL = "Special"


class RiskStatus(StrEnum):
    """How far a portfolio is from a forced close-out."""

    OK = "Ok"
    DEMAND = "Demand"
    TO_CLOSE = "ToClose"
