"""What a caller wants of an order, before any wire is chosen, and the acknowledgement that it ends in."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from alor_async._contract import bodies
from alor_async._orders.tags import own_comment, with_tag
from alor_async.values import InstrumentId, OrderAck

if TYPE_CHECKING:
    from alor_async._http.request import Operation

__all__ = ["Intent", "OrderAck", "Verb"]

T_co = TypeVar("T_co", covariant=True)


class Verb(enum.Enum):
    """What a command does to orders; decides how a refusal reads."""

    PLACE = "place"
    REPLACE = "replace"
    CANCEL = "cancel"
    GROUP = "group"


class Intent(Generic[T_co]):
    """One command about orders, complete and checked: nothing about it changes on the way.

    Attributes:
        operation: The REST operation that carries it.
        verb: What it does.
        values: Path and query parameters, by our names.
        body: The JSON body as a Struct, or None.
        request_id: The idempotency key, or None where the command has none.
        instrument_id: The instrument, or None when the command names none.
        order_type: The kind of the order that is cancelled, or None when the caller did not say.
        may_have_left: Whether a byte of it may have left; kept up to date by its wire.
    """

    __slots__ = (
        "_owner",
        "_payload",
        "body",
        "instrument_id",
        "may_have_left",
        "operation",
        "order_type",
        "request_id",
        "values",
        "verb",
    )

    def __init__(
        self,
        operation: Operation[T_co],
        verb: Verb,
        *,
        values: dict[str, object] | None = None,
        body: Struct | None = None,
        request_id: UUID | str | None = None,
        instrument_id: InstrumentId | None = None,
        order_type: str | None = None,
    ) -> None:
        self.operation = operation
        self.verb = verb
        self.values = values or {}
        self.body = body
        self.request_id = request_id
        self.instrument_id = instrument_id
        self.order_type = order_type
        self.may_have_left = False
        self._payload: bytes | None = None
        self._owner: str | None = None

    @property
    def payload(self) -> bytes:
        """The body as it leaves; empty where there is none."""
        if self._payload is None:
            self._payload = b"" if self.body is None else bodies.encode(self.body)
        return self._payload

    def mark(self, tag: str | None) -> None:
        """Put a tag into the comment of the order that it makes. One of another order never stays there, also without tags.

        Raises:
            InvalidArgument: There is no room beside the user's own text.
        """
        if self.body is None or not hasattr(self.body, "comment"):
            return
        told: str | None = getattr(self.body, "comment", None)
        comment = own_comment(told) if tag is None else with_tag(told, tag)
        if comment != told:
            self.body = msgspec.structs.replace(self.body, comment=comment)
            self._payload = None

    @property
    def owner(self) -> str:
        """The portfolio whose order it is about; empty where it names none."""
        if self._owner is None:
            user = getattr(self.body, "user", None)
            self._owner = next(iter(self.portfolios), "") if user is None else str(user.portfolio)
        return self._owner

    @property
    def portfolios(self) -> tuple[str, ...]:
        """The portfolios that it speaks of: not to be shown in logs and errors."""
        owners = [self.values.get("portfolio"), getattr(getattr(self.body, "user", None), "portfolio", None)]
        owners += [getattr(member, "portfolio", None) for member in getattr(self.body, "orders", None) or ()]
        return tuple(owner for owner in owners if isinstance(owner, str))

    def __repr__(self) -> str:
        return f"<Intent {self.operation.name} {self.instrument_id or ''} {self.request_id or ''}>"
