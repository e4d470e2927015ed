"""The one table that maps foreign errors (aiohttp's, asyncio's, the system's) to ours.

Texts are our own: aiohttp's quote whole addresses, in which portfolios stand. The cause is chained without its traceback,
whose frames hold headers.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, TypeAlias

import aiohttp
from aiohttp import client_exceptions, http_exceptions

from alor_async.errors import ConnectError, ConnectionLost, RequestTimeout, Stage, TransportError

__all__ = ["TABLE", "translate"]


Row: TypeAlias = tuple[type[BaseException], type[TransportError], str, bool]

TABLE: Final[tuple[Row, ...]] = (
    # Kind, ours, what to say, whether the same call may succeed later. The first row that fits counts.
    (
        aiohttp.ClientConnectorCertificateError,
        ConnectError,
        "the server's certificate is not trusted",
        False,
    ),
    (aiohttp.ServerFingerprintMismatch, ConnectError, "the server's certificate is not the expected one", False),
    (aiohttp.ClientSSLError, ConnectError, "no secure connection could be made", False),
    (aiohttp.ClientConnectorDNSError, ConnectError, "the host's name could not be resolved", True),
    (aiohttp.ClientProxyConnectionError, ConnectError, "the proxy could not be reached", True),
    (aiohttp.ClientHttpProxyError, ConnectError, "the proxy refused", False),
    (client_exceptions.UnixClientConnectorError, ConnectError, "the socket could not be reached", True),
    (aiohttp.ClientConnectorError, ConnectError, "the server could not be reached", True),
    (aiohttp.ConnectionTimeoutError, ConnectError, "not connected in time", True),
    (aiohttp.SocketTimeoutError, RequestTimeout, "the server stopped sending", True),
    (aiohttp.ServerTimeoutError, RequestTimeout, "the server did not answer in time", True),
    (aiohttp.ServerDisconnectedError, ConnectionLost, "the server closed the connection before it answered", True),
    (aiohttp.ServerConnectionError, ConnectionLost, "the connection broke", True),
    (aiohttp.ClientConnectionResetError, ConnectionLost, "the connection was reset", True),
    (aiohttp.ClientOSError, ConnectionLost, "the connection broke", True),
    (aiohttp.UploadAbortedError, ConnectionLost, "the connection broke while sending", True),
    (aiohttp.ClientConnectionError, ConnectionLost, "the connection broke", True),
    (aiohttp.ClientPayloadError, ConnectionLost, "the answer broke off", True),
    (aiohttp.TooManyRedirects, TransportError, "the server redirects, which is not followed", False),
    (aiohttp.RedirectClientError, TransportError, "the server redirects, which is not followed", False),
    (aiohttp.WSServerHandshakeError, TransportError, "the answer to the handshake is not valid", False),
    (aiohttp.ContentTypeError, TransportError, "the answer has an unexpected type", False),
    (aiohttp.ClientResponseError, TransportError, "the answer is not valid HTTP", False),
    (aiohttp.InvalidURL, ConnectError, "the address is not valid", False),
    (aiohttp.NonHttpUrlClientError, ConnectError, "the address is not valid", False),
    (aiohttp.WSMessageTypeError, TransportError, "an unexpected message came", False),
    (http_exceptions.ContentEncodingError, TransportError, "the answer cannot be decompressed", False),
    (http_exceptions.HttpProcessingError, TransportError, "the answer is not valid HTTP", False),
    (asyncio.IncompleteReadError, ConnectionLost, "the answer broke off", True),
    (TimeoutError, RequestTimeout, "no answer in time", True),
    (ssl.SSLError, ConnectionLost, "the secure connection broke", True),
    (OSError, ConnectionLost, "the connection broke", True),
)

_LAST_RESORT: Final[Row] = (Exception, TransportError, "the request failed", False)
"""What a later aiohttp may add ends here. A test fails when a class of today does."""


def translate(error: BaseException, stage: Stage) -> TransportError:
    """Turn a foreign error into ours, with the foreign one as its cause.

    Args:
        error: What was caught.
        stage: How far the request had come. A break before sending began is a failure to connect: nothing was sent.
    """
    ours = _make(_innermost_reason(error), stage)
    ours.__cause__ = _without_frames(error)
    return ours


def _innermost_reason(error: BaseException) -> BaseException:
    """A body that cannot be decompressed, and a body that was cut, come in the same wrapping."""
    cause = error.__cause__
    if isinstance(error, aiohttp.ClientPayloadError) and isinstance(cause, http_exceptions.ContentEncodingError):
        return cause
    return error


def _make(error: BaseException, stage: Stage) -> TransportError:
    row = next((row for row in TABLE if isinstance(error, row[0])), _LAST_RESORT)
    _, kind, problem, retryable = row
    if isinstance(error, aiohttp.ClientHttpProxyError):
        status = _status_of(error)
        problem, retryable = f"the proxy refused with status {status}", status >= 500
    if stage == "connect" and issubclass(kind, RequestTimeout):
        kind, problem = ConnectError, "not connected in time"
    elif stage == "connect" and issubclass(kind, ConnectionLost):
        kind, problem = ConnectError, "the server could not be reached"
    elif stage == "connect":
        # Such as a proxy that does not speak HTTP: the request itself was not sent.
        kind = ConnectError
    ours = kind(problem, stage="connect" if issubclass(kind, ConnectError) else stage)
    ours.retryable = retryable
    return ours


def _status_of(error: aiohttp.ClientResponseError) -> int:
    return error.status  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _without_frames(error: BaseException) -> BaseException | None:
    """Take the tracebacks off a chain of errors, and the links whose text quotes the address."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return _quotable(error)


def _quotable(error: BaseException | None) -> BaseException | None:
    while isinstance(error, aiohttp.ClientResponseError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        error = error.__cause__
    return error
