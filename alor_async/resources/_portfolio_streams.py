"""What the broker tells of a portfolio by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alor_async._contract import subscriptions as specs
from alor_async.resources._subscribing import Subscribing
from alor_async.values import PortfolioLike

if TYPE_CHECKING:
    from alor_async._streams.subscription import Subscription
    from alor_async.models import (
        FuturesRisk,
        Order,
        OrderStatus,
        PortfolioRisk,
        Position,
        StopOrder,
        Summary,
        Trade,
    )
    from alor_async.resources._subscribing import OnSlowLike
    from alor_async.values import Format

__all__ = ["PortfolioStreams"]


class PortfolioStreams(Subscribing):
    """Subscriptions to portfolios."""

    __slots__ = ()

    def positions(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Position]:
        """Follow the positions of a portfolio, money included: an item for each that changes.

        After an interruption all of them come again.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a position replaces an earlier state of itself.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws PositionsGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_POSITIONS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def summaries(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Summary]:
        """Follow the summary of a portfolio: value, buying power, commission.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a summary replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws SummariesGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_SUMMARIES, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def risks(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[PortfolioRisk]:
        """Follow the margin of a portfolio on the stock and currency markets.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a state replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws RisksGetAndSubscribe
        """
        return self._of_portfolio(specs.STREAMS_RISKS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def futures_risks(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[FuturesRisk]:
        """Follow the margin of a derivatives portfolio.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a state replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws SpectraRisksGetAndSubscribe
        """
        return self._of_portfolio(specs.STREAMS_FUTURES_RISKS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def trades(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Trade]:
        """Follow the portfolio's own trades: each exactly once.

        Those of an interruption are looked up afterwards and follow, marked `Update.is_recovered`.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out the trades of before. They are read by REST first, so that they are not
                taken for news later.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws TradesGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_TRADES, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def orders(
        self,
        portfolio: PortfolioLike,
        *,
        statuses: Iterable[OrderStatus | str] | None = None,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Order]:
        """Follow the orders of a portfolio: an item for each change, which never goes backwards.

        Changes of an interruption are looked up afterwards and follow, marked `Update.is_recovered`: the last state of
        each order, not the states between.

        Args:
            portfolio: A Portfolio or its id.
            statuses: Which orders the snapshot holds; None for all of the trading day. Later changes come whatever their
                status. The others are read by REST first, so that they are not taken for news later.
            skip_snapshot: Whether to leave out the orders of before. They are read by REST first, so that they are not
                taken for news later.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws OrdersGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_ORDERS, portfolio, skip_snapshot, statuses, format, on_slow, inbox)

    def stop_orders(
        self,
        portfolio: PortfolioLike,
        *,
        statuses: Iterable[OrderStatus | str] | None = None,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[StopOrder]:
        """Follow the conditional orders of a portfolio, as `orders` does those at the exchange.

        Args:
            portfolio: A Portfolio or its id.
            statuses: As in `orders`.
            skip_snapshot: As in `orders`.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws StopOrdersGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_STOP_ORDERS, portfolio, skip_snapshot, statuses, format, on_slow, inbox)
