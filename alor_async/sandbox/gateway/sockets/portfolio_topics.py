"""Topics of portfolios: orders, conditional orders, own trades, positions, money and risk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alor_async.sandbox.core.clock import SECOND, to_datetime
from alor_async.sandbox.core.entities import FuturesRisk, Order, OwnTrade, PortfolioRisk, Position, StopOrder, Summary
from alor_async.sandbox.gateway import encode_account
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.sandbox.gateway.sockets.encode import own_trade
from alor_async.sandbox.gateway.sockets.topics import PortfolioTopic, Postman, Throttle

if TYPE_CHECKING:
    from alor_async.sandbox.core.accounts import Account
    from alor_async.sandbox.core.orders import LiveOrder, LiveStop
    from alor_async.sandbox.gateway.encode import Table
    from alor_async.values import Format

_NO_TIME = to_datetime(0)
_PRICES_EVERY_US = SECOND
"""How often prices alone may change what is said of a portfolio."""


class OrdersTopic(PortfolioTopic[Order]):
    """Every state of every exchange order of a portfolio, in order."""

    def __init__(self, postman: Postman, format: Format, account: Account) -> None:
        super().__init__(postman, ("orders", account, format), format, account)
        self._told: dict[LiveOrder, Order] = {}

    def current(self) -> list[Order]:
        """The orders of the session, oldest first."""
        return [order.view() for order in self._postman.exchange.reports.live_orders(self.account)]

    def on_order(self, order: LiveOrder) -> None:
        """Post the state, and look again when all is done: an iceberg shows its next slice without being told of."""
        view = self._told[order] = order.view()
        self.post(view)
        self._postman.touch(self)

    def settle(self) -> None:
        """Post what has become of an order since its last state was told."""
        for order, told in self._told.items():
            view = order.view()
            if view != told:
                self.post(view)
        self._told.clear()

    def write(self, entity: Order, *, existing: bool) -> bytes:
        """A whole order."""
        return write_json(encode_account.ORDER.one(entity, self.format, existing=existing))


class StopsTopic(PortfolioTopic[StopOrder]):
    """Every state of every conditional order of a portfolio; one that has fired shows the fills of its order."""

    def __init__(self, postman: Postman, format: Format, account: Account, table: Table[StopOrder]) -> None:
        super().__init__(postman, ("stops", account, format, table), format, account)
        self._table = table
        self._told: dict[LiveStop, StopOrder] = {}
        self._fired: dict[LiveOrder, tuple[LiveStop, StopOrder]] = {}
        for stop in postman.exchange.reports.live_stops(account):
            self._follow(stop, stop.view())

    def current(self) -> list[StopOrder]:
        """The conditional orders that REST lists, oldest first."""
        return [stop.view() for stop in self._postman.exchange.reports.live_stops(self.account)]

    def on_stop(self, stop: LiveStop) -> None:
        """Post the state, and look again when all is done."""
        view = self._told[stop] = stop.view()
        self.post(view)
        self._follow(stop, view)
        self._postman.touch(self)

    def on_order(self, order: LiveOrder) -> None:
        """Look at the conditional order that it came from."""
        fired = self._fired.pop(order, None)
        if fired is not None:
            self._told.setdefault(*fired)
            self._postman.touch(self)

    def settle(self) -> None:
        """Post what has become of a conditional order since its last state was told."""
        for stop, told in self._told.items():
            view = stop.view()
            if view != told:
                self.post(view)
            self._follow(stop, view)
        self._told.clear()

    def _follow(self, stop: LiveStop, shown: StopOrder) -> None:
        """Look out for the fills of the order that a conditional one has become."""
        if stop.child is not None and stop.child.is_working:
            self._fired[stop.child] = stop, shown

    def write(self, entity: StopOrder, *, existing: bool) -> bytes:
        """A whole conditional order."""
        return write_json(self._table.one(entity, self.format, existing=existing))


class FillsTopic(PortfolioTopic[OwnTrade]):
    """Every own trade of a portfolio."""

    def __init__(self, postman: Postman, format: Format, account: Account) -> None:
        super().__init__(postman, ("fills", account, format), format, account)

    def current(self) -> list[OwnTrade]:
        """The own trades of the session, oldest first."""
        return list(self.account.trades)

    def on_fill(self, trade: OwnTrade) -> None:
        """Post it."""
        self.post(trade)

    def write(self, entity: OwnTrade, *, existing: bool) -> bytes:
        """An own trade."""
        return write_json(own_trade(entity, self.format, existing=existing))


class _Urgency:
    """When a portfolio is to be looked at: at once when it changed itself, once a second when only prices did."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman
        self._throttle = Throttle(postman, _PRICES_EVERY_US)
        self._is_urgent = False

    def changed(self, topic: PortfolioTopic[Any]) -> None:
        self._is_urgent = True
        self._postman.touch(topic)

    def admits(self, topic: PortfolioTopic[Any]) -> bool:
        if not self._is_urgent and not self._throttle.admits(topic):
            return False
        self._is_urgent = False
        self._throttle.spend()
        return True


