"""One request, one answer, or one socket, over aiohttp. What is judged, repeated or decoded is decided elsewhere.

Switched off here, because money moves on these connections: redirects, cookies, settings from the environment, and
aiohttp's habit of sending a GET, PUT or DELETE again when the connection drops.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final, cast

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from alor_async._http.attempt import Answer, SendOnce, StagedRequest
from alor_async._http.failures import translate
from alor_async._http.handshake import Handshake, HandshakeRefused, Socket
from alor_async._policy.clock import Clock, Progress
from alor_async._telemetry import Telemetry
from alor_async._version import __version__
from alor_async.errors import AlorError, ClosedError, ConfigError, TransportError

__all__ = ["Answer", "SecretBytes", "SecretText", "Transport", "check_proxy", "check_tls"]

_MAX_AGE: Final = 300.0
"""A connection is not used longer than this; seconds. A host that moved is found again in that time."""

_CLOSE_TIME: Final = 1.0
_KEEP_ALIVE: Final = 15.0
_MANY_CONNECTIONS: Final = 256
_DNS_CACHE: Final = 10
_LARGEST_HEADER: Final = 16_384
_MOST_HEADERS: Final = 128
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)  # requests bring their own, dialling is bounded by its caller


class SecretText(str):
    """Text that goes on the wire and shows nowhere else: frames of a traceback may be printed with their variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class SecretBytes(bytes):
    """Bytes that go on the wire and show nowhere else."""

    def __repr__(self) -> str:
        return "b'***'"


