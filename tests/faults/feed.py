"""One subscription that a scripted server tells what a test has it say."""

from __future__ import annotations

from typing import Any

from alor_async._streams.events import Update
from tests.faults.hub_support import Listener
from tests.support.streamserver import Line, StreamServer
from tests.support.waiting import until


class Feed:
    """The one subscription of a scripted server, and who listens to it."""

    def __init__(self, server: StreamServer, stream: str, subject: str, listener: Listener) -> None:
        self.server = server
        self.listener = listener
        self._stream = stream
        self._subject = subject
        self._sent = 0

    @property
    def line(self) -> Line:
        return self.server.line

    @property
    def updates(self) -> list[Update[Any]]:
        return self.listener.of(Update)

    async def send(self, *frames: dict[str, Any]) -> None:
        """Send frames that differ so from a recorded one, and wait until the consumer is done with them."""
        guid = self.line.guid_of(self._subject)
        subscription = self.listener.subscription
        for changes in frames:
            self.line.send(self._stream, guid, **changes)
        self._sent += len(frames)
        await until(lambda: subscription.received == self._sent and not subscription.pending)
