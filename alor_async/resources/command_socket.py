"""`alor.command_socket()`: the same commands over one connection that stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from alor_async._orders.desk import Desk, OrderDesk
from alor_async._orders.socket_wire import SocketWire
from alor_async.resources.orders import OrdersResource
from alor_async.resources.stop_orders import StopOrdersResource

if TYPE_CHECKING:
    from types import TracebackType

    from alor_async._http.session import Session

__all__ = ["CommandSocket"]


class CommandSocket:
    """One authorized connection for commands: as `alor.orders` and `alor.stop_orders`, without a request for each.

    Use it as `async with alor.command_socket() as fast:`. It opens once. A lost connection is got back by itself;
    commands that were under way on it end in `OrderOutcomeUnknown` and are never sent again, new ones wait for the next.
    Cancelling all orders, and estimates, go over REST, as sockets have no word for them.

    Attributes:
        orders: Commands on exchange orders.
        stop_orders: Commands on conditional orders.
    """

    def __init__(self, wire: SocketWire, desk: OrderDesk, session: Session, owner: set[CommandSocket]) -> None:
        self._wire = wire
        self._owner = owner
        passing = Desk(desk, wire)
        self.orders = OrdersResource(passing, session)
        self.stop_orders = StopOrdersResource(passing, session)

    def __repr__(self) -> str:
        state = "ready" if self.is_ready else "not connected"
        return f"<CommandSocket: {state}, {self.in_flight} in flight, {self.waiting} waiting>"

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and authorized."""
        return self._wire.line.is_ready

    @property
    def in_flight(self) -> int:
        """How many commands wait for the broker's replies."""
        return self._wire.line.in_flight

    @property
    def waiting(self) -> int:
        """How many commands wait for their turn. Surely nothing of them was sent."""
        return self._wire.line.waiting

    async def open(self) -> None:
        """Connect and authorize.

        Raises:
            ClosedError: The client is not open, or this socket was open before.
            AuthError: There is no usable token.
            RequestError: The broker could not be reached in time, or refused.
        """
        self._owner.add(self)
        try:
            await self._wire.open()
        except BaseException:
            self._owner.discard(self)
            raise

    async def close(self) -> None:
        """Say goodbye and end it, within two seconds. Idempotent.

        Commands that wait for their turn end with `ClosedError`; those that were sent and are not replied to meanwhile, in
        `OrderOutcomeUnknown`.
        """
        self._owner.discard(self)
        await self._wire.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
