"""Every foreign error has its place in the table."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from alor_async._http.failures import TABLE, translate
from alor_async.errors import ConnectError, ConnectionLost, RequestTimeout, TransportError

SECRET_URL = URL("http://host/md/v2/Clients/D39004?token=SECRET")
KEY = ConnectionKey("host", 443, True, True, None, None, None)


def kinds_below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds_below(child)


FOREIGN = sorted(
    {
        kind
        for root in (aiohttp.ClientError, http_exceptions.HttpProcessingError, client_exceptions.WSMessageTypeError)
        for kind in kinds_below(root)
        if kind.__module__.startswith("aiohttp") and kind is not aiohttp.ClientError
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_class_of_aiohttp_has_a_row(kind: type[BaseException]) -> None:
    assert any(issubclass(kind, row[0]) for row in TABLE), "add a row, and think about whether anything was sent"


@pytest.mark.parametrize("number", range(len(TABLE)), ids=lambda number: TABLE[number][0].__name__)
def test_no_row_is_shadowed_by_an_earlier_one(number: int) -> None:
    kind = TABLE[number][0]
    assert next(row for row in TABLE if issubclass(kind, row[0])) is TABLE[number]


def request_info() -> Any:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": "Bearer SECRET"}))
    return aiohttp.RequestInfo(SECRET_URL, "GET", headers, SECRET_URL)


def response_error(kind: type[aiohttp.ClientResponseError], status: int = 400) -> aiohttp.ClientResponseError:
    return kind(request_info(), (), status=status, message="SECRET")


def connector_error(kind: Any) -> BaseException:
    return cast(BaseException, kind(KEY, OSError(111, "refused")))


@pytest.mark.parametrize(
    ("error", "stage", "kind", "text", "retryable"),
    [
        (connector_error(aiohttp.ClientConnectorError), "connect", ConnectError, "could not be reached", True),
        (connector_error(aiohttp.ClientConnectorDNSError), "connect", ConnectError, "could not be resolved", True),
        (connector_error(aiohttp.ClientConnectorSSLError), "connect", ConnectError, "no secure connection", False),
        (connector_error(aiohttp.ClientProxyConnectionError), "connect", ConnectError, "proxy could not", True),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self-signed")),
            "connect",
            ConnectError,
            "certificate is not trusted",
            False,
        ),
        (response_error(aiohttp.ClientHttpProxyError, 407), "connect", ConnectError, "with status 407", False),
        (response_error(aiohttp.ClientHttpProxyError, 502), "connect", ConnectError, "with status 502", True),
        (aiohttp.ConnectionTimeoutError(f"to {SECRET_URL}"), "connect", ConnectError, "not connected in time", True),
        (TimeoutError(), "connect", ConnectError, "not connected in time", True),
        (TimeoutError(), "send", RequestTimeout, "no answer in time", True),
        (aiohttp.SocketTimeoutError("x"), "read", RequestTimeout, "stopped sending", True),
        (aiohttp.ServerDisconnectedError(), "send", ConnectionLost, "before it answered", True),
        (aiohttp.ClientOSError(104, "reset"), "send", ConnectionLost, "broke", True),
        (aiohttp.ClientOSError(104, "reset"), "connect", ConnectError, "could not be reached", True),
        (aiohttp.ClientPayloadError("cut"), "read", ConnectionLost, "broke off", True),
        (asyncio.IncompleteReadError(b"", 5), "read", ConnectionLost, "broke off", True),
        (OSError(24, "too many open files"), "connect", ConnectError, "could not be reached", True),
        (ssl.SSLError("bad record"), "read", ConnectionLost, "secure connection broke", True),
        (response_error(aiohttp.ClientResponseError), "send", TransportError, "not valid HTTP", False),
        (aiohttp.InvalidURL(SECRET_URL), "connect", ConnectError, "not valid", False),
        (ValueError("SECRET"), "send", TransportError, "the request failed", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_becomes_of_an_error(
    error: BaseException, stage: Any, kind: type[TransportError], text: str, retryable: bool
) -> None:
    ours = translate(error, stage)
    assert type(ours) is kind
    assert text in str(ours)
    assert ours.retryable is retryable
    assert ours.stage == ("connect" if kind is ConnectError else stage)
    assert "SECRET" not in str(ours)
    assert "D39004" not in f"{ours.__cause__} {ours.__cause__!r}"


def test_a_body_that_cannot_be_decompressed_is_not_a_body_that_was_cut() -> None:
    error = aiohttp.ClientPayloadError("400, message: Can not decode content-encoding: gzip")
    error.__cause__ = http_exceptions.ContentEncodingError("gzip")
    ours = translate(error, "read")
    assert type(ours) is TransportError
    assert not ours.retryable
    assert "decompressed" in str(ours)


def test_the_cause_comes_without_its_frames() -> None:
    def fail() -> None:
        raise OSError(104, "reset")

    try:
        try:
            fail()
        except OSError as inner:
            raise aiohttp.ClientOSError(104, "reset") from inner
    except aiohttp.ClientOSError as error:
        ours = translate(error, "send")
    cause = ours.__cause__
    assert isinstance(cause, aiohttp.ClientOSError)
    assert cause.__traceback__ is None
    assert cause.__cause__ is not None
    assert cause.__cause__.__traceback__ is None


def test_a_cause_that_quotes_the_address_is_left_out() -> None:
    error = aiohttp.ConnectionTimeoutError(f"Connection timeout to host {SECRET_URL}")
    error.__cause__ = TimeoutError("inner")
    assert isinstance(translate(error, "connect").__cause__, TimeoutError)
    assert translate(response_error(aiohttp.ClientResponseError), "send").__cause__ is None
