"""What only sockets say, and the frame around everything that they say.

Entities are written by the tables that REST uses, so that both always show the same; the few shapes that differ are here.
"""

from __future__ import annotations

from decimal import Decimal

from alor_async.sandbox.core import entities as core
from alor_async.sandbox.gateway.encode import Row, Table, Wire, same, utc
from alor_async.sandbox.gateway.encode_account import TRADE
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.values import Format

_ONLY_IN_REST = ("shortName", "currency")


def own_trade(trade: core.OwnTrade, format: Format, *, existing: bool) -> Wire:
    """An own trade: the long form of REST has two keys that sockets do not have."""
    wire = TRADE.one(trade, format, existing=existing)
    for key in _ONLY_IN_REST:
        wire.pop(key, None)
    return wire


def _is_derivative(item: core.Instrument) -> bool:
    return item.spec.collateral is not None


INSTRUMENT_STATE: Table[core.Instrument] = Table(
    same("spec.symbol", "symbol", "sym"),
    same("spec.exchange", "exchange", "ex"),
    same("board", "board", "bd"),
    same("trading_status", "tradingStatus", "st"),
    same("trading_status_info", "tradingStatusInfo", "sti"),
    same("price_min", "priceMin", "pxmn"),
    same("price_max", "priceMax", "pxmx"),
    same("margin_buy", "marginBuy", "mgb", only=_is_derivative),
    same("margin_sell", "marginSell", "mgs", only=_is_derivative),
)
"""What of a security may change during the day. The keys of options are absent: the sandbox lists none."""


def changed_keys(before: Wire, now: Wire) -> Wire | None:
    """The part of an instrument's state that is new, with its symbol in front; None when nothing is."""
    changed = {key: value for key, value in now.items() if key not in before or before[key] != value}
    if not changed:
        return None
    symbol = "sym" if "sym" in now else "symbol"
    return {symbol: now[symbol], **changed}


def _filled_lots(stop: core.StopOrder) -> Decimal:
    return Decimal(stop.filled_lots)


OLD_STOP_ORDER: Table[core.StopOrder] = Table(
    same("order_id", "id", "id"),
    same("symbol", "symbol", "sym"),
    same("broker_symbol", "brokerSymbol", "tic"),
    same("exchange", "exchange", "ex"),
    same("board", "board", "bd"),
    same("order_type", "type", "t"),
    same("stop_price", "stopPrice", "pxs"),
    same("side", "side", "s"),
    same("status", "status", "st"),
    Row(utc("expires_at"), "endTime", "exp", "endTime"),
    same("lots", "qty", "q"),
    same(_filled_lots, "filledQtyBatch", "fqb"),
    same("price", "price", "px"),
    existing=("existing", "e", "existing"),
)
"""A conditional order as the deprecated `StopOrdersGetAndSubscribe` shows it."""


def reply(guid: str, code: int, text: str) -> bytes:
    """The reply to a request. Clients know it by its first key."""
    return write_json({"requestGuid": guid, "httpCode": code, "message": text})


def data_head(data: bytes) -> bytes:
    """A data message up to the guid: the same for everybody who gets it."""
    return b'{"data":' + data + b',"guid":'


def data_tail(guid: str) -> bytes:
    """What makes a data message one subscriber's own."""
    return write_json(guid) + b"}"
