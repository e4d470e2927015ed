"""Entities to wire objects in the three spellings, from tables of the exchange's own.

One row is one fact: where it comes from, and its key in Simple, Slim and Heavy; an empty key means that this spelling does
not carry it. A row may hold for some instruments only: its key is then absent from the others, not null. The tables are
written from the broker's documents and share nothing with the client, so that neither can hide a mistake of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from alor_async.sandbox.core import entities as core
from alor_async.sandbox.core.enums import ClientType, Market
from alor_async.sandbox.gateway.jsonwriter import expiry_text, utc_text, write_json, zoneless_text
from alor_async.values import Format

T = TypeVar("T")
Wire: TypeAlias = dict[str, object]
_MOST_KEPT = 2048
FORMATS = (Format.SIMPLE, Format.SLIM, Format.HEAVY)


class Row(NamedTuple):
    """One fact of an entity: its source, its key in each spelling, and for which entities it exists at all."""

    source: str | Callable[[Any], object]
    simple: str
    slim: str
    heavy: str
    only: Callable[[Any], bool] | None = None

    def key(self, format: Format) -> str:
        """The key in one spelling; empty when it has none."""
        return (self.simple, self.slim, self.heavy)[FORMATS.index(format)]

    def read(self) -> Callable[[Any], object]:
        """The function that takes the fact from an entity."""
        return attrgetter(self.source) if isinstance(self.source, str) else self.source


def same(
    source: str | Callable[[Any], object], key: str, slim: str = "", *, only: Callable[[Any], bool] | None = None
) -> Row:
    """A row with one key in Simple and Heavy; `slim` is its short form, which `Slim` lacks when it is empty."""
    return Row(source, key, slim, key, only)


def utc(attribute: str) -> Callable[[Any], object]:
    """A time with the mark of UTC, or null."""
    read = attrgetter(attribute)
    return lambda entity: utc_text(read(entity))


def zoneless(attribute: str) -> Callable[[Any], object]:
    """A time without the mark."""
    read = attrgetter(attribute)
    return lambda entity: zoneless_text(read(entity))


def present(attribute: str) -> Callable[[Any], bool]:
    """Whether the entity has it."""
    read = attrgetter(attribute)
    return lambda entity: read(entity) is not None


class Written(Generic[T]):
    """Bytes of what was written before: the exchange shows the same object for as long as nothing about it changes."""

    __slots__ = ("_kept", "_write")

    def __init__(self, write: Callable[[T, Format, bool], Wire]) -> None:
        self._write = write
        self._kept: dict[tuple[int, Format, bool], tuple[T, bytes]] = {}

    def bytes_of(self, entity: T, format: Format, *, existing: bool = True) -> bytes:
        """One entity as JSON."""
        key = (id(entity), format, existing)
        kept = self._kept.get(key)
        if kept is not None and kept[0] is entity:
            return kept[1]
        body = write_json(self._write(entity, format, existing))
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (entity, body)
        return body

    def list_of(self, entities: Iterable[T], format: Format, *, existing: bool = True) -> bytes:
        """A list of them."""
        return b"[" + b",".join([self.bytes_of(entity, format, existing=existing) for entity in entities]) + b"]"


class _Plan(NamedTuple):
    always: tuple[tuple[str, Callable[[Any], object]], ...]
    sometimes: tuple[tuple[str, Callable[[Any], object], Callable[[Any], bool]], ...]
    existing: str


class Table(Generic[T]):
    """How one kind of entity is written. `existing` names the keys of the flag that marks a snapshot, if it has one."""

    def __init__(self, *rows: Row, existing: tuple[str, str, str] = ("", "", "")) -> None:
        self._plans = {format: self._plan(rows, format, existing[index]) for index, format in enumerate(FORMATS)}
        self.written = Written(self._as_wire)
        """The same as bytes, kept while the exchange shows the same objects."""

    @staticmethod
    def _plan(rows: Iterable[Row], format: Format, existing: str) -> _Plan:
        carried = [row for row in rows if row.key(format)]
        return _Plan(
            tuple((row.key(format), row.read()) for row in carried if row.only is None),
            tuple((row.key(format), row.read(), row.only) for row in carried if row.only is not None),
            existing,
        )

    def one(self, entity: T, format: Format = Format.HEAVY, *, existing: bool = True) -> Wire:
        """One entity as a wire object."""
        plan = self._plans[format]
        wire: Wire = {key: read(entity) for key, read in plan.always}
        for key, read, only in plan.sometimes:
            if only(entity):
                wire[key] = read(entity)
        if plan.existing:
            wire[plan.existing] = existing
        return wire

    def _as_wire(self, entity: T, format: Format, existing: bool) -> Wire:
        return self.one(entity, format, existing=existing)

    def many(self, entities: Iterable[T], format: Format = Format.HEAVY, *, existing: bool = True) -> list[Wire]:
        """A list of them."""
        return [self.one(entity, format, existing=existing) for entity in entities]


def single(*rows: tuple[str | Callable[[Any], object], str]) -> Table[Any]:
    """A table of an entity that has one spelling only."""
    return Table(*(Row(source, key, key, key) for source, key in rows))


# -- instruments -----------------------------------------------------------------------------------------------------


def _is_derivative(item: core.Instrument) -> bool:
    return item.spec.collateral is not None


def _is_fx(item: core.Instrument) -> bool:
    return item.spec.market is Market.CURRENCIES and item.spec.base_swap_price is not None


def _expiry(item: core.Instrument) -> str:
    return expiry_text(item.spec.expires_at)


def _collateral(client: ClientType, side: str) -> Callable[[core.Instrument], object]:
    def read(item: core.Instrument) -> object:
        return getattr((item.spec.collateral or {})[client], side)

    return read


INSTRUMENT: Table[core.Instrument] = Table(
    same("spec.symbol", "symbol", "sym"),
    Row("spec.short_name", "shortname", "n", "shortName"),
    same("spec.description", "description", "desc"),
    same("spec.exchange", "exchange", "ex"),
    same("spec.market", "market"),
    same("spec.kind", "type", "t"),
    Row("spec.lot_size", "lotsize", "lot", "lotSize"),
    Row("spec.face_value", "facevalue", "fv", "faceValue"),
    same("spec.cfi_code", "cfiCode", "cfi"),
    same(_expiry, "cancellation", "cncl"),
    Row("spec.price_step", "minstep", "stp", "minStep"),
    Row("spec.decimals", "", "", "roundTo"),
    same("spec.rating", "rating", "rt"),
    Row("margin_buy", "marginbuy", "mgb", "marginBuy"),
    Row("margin_sell", "marginsell", "mgs", "marginSell"),
    Row("margin_rate", "marginrate", "mgrt", "marginRate"),
    Row("spec.step_value", "pricestep", "stppx", "priceStep"),
    same("price_max", "priceMax", "pxmx"),
    same("price_min", "priceMin", "pxmn"),
    same("theoretical_price", "theorPrice", "pxt"),
    same("theoretical_price_limit", "theorPriceLimit", "pxtl"),
    same("volatility", "volatility", "vl"),
    same("spec.currency", "currency", "cur"),
    same("spec.isin", "ISIN", "isin"),
    same("spec.bond_yield", "yield", "yld"),
    same("board", "board", "bd"),
    Row("spec.board", "primary_board", "pbd", "primaryBoard"),
    same("trading_status", "tradingStatus", "st"),
    same("trading_status_info", "tradingStatusInfo", "sti"),
    same("spec.complex_product_category", "complexProductCategory", "cpct"),
    same("spec.price_multiplier", "priceMultiplier", "pxmu"),
    same("spec.price_shown_units", "priceShownUnits", "pxu"),
    Row("spec.shares_issued", "", "", "noSharesIssued"),
    *(
        Row(_collateral(client, side), "", "", f"initialMargin{risk}Risk{side.capitalize()}", _is_derivative)
        for risk, client in (
            ("Low", ClientType.LOW_RISK),
            ("Standard", ClientType.STANDARD_RISK),
            ("High", ClientType.HIGH_RISK),
            ("Special", ClientType.SPECIAL),
        )
        for side in ("long", "short")
    ),
    Row("spec.base_swap_price", "", "", "baseSwapPrice", _is_fx),
)

CURRENCY_PAIR: Table[core.CurrencyPair] = single(
    ("first_code", "firstCode"), ("second_code", "secondCode"), ("symbol_tom", "symbolTom")
)

RISK_RATE: Table[core.RiskRate] = single(
    ("rate_id", "id"),
    ("symbol", "instrument"),
    ("exchange", "exchange"),
    ("risk_category_id", "riskCategoryId"),
    ("security_risk_category_id", "securityRiskCategoryId"),
    ("asset_type", "assetType"),
    ("underlying_asset", "underlyingAsset"),
    ("set_name", "setName"),
    ("isin", "isin"),
    ("currency_code", "currencyCode"),
    ("rate_up", "rateUp"),
    ("rate_down", "rateDown"),
    ("rate_symmetric", "rateSymmetric"),
    ("is_short_sell_possible", "isShortSellPossible"),
    ("is_marginal", "isMarginal"),
    ("set_rate", "setRate"),
    ("underlying_sign", "sgnR"),
)

# -- market data -----------------------------------------------------------------------------------------------------


def _nothing(_entity: object) -> None:
    return None


def _no_order(_trade: core.MarketTrade) -> int:
    """Market trades name no order: the broker writes the number 0."""
    return 0


def _quote_rows(accrued: str | Callable[[Any], object]) -> tuple[Row, ...]:
    return (
        same("spec.symbol", "symbol", "sym"),
        same("spec.exchange", "exchange", "ex"),
        same("spec.description", "description", "desc"),
        Row("spec.currency", "", "", "currency"),
        Row("prev_close_price", "prev_close_price", "", "prevClosePrice"),
        Row("last_price", "last_price", "c", "lastPrice"),
        Row("last_price_timestamp", "last_price_timestamp", "tst", "lastPriceTimestamp"),
        Row("high_price", "high_price", "h", "highPrice"),
        Row("low_price", "low_price", "l", "lowPrice"),
        Row(accrued, "accruedInt", "acci", "accruedInterest"),
        same("volume", "volume", "v"),
        Row("open_interest", "open_interest", "oi", "openInterest"),
        same("ask", "ask", "ask"),
        same("bid", "bid", "bid"),
        Row("ask_volume", "ask_vol", "av", "askVol"),
        Row("bid_volume", "bid_vol", "bv", "bidVol"),
        Row("book_timestamp_ms", "ob_ms_timestamp", "tso", "obMsTimestamp"),
        Row("open_price", "open_price", "o", "openPrice"),
        same("bond_yield", "yield", "y"),
        Row("spec.lot_size", "lotsize", "lot", "lotSize"),
        Row("lot_value", "lotvalue", "lotv", "lotValue"),
        Row("spec.face_value", "facevalue", "fv", "faceValue"),
        same("spec.kind", "type", "t"),
        Row("total_bid_volume", "total_bid_vol", "tbv", "totalBidVol"),
        Row("total_ask_volume", "total_ask_vol", "tav", "totalAskVol"),
        Row(accrued, "accrued_interest", "", ""),
        Row("prev_settle_price", "", "", "prevSettlePrice", present("prev_settle_price")),
        Row("change", "change", "", "change"),
        Row("change_percent", "change_percent", "", "changePercent"),
    )


QUOTE: Table[core.Quote] = Table(*_quote_rows("accrued_interest"))
FUTURES_QUOTE: Table[core.Quote] = Table(*_quote_rows(_nothing))

CANDLE: Table[core.Candle] = Table(
    same("timestamp", "time", "t"),
    same("close", "close", "c"),
    same("open", "open", "o"),
    same("high", "high", "h"),
    same("low", "low", "l"),
    same("volume", "volume", "v"),
)

MARKET_TRADE: Table[core.MarketTrade] = Table(
    same("trade_id", "id", "id"),
    Row(_no_order, "orderno", "", ""),
    same("symbol", "symbol", "sym"),
    same("board", "board", "bd"),
    same("lots", "qty", "q"),
    same("price", "price", "px"),
    same(utc("traded_at"), "time"),
    same("timestamp_ms", "timestamp", "t"),
    same("side", "side", "s"),
    same("open_interest", "oi", "oi"),
    existing=("existing", "h", "existing"),
)


def book(snapshot: core.BookSnapshot, format: Format, *, existing: bool = True) -> Wire:
    """An order book. Written out by hand: its levels are the bulk of what a busy client reads."""
    if format is Format.SLIM:
        bids, asks = _short_levels(snapshot.bids), _short_levels(snapshot.asks)
        return {"b": bids, "a": asks, "t": snapshot.timestamp_ms, "h": existing}
    bids, asks = _long_levels(snapshot.bids), _long_levels(snapshot.asks)
    if format is Format.HEAVY:
        return {"bids": bids, "asks": asks, "msTimestamp": snapshot.timestamp_ms, "existing": existing}
    return {
        "snapshot": existing,
        "bids": bids,
        "asks": asks,
        "timestamp": snapshot.timestamp_ms // 1000,
        "ms_timestamp": snapshot.timestamp_ms,
        "existing": existing,
    }


def _book(snapshot: core.BookSnapshot, format: Format, existing: bool) -> Wire:
    return book(snapshot, format, existing=existing)


BOOK: Written[core.BookSnapshot] = Written(_book)


def _long_levels(levels: Iterable[core.BookLevel]) -> list[Wire]:
    return [{"price": level.price, "volume": level.lots} for level in levels]


def _short_levels(levels: Iterable[core.BookLevel]) -> list[Wire]:
    """Only the short spelling shows the yield, and only of bonds."""
    return [
        {"p": level.price, "v": level.lots}
        if level.bond_yield is None
        else {"p": level.price, "v": level.lots, "y": level.bond_yield}
        for level in levels
    ]


def candle_page(page: core.CandlePage, format: Format) -> Wire:
    """A page of candles."""
    array = "h" if format is Format.SLIM else "history"
    return {array: CANDLE.many(page.candles, format), "next": page.next, "prev": page.prev}


def market_trade_page(page: core.MarketTradePage, format: Format) -> Wire:
    """A page of earlier market trades."""
    return {"total": page.total, "list": MARKET_TRADE.many(page.trades, format)}


def risk_rate_page(page: core.RiskRatePage) -> Wire:
    """A page of risk rates."""
    return {"list": RISK_RATE.many(page.rates), "total": page.total}
