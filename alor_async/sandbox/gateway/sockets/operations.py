"""The opcodes of `/ws` that open a subscription: who may, what the topic is, and what its snapshot holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from alor_async.sandbox.core.enums import Market
from alor_async.sandbox.core.exchange import UnknownPortfolio
from alor_async.sandbox.gateway import encode_account
from alor_async.sandbox.gateway.sockets.encode import OLD_STOP_ORDER
from alor_async.sandbox.gateway.sockets.market_topics import (
    BookTopic,
    CandleTopic,
    InstrumentTopic,
    QuoteTopic,
    TapeTopic,
)
from alor_async.sandbox.gateway.sockets.portfolio_topics import (
    FiguresTopic,
    FillsTopic,
    OrdersTopic,
    PositionsTopic,
    StopsTopic,
)

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.sockets.hub import Hub
    from alor_async.sandbox.gateway.sockets.requests import Request
    from alor_async.sandbox.gateway.sockets.topics import Topic

_DEPTH, _MOST_DEPTH = 20, 50
_MOST_TRADES = 5_000


@dataclass(frozen=True, slots=True)
class Opening:
    """A topic, and the entities of the snapshot, taken while the exchange is locked and written when they are sent."""

    topic: Topic[Any]
    snapshot: Iterable[Any]
    portfolio: str | None = None
    symbol: str | None = None


Open: TypeAlias = "Callable[[Request, Hub], Opening]"


@dataclass(frozen=True, slots=True)
class Operation:
    """One opcode as documented, other spellings in use, the scope that a token needs, and how it opens."""

    opcode: str
    open: Open
    scope: str | None = None
    aliases: tuple[str, ...] = field(default=())


def _of_market(
    topic: BookTopic | QuoteTopic | CandleTopic | TapeTopic | InstrumentTopic, snapshot: Iterable[Any]
) -> Opening:
    return Opening(topic, snapshot, symbol=topic.market.terms.spec.broker_symbol)


def open_book(request: Request, hub: Hub) -> Opening:
    """The whole book."""
    market, depth = request.market(), request.depth(_DEPTH, 1, _MOST_DEPTH)
    topic = BookTopic(hub, request.format, market, depth, request.interval_us())
    return _of_market(topic, [topic.read()])


def open_candles(request: Request, hub: Hub) -> Opening:
    """Candles from a moment on."""
    market, frame, start = request.market(), request.frame(), request.start()
    topic = CandleTopic(hub, request.format, market, frame, request.interval_us())
    request.flag("splitAdjust")
    bars = [] if request.flag("skipHistory") else topic.bars_since(start)
    return _of_market(topic, topic.entities(bars))


def open_quotes(request: Request, hub: Hub) -> Opening:
    """The whole quote."""
    topic = QuoteTopic(hub, request.format, request.market(), request.interval_us())
    return _of_market(topic, [topic.read()])


def open_tape(request: Request, hub: Hub) -> Opening:
    """Every trade; the sandbox makes no virtual ones."""
    market, depth = request.market(), request.depth(0, 0, _MOST_TRADES)
    request.flag("includeVirtualTrades")
    topic = TapeTopic(hub, request.format, market)
    return _of_market(topic, topic.last_trades(depth))


def open_instrument(request: Request, hub: Hub) -> Opening:
    """The state of a security."""
    topic = InstrumentTopic(hub, request.format, request.market())
    return _of_market(topic, [topic.read()])


def _of_account(
    request: Request,
    topic: OrdersTopic | StopsTopic | FillsTopic | PositionsTopic | FiguresTopic,
    snapshot: Iterable[Any],
) -> Opening:
    return Opening(topic, () if request.flag("skipHistory") else snapshot, portfolio=topic.account.info.portfolio)


def open_orders(request: Request, hub: Hub) -> Opening:
    """Exchange orders; the statuses asked for filter the snapshot only."""
    topic, wanted = OrdersTopic(hub, request.format, request.account()), request.statuses()
    return _of_account(request, topic, [order for order in topic.current() if order.status in wanted])


def open_stops(request: Request, hub: Hub) -> Opening:
    """Conditional orders; the statuses asked for filter the snapshot only."""
    topic = StopsTopic(hub, request.format, request.account(), encode_account.stop_orders(hub.exchange.assumptions))
    wanted = request.statuses()
    return _of_account(request, topic, [stop for stop in topic.current() if stop.status in wanted])


def open_old_stops(request: Request, hub: Hub) -> Opening:
    """Conditional orders in their deprecated shape."""
    topic = StopsTopic(hub, request.format, request.account(), OLD_STOP_ORDER)
    return Opening(topic, topic.current(), portfolio=topic.account.info.portfolio)


def open_fills(request: Request, hub: Hub) -> Opening:
    """Own trades."""
    topic = FillsTopic(hub, request.format, request.account())
    return _of_account(request, topic, topic.current())


def open_positions(request: Request, hub: Hub) -> Opening:
    """Positions and money."""
    topic = PositionsTopic(hub, request.format, request.account())
    return _of_account(request, topic, topic.current())


def open_summary(request: Request, hub: Hub) -> Opening:
    """A portfolio in a few numbers."""
    account = request.account()
    topic = FiguresTopic(hub, request.format, account, hub.exchange.reports.summary, encode_account.SUMMARY)
    return _of_account(request, topic, [topic.current()])


def open_risk(request: Request, hub: Hub) -> Opening:
    """Margin."""
    topic = FiguresTopic(hub, request.format, request.account(), hub.exchange.reports.risk, encode_account.RISK)
    return _of_account(request, topic, [topic.current()])


def open_futures_risk(request: Request, hub: Hub) -> Opening:
    """Money on the derivatives market; `UnknownPortfolio` for a portfolio that does not trade there."""
    account = request.account()
    if account.info.market not in (Market.DERIVATIVES, Market.UNITED):
        raise UnknownPortfolio(account.info.portfolio)
    report = hub.exchange.reports.futures_risk
    topic = FiguresTopic(hub, request.format, account, report, encode_account.FUTURES_RISK)
    return _of_account(request, topic, [topic.current()])


OPERATIONS = (
    Operation("OrderBookGetAndSubscribe", open_book),
    Operation("BarsGetAndSubscribe", open_candles),
    Operation("QuotesSubscribe", open_quotes),
    Operation("AllTradesGetAndSubscribe", open_tape, aliases=("AllTradesSubscribe",)),
    Operation("InstrumentsGetAndSubscribeV2", open_instrument),
    Operation("PositionsGetAndSubscribeV2", open_positions, "Personal"),
    Operation("SummariesGetAndSubscribeV2", open_summary, "Personal"),
    Operation("RisksGetAndSubscribe", open_risk, "Personal"),
    Operation("SpectraRisksGetAndSubscribe", open_futures_risk, "Personal", aliases=("SpectraRisksGetAndSubscribeV2",)),
    Operation("TradesGetAndSubscribeV2", open_fills, "Trades"),
    Operation("OrdersGetAndSubscribeV2", open_orders, "OrdersRead"),
    Operation("StopOrdersGetAndSubscribeV2", open_stops, "OrdersRead"),
    Operation("StopOrdersGetAndSubscribe", open_old_stops, "OrdersRead"),
)

EXACTLY: Mapping[str, Operation] = MappingProxyType(
    {spelling: operation for operation in OPERATIONS for spelling in (operation.opcode, *operation.aliases)}
)
"""Operations by every spelling of their opcode."""
IN_ANY_CASE: Mapping[str, Operation] = MappingProxyType(
    {spelling.lower(): operation for spelling, operation in EXACTLY.items()}
)
"""Operations by every spelling in lower case."""
