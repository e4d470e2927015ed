"""Orders as clients write them down: the same JSON on REST and on `/cws`, read by the same functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from alor_async.sandbox.core.commands import PlaceOrder, PlaceStop
from alor_async.sandbox.core.enums import Condition, Side, TimeInForce
from alor_async.sandbox.gateway.call import Fields

Own: TypeAlias = Callable[[str], str]
"""Spells a portfolio as the token spells it, and refuses one that the token does not hold."""

_INT64 = 2**63 - 1


def read_order(fields: Fields, own: Own, *, is_limit: bool) -> PlaceOrder:
    """A market or limit order."""
    portfolio, instrument = own(read_portfolio(fields)), fields.part("instrument")
    return PlaceOrder(
        portfolio=portfolio,
        exchange=instrument.text("exchange").upper(),
        symbol=instrument.text("symbol"),
        board=_board(fields, instrument),
        side=fields.choice("side", Side),
        lots=fields.integer("quantity"),
        price=fields.decimal("price") if is_limit else None,
        time_in_force=fields.choice_or("timeInForce", TimeInForce.ONE_DAY),
        comment=fields.text_or_none("comment"),
        allow_margin=fields.flag("allowMargin"),
        iceberg_fixed=fields.integer_or_none("icebergFixed"),
        iceberg_variance=fields.integer_or_none("icebergVariance"),
    )


def read_stop(fields: Fields, own: Own, *, is_limit: bool) -> PlaceStop:
    """A conditional order."""
    portfolio, instrument = own(read_portfolio(fields)), fields.part("instrument")
    return PlaceStop(
        portfolio=portfolio,
        exchange=instrument.text("exchange").upper(),
        symbol=instrument.text("symbol"),
        board=_board(fields, instrument),
        side=fields.choice("side", Side),
        lots=fields.integer("quantity"),
        condition=fields.choice("condition", Condition),
        trigger_price=fields.decimal("triggerPrice"),
        price=fields.decimal("price") if is_limit else None,
        ends_at=fields.integer("stopEndUnixTime", _INT64) if fields.has("stopEndUnixTime") else 0,
        time_in_force=fields.choice_or("timeInForce", TimeInForce.ONE_DAY),
        comment=fields.text_or_none("comment"),
        allow_margin=fields.flag("allowMargin"),
        iceberg_fixed=fields.integer_or_none("icebergFixed"),
        iceberg_variance=fields.integer_or_none("icebergVariance"),
        protecting_seconds=fields.integer_or_none("protectingSeconds"),
        activate=fields.flag("activate", otherwise=True),
    )


def read_portfolio(fields: Fields) -> str:
    """The portfolio that an order is for, as it was written."""
    return fields.part("user").text("portfolio")


def is_order_number(text: str) -> bool:
    """Whether a text can be the number of an order."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def _board(fields: Fields, instrument: Fields) -> str | None:
    """The board stands in the instrument; at the top level it is as good."""
    return instrument.text_or_none("instrumentGroup") or fields.text_or_none("board")
