"""Opening a socket within a time limit, or telling why there is none."""

from __future__ import annotations

import asyncio
from typing import Final

from alor_async._http.handshake import Socket
from alor_async._http.transport import Transport
from alor_async._http.verdict import refusal
from alor_async._policy.clock import Deadline, Deadlines
from alor_async.errors import ConnectError, RequestError, RequestTimeout, StatusError

__all__ = ["dial"]

_NOT_ACCEPTABLE: Final = 406


async def dial(transport: Transport, url: str, *, timeout: float, max_message: int) -> Socket:
    """Open a WebSocket. No token is sent, no redirect followed, and the name is resolved anew.

    Cancelling is safe: what was begun is closed.

    Args:
        transport: What carries it.
        url: A `ws` or `wss` address, percent-encoded as it shall leave.
        timeout: For everything, from resolving the name to the end of the handshake; seconds.
        max_message: The longest acceptable message; bytes.

    Raises:
        ConnectError: The server could not be reached in time.
        StatusError: It answered with an error status; `RateLimited` knows how long to wait.
        TransportError: It answered with what is no handshake, or the connection broke.
        ClosedError: The transport is not open.
    """
    deadline = Deadline(timeout)
    deadlines = Deadlines(transport.clock)
    begun = transport.clock.monotonic()
    deadlines.watch(deadline)
    try:
        opened = await transport.open_socket(url, max_message=max_message, progress=deadline)
    except asyncio.CancelledError:
        if not deadline.took_over():
            raise
        failure = _out_of_time(deadline)
    except RequestError as error:
        failure = error
    else:
        if isinstance(opened, Socket):
            return opened
        failure = _explain(refusal(opened, now=transport.clock.now()))
    finally:
        deadline.leave()
        deadlines.interrupt_all()
    failure.elapsed = transport.clock.monotonic() - begun
    raise failure


def _explain(refused: RequestError) -> RequestError:
    if isinstance(refused, StatusError) and refused.status == _NOT_ACCEPTABLE:
        refused.problem += ": this is what the broker says to a socket without TLS; its address must begin with wss"
    return refused


def _out_of_time(deadline: Deadline) -> RequestError:
    if deadline.stage == "connect":
        return ConnectError(f"not connected within {deadline.seconds:g} s", stage="connect")
    return RequestTimeout(f"the handshake was not answered within {deadline.seconds:g} s", stage=deadline.stage)
