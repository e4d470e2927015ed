"""What happened to a portfolio while its stream was interrupted, looked up by REST.

Everything of the session is read, and not only what is younger than the gap: the clocks of this machine and of the exchange
may differ by more than the gap was long. What was told before is known to the subscription's filter.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from alor_async._contract import operations, subscriptions
from alor_async._policy.arguments import check_since
from alor_async._policy.paging import MOSCOW, TradeWalk
from alor_async._telemetry import STREAM_LOGGER
from alor_async.errors import AlorError, AuthError, NotFound, RequestError, TokenUnavailable
from alor_async.values import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alor_async._http.message import StreamSpec
    from alor_async._http.request import Operation
    from alor_async._http.session import Session
    from alor_async._policy.clock import Clock
    from alor_async._streams.channel import Channel
    from alor_async.models import Trade
    from alor_async.values import Portfolio


__all__ = ["Recovery"]

T = TypeVar("T")

_TRADES_PER_REQUEST: Final = 1_000
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
_LISTINGS: Final[Mapping[str, Operation[list[Any]]]] = {
    subscriptions.STREAMS_ORDERS.name: operations.ACCOUNT_LIST_ORDERS,
    subscriptions.STREAMS_STOP_ORDERS.name: operations.ACCOUNT_LIST_STOP_ORDERS,
    subscriptions.STREAMS_POSITIONS.name: operations.ACCOUNT_LIST_POSITIONS,
}


class Recovery:
    """Reads what the streams of a portfolio tell: orders, conditional orders, own trades, positions.

    Args:
        session: What carries the requests, within its own time-outs and retries.
        clock: Where `since` comes from.
        page_size: Own trades of earlier days that are asked for at once, 1 000 at most.
    """

    __slots__ = ("_clock", "_page_size", "_session")

    def __init__(self, session: Session, clock: Clock, *, page_size: int = _TRADES_PER_REQUEST) -> None:
        self._session = session
        self._clock = clock
        self._page_size = page_size

    async def prepare(self, channels: Iterable[Channel[Any]]) -> None:
        """Learn what is there already and not wanted: after a gap that is no news, and the rest is.

        Raises:
            ClosedError: The session was closed.
            AuthError: No usable token.
            RequestError: A request failed.
        """
        forming: list[Channel[Any]] = []
        for channel in channels:
            if channel.spec is subscriptions.STREAMS_CANDLES and channel.asking.skips_snapshot:
                forming.append(channel)
            elif channel.traits.is_ledger and channel.asking.is_selective and channel.portfolio is not None:
                since = datetime.fromtimestamp(self._clock.now(), UTC)
                channel.remember(await self.read(channel.spec, channel.portfolio, since))
        if forming:
            now = int(await self._session.send(operations.GET_SERVER_TIME.request()))
            for channel in forming:
                channel.begin_at(now)

    async def find(self, spec: StreamSpec[Any, Any], portfolio: Portfolio, since: datetime) -> tuple[object, ...]:
        """Read as `read` does, and go on until it works: whatever a server answers, what was missed is nowhere else.

        Raises:
            ClosedError: The session was closed.
            AuthError: There will be no token.
            InvalidArgument: As in `read`.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.read(spec, portfolio, since)
            except AlorError as error:
                STREAM_LOGGER.warning("%s: looking up what was missed failed: %s", spec.name, error)
                if not isinstance(error, RequestError | TokenUnavailable):
                    raise
            await self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def read(self, spec: StreamSpec[Any, Any], portfolio: Portfolio, since: datetime) -> tuple[object, ...]:
        """Read what a stream may have missed, oldest first, and with it things that it did not miss.

        Args:
            spec: The stream. One that no list of REST matches has nothing to look up.
            portfolio: Whose.
            since: When the gap began, by the client's clock; aware.

        Raises:
            ClosedError: The session was closed.
            AuthError: No usable token.
            RequestError: A request failed.
            InvalidArgument: More than a page of own trades of an earlier day lie in one second.
        """
        if spec is subscriptions.STREAMS_TRADES:
            return tuple(await self._trades(portfolio, since))
        listing = _LISTINGS.get(spec.name)
        return () if listing is None else tuple(await self._list(listing, portfolio))

    async def _trades(self, portfolio: Portfolio, since: datetime) -> list[Trade]:
        # The session first: a trade that becomes history meanwhile is then read twice, and not never.
        of_session = await self._list(operations.ACCOUNT_LIST_TRADES, portfolio)
        start = await self._since_an_earlier_day(since)
        return of_session if start is None else [*await self._trades_from(portfolio, start), *of_session]

    async def _since_an_earlier_day(self, since: datetime) -> datetime | None:
        """Give the beginning of the gap by the server's clock, or None when no trading day has ended in it."""
        length = timedelta(seconds=max(self._clock.now() - since.timestamp(), 0))
        try:
            now = datetime.fromtimestamp(await self._session.send(operations.GET_SERVER_TIME.request()), UTC)
            start = now - length - _CLOCKS_DIFFER
        except (AuthError, RequestError, ValueError, OverflowError, OSError):
            # Then this machine's clock has to do.
            now, start = since + length, since - _CLOCKS_DIFFER
        is_earlier = start.astimezone(MOSCOW).date() < now.astimezone(MOSCOW).date()
        return start.replace(microsecond=0) if is_earlier else None

    async def _trades_from(self, portfolio: Portfolio, start: datetime) -> list[Trade]:
        """Read the own trades of earlier days, page by page."""
        trades: list[Trade] = []
        walk = TradeWalk(start, self._page_size)
        while not walk.done:
            request = operations.ACCOUNT_LIST_TRADES_HISTORY.request(
                format=Format.HEAVY,
                exchange=portfolio.read_exchange,
                portfolio=portfolio.id,
                date_from=check_since("since", walk.since),
                limit=self._page_size,
                order_by_date=True,
                descending=False,
            )
            trades += walk.accept(await self._session.send(request))
        return trades

    async def _list(self, operation: Operation[list[T]], portfolio: Portfolio) -> list[T]:
        request = operation.request(format=Format.HEAVY, exchange=portfolio.read_exchange, portfolio=portfolio.id)
        try:
            return await self._session.send(request)
        except NotFound:
            # So some servers say that there is nothing.
            return []