class PositionsTopic(PortfolioTopic[Position]):
    """The positions of a portfolio, each whenever it changed."""

    def __init__(self, postman: Postman, format: Format, account: Account) -> None:
        super().__init__(postman, ("positions", account, format), format, account)
        self._urgency = _Urgency(postman)
        self._shown = {position.broker_symbol: position for position in self.current()}

    def current(self) -> tuple[Position, ...]:
        """Holdings, those closed today included, and money."""
        return self._postman.exchange.reports.positions(self.account, without_currency=False)

    def on_account(self) -> None:
        """Look at them."""
        self._urgency.changed(self)

    def on_price(self) -> None:
        """Look at them before long."""
        self._postman.touch(self)

    def settle(self) -> None:
        """Post those that are not what they were."""
        if self._urgency.admits(self):
            now = {position.broker_symbol: position for position in self.current()}
            for name, position in now.items():
                if self._shown.get(name) != position:
                    self.post(position)
            self._shown = now

    def joined(self) -> None:
        """What comes next of those that are not as shown is news to one of them, even if it is what was shown last."""
        for position in self.current():
            if self._shown.get(position.broker_symbol) != position:
                self._shown.pop(position.broker_symbol, None)

    def write(self, entity: Position, *, existing: bool) -> bytes:
        """A position."""
        return write_json(encode_account.POSITION.one(entity, self.format, existing=existing))


class FiguresTopic(PortfolioTopic[Any]):
    """A portfolio in a few numbers, whole, whenever one of them changed: its summary, its risk, its futures risk."""

    def __init__(
        self, postman: Postman, format: Format, account: Account, report: Callable[[Account], Any], table: Table[Any]
    ) -> None:
        super().__init__(postman, ("figures", account, format, table), format, account)
        self._report = report
        self._table = table
        self._urgency = _Urgency(postman)
        self._shown: object = _timeless(self.current())

    def current(self) -> Any:
        """The numbers as they stand."""
        return self._report(self.account)

    def on_account(self) -> None:
        """Look at them."""
        self._urgency.changed(self)

    def on_price(self) -> None:
        """Look at them before long."""
        self._postman.touch(self)

    def settle(self) -> None:
        """Post them if one is another."""
        if self._urgency.admits(self):
            figures = self.current()
            if _timeless(figures) != self._shown:
                self._shown = _timeless(figures)
                self.post(figures)

    def joined(self) -> None:
        """What comes next is news to one of them, even if it is what was shown last."""
        if _timeless(self.current()) != self._shown:
            self._shown = None

    def write(self, entity: Any, *, existing: bool) -> bytes:
        """All the numbers; they have no mark."""
        return write_json(self._table.one(entity, self.format, existing=existing))


def _timeless(figures: Summary | PortfolioRisk | FuturesRisk) -> object:
    """The numbers without the moment at which they were worked out."""
    if isinstance(figures, PortfolioRisk):
        return replace(figures, calculated_at=_NO_TIME)
    return figures