class Transport:
    """Sends requests, and opens sockets, over aiohttp sessions of its own.

    Args:
        clock: Where time comes from.
        borrowed: A session whose connector is used. It is left open; its headers, cookies and proxies are not used.
        ssl_context: How servers are checked, where the system's trust is not wanted.
        proxy: Address of an HTTP proxy.
        user_agent: Put before the library's own name.

    Raises:
        ConfigError: A setting is wrong.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        borrowed: aiohttp.ClientSession | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        check_tls(ssl_context)
        check_proxy(proxy)
        self._clock = clock
        self._borrowed = borrowed
        self._ssl: ssl.SSLContext | bool = True if ssl_context is None else ssl_context
        self._proxy, self._proxy_headers = _split_proxy(proxy)
        self._user_agent = _user_agent(user_agent)
        self._session: aiohttp.ClientSession | None = None
        self._telemetry: Telemetry | None = None
        self._dialer: aiohttp.TCPConnector | None = None
        self._is_closed = False
        self._first_used: dict[ResponseHandler, float] = {}
        self._forget_at = _MANY_CONNECTIONS

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._session is not None

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        return self._clock

    async def open(self, telemetry: Telemetry | None = None) -> None:
        """Make the session. Nothing is connected yet. Idempotent.

        Args:
            telemetry: Spans and metrics of the requests, or None when nobody listens.

        Raises:
            ClosedError: It was closed, or the borrowed session is.
        """
        if self._is_closed:
            raise ClosedError("this client was closed; make another one")
        if self._session is not None:
            return
        if self._borrowed is not None and self._ssl is True:
            # The lender's connector may have been told not to check certificates; a context of the request goes first.
            self._ssl = await asyncio.to_thread(ssl.create_default_context)
        self._telemetry = telemetry
        self._session = self._new_session(self._connector(), is_owner=self._borrowed is None)

    def _new_session(
        self, connector: aiohttp.BaseConnector, *, is_owner: bool, handshake: Handshake | None = None
    ) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=is_owner,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                hdrs.USER_AGENT: self._user_agent,
                hdrs.ACCEPT: "application/json",
                hdrs.ACCEPT_ENCODING: "gzip, deflate",
            },
            request_class=StagedRequest,
            ws_response_class=cast(
                "type[aiohttp.ClientWebSocketResponse]", Socket
            ),  # declared for sockets of text only
            middlewares=() if handshake is None else (handshake,),
            timeout=_NO_TIMEOUT,
            trace_configs=None if self._telemetry is None else [self._telemetry.trace_config],
            trust_env=False,
            requote_redirect_url=False,
            max_line_size=_LARGEST_HEADER,
            max_field_size=_LARGEST_HEADER,
            max_headers=_MOST_HEADERS,
        )
        if self._telemetry is not None:
            self._telemetry.adopt(session)
        return session

    def _connector(self) -> aiohttp.BaseConnector:
        if self._borrowed is None:
            # No limits here: the client's own gate, which knows lanes, decides.
            return aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=_DNS_CACHE, enable_cleanup_closed=False
            )
        connector = self._borrowed.connector
        if self._borrowed.closed or connector is None:
            raise ClosedError("the borrowed aiohttp session is closed")
        return connector

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: CIMultiDict[str] | None,
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
        max_body: int,
        progress: Progress,
    ) -> Answer:
        """Send one request, once, and read its whole answer.

        Args:
            method: HTTP method.
            url: The address, percent-encoded as it shall leave.
            headers: Headers on top of the session's.
            body: The body, or None.
            timeout: aiohttp's time-outs for this request.
            max_body: The longest acceptable body, decompressed; bytes.
            progress: Kept up to date, also when the request is cancelled.

        Raises:
            TransportError: No usable answer came. Its class tells whether anything was sent.
            ClosedError: The transport is not open.
        """
        session = self._open_session()
        progress.stage = "connect"
        if self._proxy_headers is not None and url.startswith("http:"):
            # Without a tunnel the proxy reads the headers of the request itself.
            headers = CIMultiDict(() if headers is None else headers)
            headers.update(self._proxy_headers)
        try:
            response = await session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                # Part of the key by which connections are shared: on plain ones it must be what the lender uses.
                ssl=self._ssl if url.startswith("https:") else True,
                middlewares=(SendOnce(self, progress),),
            )
            try:
                return Answer(response.status, response.headers, await self._read(response, max_body, progress))
            except BaseException:
                # An answer that was read to its end has given its connection back by itself; closing costs 2 % of a call.
                response.close()
                raise
        except AlorError:
            raise
        except Exception as error:  # noqa: BLE001 - the table decides
            failure = self._failure(error, session, progress)
        # Outside of the `except`: the foreign error must not come along as the context, it quotes the address.
        raise failure

    async def open_socket(self, url: str, *, max_message: int, progress: Progress) -> Socket | Answer:
        """Open a WebSocket, on a connection of its own to wherever the name leads now.

        No token goes along, no redirect is followed, and there is no time limit but the caller's cancellation.

        Args:
            url: The address, percent-encoded as it shall leave.
            max_message: The longest acceptable message; bytes.
            progress: Kept up to date, also when the handshake is cancelled.

        Returns:
            The socket, or the answer that came in place of one.

        Raises:
            TransportError: No usable answer came.
            ClosedError: The transport is not open.
        """
        owner = self._open_session()
        progress.stage = "connect"
        session = self._new_session(self._dialing_connector(), is_owner=False, handshake=Handshake(self, progress))
        try:
            socket = await session.ws_connect(
                URL(url, encoded=True),
                headers=self._proxy_headers if url.startswith("ws:") else None,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                ssl=self._ssl if url.startswith("wss:") else True,
                autoclose=False,
                autoping=False,
                heartbeat=None,
                compress=0,
                decode_text=False,
                max_msg_size=max_message + 1,  # aiohttp names the shortest that it refuses
            )
            return cast("Socket", socket)
        except HandshakeRefused as refused:
            return refused.answer
        except AlorError:
            raise
        except Exception as error:  # noqa: BLE001 - the table decides
            failure = self._failure(error, owner, progress)
        finally:
            session.detach()
        raise failure

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            how = "was closed" if self._is_closed else "is not open: use `async with` or open()"
            raise ClosedError(f"this client {how}")
        return self._session

    def _dialing_connector(self) -> aiohttp.BaseConnector:
        """Give what connects sockets: nothing is kept, neither names nor connections. A borrowed connector may."""
        if self._borrowed is not None:
            return self._connector()
        if self._dialer is None:
            self._dialer = aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False)
        return self._dialer

    def _failure(self, error: Exception, session: aiohttp.ClientSession, progress: Progress) -> AlorError:
        if session.closed and progress.stage == "connect":
            return ClosedError(
                "this client was closed" if self._is_closed else "the borrowed aiohttp session was closed"
            )
        return translate(error, progress.stage)

    async def _read(self, response: aiohttp.ClientResponse, limit: int, progress: Progress) -> bytes:
        """Read a body of at most `limit` bytes, counted after decompression."""
        if 300 <= response.status < 400:
            raise TransportError("the server redirects, which is not followed", stage="status")
        if (response.content_length or 0) > limit:
            raise TransportError(f"the answer is longer than {limit} bytes", stage="read")
        content = response.content
        first = await content.readany()
        if content.at_eof() and len(first) <= limit:
            return first
        pieces: list[bytes] = []
        count = 0
        piece = first
        while piece:
            count += len(piece)
            if count > limit:
                raise TransportError(f"the answer is longer than {limit} bytes", stage="read")
            pieces.append(piece)
            progress.expect(self._clock.monotonic())
            piece = await content.readany()
        return b"".join(pieces)

    def note_use(self, connection: Connection, progress: Progress) -> None:
        """Note that the first byte may leave now, and let a connection retire after this use when it is old."""
        now = self._clock.monotonic()
        progress.stage = "send"
        progress.silent_until = now + progress.patience
        protocol = connection.protocol
        if protocol is None:
            return
        first_used = self._first_used.get(protocol)
        if first_used is None:
            self._forget_closed()
            self._first_used[protocol] = now
        elif now - first_used > _MAX_AGE:
            protocol.force_close()

    def _forget_closed(self) -> None:
        """Drop what is known of connections that are gone, each time there are twice as many as were left the last time."""
        if len(self._first_used) >= self._forget_at:
            self._first_used = {known: since for known, since in self._first_used.items() if known.is_connected()}
            self._forget_at = max(_MANY_CONNECTIONS, 2 * len(self._first_used))

    async def close(self) -> None:
        """Close the session; a borrowed connector stays open. Requests that are under way, and sockets, break off. Idempotent."""
        self._is_closed = True
        session, self._session = self._session, None
        dialer, self._dialer = self._dialer, None
        if session is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIME):
                await session.close()
                if dialer is not None:
                    await dialer.close()
        except TimeoutError:
            return
        finally:
            self._first_used.clear()


def check_tls(context: ssl.SSLContext | None) -> None:
    """Refuse a context that does not check whom it talks to.

    Raises:
        ConfigError: It does not verify certificates or names, or accepts TLS older than 1.2.
    """
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise ConfigError("ssl_context", f"must be an ssl.SSLContext, got {type(context).__name__}")
    if context.verify_mode is not ssl.VerifyMode.CERT_REQUIRED or not context.check_hostname:
        raise ConfigError("ssl_context", "must verify certificates and host names; to trust a CA of your own, load it")
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise ConfigError("ssl_context", "must refuse TLS older than 1.2")


def check_proxy(proxy: str | None) -> None:
    """Refuse what is not a proxy's address.

    Raises:
        ConfigError: It is not `http://host:port` or `https://host:port`; the error does not quote it.
    """
    if proxy is None:
        return
    try:
        address = URL(proxy)
    except (ValueError, TypeError):
        raise ConfigError("proxy", "is not an address") from None
    if address.scheme not in {"http", "https"} or not address.host:
        raise ConfigError("proxy", "must look like http://host:port")


def _split_proxy(proxy: str | None) -> tuple[URL | None, CIMultiDict[str] | None]:
    """Take the password out of the address, into a header that shows it nowhere: frames of aiohttp hold the address."""
    if proxy is None:
        return None, None
    address = URL(proxy)
    if address.user is None and address.password is None:
        return address, None
    credentials = base64.b64encode(f"{address.user or ''}:{address.password or ''}".encode()).decode()
    return address.with_user(None), CIMultiDict({hdrs.PROXY_AUTHORIZATION: SecretText(f"Basic {credentials}")})


def _user_agent(prefix: str | None) -> str:
    own = f"alor-async/{__version__}"
    if prefix is None:
        return own
    if not isinstance(prefix, str) or not prefix.isascii() or not prefix.isprintable() or not prefix.strip():
        raise ConfigError("user_agent", "must be printable ASCII")
    return f"{prefix.strip()} {own}"
