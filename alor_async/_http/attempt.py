"""One use of a connection: what marks its progress, keeps it the only one, and carries its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.connector import Connection

from alor_async._http.failures import translate
from alor_async._policy.clock import Progress
from alor_async.errors import AlorError

__all__ = ["Answer", "SendOnce", "StagedRequest"]


class Answer:
    """What came back: a status, headers and the whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class NotesUse(Protocol):
    """Who must know when a connection is used."""

    def note_use(self, connection: Connection, progress: Progress) -> None:
        """Note that the first byte may leave now."""
        ...


class StagedRequest(aiohttp.ClientRequest):
    """A request that says when its first byte may leave, and lets a connection retire that has served long enough."""

    progress: Progress
    owner: NotesUse

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        self.owner.note_use(conn, self.progress)
        return await super().send(conn)


class SendOnce:
    """A middleware for one request: marks its progress, and keeps aiohttp from sending it again."""

    __slots__ = ("_owner", "_progress")

    def __init__(self, owner: NotesUse, progress: Progress) -> None:
        self._owner = owner
        self._progress = progress

    async def __call__(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        if isinstance(request, StagedRequest):
            request.progress = self._progress
            request.owner = self._owner
        try:
            response = await handler(request)
        except AlorError:
            raise
        except Exception as error:  # noqa: BLE001 - the table decides
            failure = translate(error, self._progress.stage)
        else:
            self._progress.stage = "read"
            return response
        # Ours from here on: aiohttp resends on errors of its own, and telemetry would quote the address in theirs.
        raise failure
