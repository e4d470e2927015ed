"""What a channel puts into its inbox beside messages, and what can be told of a message without reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from alor_async._http.verdict import excerpt
from alor_async._streams.inbox import Marker
from alor_async.errors import StreamDecodeError

if TYPE_CHECKING:
    from alor_async._http.decode import WireError
    from alor_async._streams.events import Stale

__all__ = ["Broken", "Pause", "Recovered", "Renewal", "is_marked", "unreadable"]


class Renewal(Marker):
    """The subscription was asked for again: a snapshot follows.

    Attributes:
        stale: What to say if the snapshot shows that something was missed, where silence was the reason; else None.
    """

    __slots__ = ("stale",)

    def __init__(self, stale: Stale | None = None) -> None:
        self.stale = stale


class Pause(Marker):
    """What came before was the snapshot, as far as can be told."""

    __slots__ = ()


class Recovered:
    """An item that was looked up after a gap."""

    __slots__ = ("item",)

    def __init__(self, item: object) -> None:
        self.item = item


class Broken:
    """A message that could not be read."""

    __slots__ = ("error",)

    def __init__(self, error: StreamDecodeError) -> None:
        self.error = error


class _Marks(msgspec.Struct, gc=False):
    h: bool | None = None
    existing: bool | None = None


class _Marked(msgspec.Struct, gc=False):
    data: _Marks


_mark_decoder: Final = msgspec.json.Decoder(_Marked)


def is_marked(frame: bytes) -> bool:
    """Whether a frame is marked as a part of the snapshot, in whatever format."""
    try:
        marks = _mark_decoder.decode(frame).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return marks.h is True or marks.existing is True


def unreadable(name: str, frame: bytes, error: WireError, secrets: tuple[str, ...]) -> StreamDecodeError:
    """Say of a message of a stream why it cannot be read, and show its beginning without what is secret."""
    return StreamDecodeError(
        f"{name}: a message could not be read: {error.reason} at {error.path}; iterating again goes on",
        subscription=name,
        path=error.path,
        frame=excerpt(frame, secrets),
    )
