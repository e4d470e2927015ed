"""Settings of a client: where it talks to, how long it waits, how often it tries, how much it does at once.

All are immutable and checked when they are made, so a wrong one is a `ConfigError` at start and never a surprise later.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from alor_async.errors import ConfigError
from alor_async.values import Format

__all__ = [
    "PRODUCTION",
    "TEST",
    "Environment",
    "Limits",
    "RetryPolicy",
    "StreamSettings",
    "Timeouts",
]

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LARGEST: Final = 1e9
"""No setting has a reason to be larger: a billion seconds are thirty years."""

SANDBOX_NAME: Final = "sandbox"


class Environment(Struct, frozen=True, kw_only=True):
    """One installation of the broker: its name and its four addresses.

    Attributes:
        name: A word for logs and errors.
        api: Base address of the REST API.
        oauth: Base address of the token service.
        ws: Address of the subscription socket.
        cws: Address of the command socket.
        per_second: The pace that the installation allows; requests a second, or None when it sets none.

    Raises:
        ConfigError: An address has a user, a query or a fragment, or is not encrypted and not on this machine.
    """

    name: str
    api: str
    oauth: str
    ws: str
    cws: str
    per_second: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise ConfigError("Environment.name", "must be a printable word")
        _check_address("Environment.api", self.api, secure="https", plain="http", path_allowed=False)
        _check_address("Environment.oauth", self.oauth, secure="https", plain="http", path_allowed=False)
        _check_address("Environment.ws", self.ws, secure="wss", plain="ws", path_allowed=True)
        _check_address("Environment.cws", self.cws, secure="wss", plain="ws", path_allowed=True)
        if self.per_second is not None:
            _check_number("Environment.per_second", self.per_second, above=0)

    def __str__(self) -> str:
        return self.name


def _check_address(setting: str, address: str, *, secure: str, plain: str, path_allowed: bool) -> None:
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        raise ConfigError(setting, "must be plain ASCII text without spaces")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise ConfigError(setting, "is not an address") from error
    if "@" in parts.netloc:
        raise ConfigError(setting, "must not carry a user or a password")
    if parts.scheme not in {secure, plain} or not _is_host(parts.hostname or "") or port == 0:
        raise ConfigError(setting, f"must look like {secure}://host")
    if "?" in address or "#" in address:
        raise ConfigError(setting, "must not carry a query or a fragment")
    if not path_allowed and parts.path not in {"", "/"}:
        raise ConfigError(setting, "must not carry a path")
    if parts.scheme == plain and not _is_loopback(parts.hostname or ""):
        raise ConfigError(setting, f"must be {secure}: {plain} is for addresses of this machine only")


def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None or _address_of(host) is not None


def _is_loopback(host: str) -> bool:
    address = _address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check_number(setting: str, value: object, *, above: float | None = None, least: float | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise ConfigError(setting, f"must be a finite number, at most {_LARGEST:g}, got {value!r:.40}")
    if above is not None and value <= above:
        raise ConfigError(setting, f"must be greater than {above:g}, got {value!r}")
    if least is not None and value < least:
        raise ConfigError(setting, f"must be at least {least:g}, got {value!r}")


def _check_count(setting: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(setting, f"must be a whole number, got {value!r:.40}")
    if value < least:
        raise ConfigError(setting, f"must be at least {least}, got {value}")


PRODUCTION: Final = Environment(
    name="production",
    api="https://api.alor.ru",
    oauth="https://oauth.alor.ru",
    ws="wss://api.alor.ru/ws",
    cws="wss://api.alor.ru/cws",
    per_second=100,
)
"""Real money."""

TEST: Final = Environment(
    name="test",
    api="https://apidev.alor.ru",
    oauth="https://oauthdev.alor.ru",
    ws="wss://apidev.alor.ru/ws",
    cws="wss://apidev.alor.ru/cws",
    per_second=100,
)
"""The broker's test environment: needs a refresh token of its own."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long a call may wait, in seconds. All are greater than zero.

    Attributes:
        connect: For a connection, name resolution and TLS included.
        read: Between two pieces of an answer.
        total: For one call with everything in it: queue, token, attempts and pauses between them.
        queue: For a free place and for the pace.
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 30.0
    queue: float = 30.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total", "queue"):
            _check_number(f"Timeouts.{name}", getattr(self, name), above=0)


CommandRetries: TypeAlias = Literal["never", "same_id"]


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often a call is tried, and how long it pauses in between.

    Reads are repeated after transport failures, 429 and 5xx. The pause before attempt n + 1 is random between zero
    and `min(cap, base * 2 ** (n - 1))` seconds ("full jitter"), or what the broker's `Retry-After` says.

    Attributes:
        attempts: Attempts in all, at least 1.
        base: Upper bound of the first pause; seconds.
        cap: Upper bound of any pause; seconds.
        retry_after_cap: The longest `Retry-After` that is obeyed; seconds. A longer one ends the call.
        commands: `"never"`: a command is never sent again once a byte of it may have left. `"same_id"`: POST and PUT
            are sent again under the same request id, which the broker executes at most once.
        request_id_life: For how long after the first attempt `"same_id"` trusts the broker to remember the id; seconds.
    """

    attempts: int = 3
    base: float = 0.25
    cap: float = 8.0
    retry_after_cap: float = 60.0
    commands: CommandRetries = "never"
    request_id_life: float = 60.0

    def __post_init__(self) -> None:
        _check_count("RetryPolicy.attempts", self.attempts, least=1)
        _check_number("RetryPolicy.base", self.base, least=0)
        _check_number("RetryPolicy.cap", self.cap, least=0)
        _check_number("RetryPolicy.retry_after_cap", self.retry_after_cap, least=0)
        _check_number("RetryPolicy.request_id_life", self.request_id_life, least=0)
        if self.commands not in ("never", "same_id"):
            raise ConfigError("RetryPolicy.commands", f'must be "never" or "same_id", got {self.commands!r:.40}')


class Limits(Struct, frozen=True, kw_only=True):
    """How much a client does at once. Cancels go before new orders, orders before data.

    Attributes:
        in_flight: Requests under way at the same time, at least 2 (one place is kept for cancels).
        per_second: Requests started a second, or None for what the environment allows.
    """

    in_flight: int = 64
    per_second: float | None = None

    def __post_init__(self) -> None:
        _check_count("Limits.in_flight", self.in_flight, least=2)
        if self.per_second is not None:
            _check_number("Limits.per_second", self.per_second, above=0)


class StreamSettings(Struct, frozen=True, kw_only=True):
    """How subscriptions behave. Times are seconds.

    Attributes:
        format: The wire format of subscriptions that name none.
        ping_every: Pause between two probes of a socket.
        silence: How long a socket may be silent, or leave probes unanswered, before it counts as dead; greater than
            `ping_every`.
        ack_timeout: How long a request on a socket may wait for its acknowledgement, and how long the first connection
            may take.
        inbox: Messages that may wait for a slow consumer, per subscription. What was there before it began does not count.
        max_sockets: Sockets at most; the broker accepts 10.
        max_message: The longest acceptable message; bytes.
        requests_per_second: The pace of requests on one socket, after a burst of as many.
        snapshot_pause: After how long a pause a snapshot counts as complete where the broker does not mark its end.
        stale_after: After how long a silence of one subscription, while others speak, it is renewed; None for never.
        reconnect_base: Upper bound of the first pause before a reconnection.
        reconnect_cap: Upper bound of any such pause.
        stable_after: How long a connection must last before the pauses start small again.
        give_up_after: How long to go on trying to reconnect; None for as long as the client is open.
    """

    format: Format = Format.SLIM
    ping_every: float = 5.0
    silence: float = 15.0
    ack_timeout: float = 10.0
    inbox: int = 10_000
    max_sockets: int = 10
    max_message: int = 16 * 1024 * 1024
    requests_per_second: float = 50.0
    snapshot_pause: float = 1.0
    stale_after: float | None = 60.0
    reconnect_base: float = 0.5
    reconnect_cap: float = 60.0
    stable_after: float = 30.0
    give_up_after: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.format, Format):
            raise ConfigError("StreamSettings.format", f"must be a Format, got {self.format!r:.40}")
        for name in _STREAM_TIMES:
            _check_number(f"StreamSettings.{name}", getattr(self, name), above=0)
        for name in ("stale_after", "give_up_after"):
            if getattr(self, name) is not None:
                _check_number(f"StreamSettings.{name}", getattr(self, name), above=0)
        if self.silence <= self.ping_every:
            raise ConfigError("StreamSettings.silence", "must be greater than ping_every")
        _check_count("StreamSettings.inbox", self.inbox, least=1)
        _check_count("StreamSettings.max_message", self.max_message, least=1024)
        _check_count("StreamSettings.max_sockets", self.max_sockets, least=1)
        if self.max_sockets > 10:
            raise ConfigError("StreamSettings.max_sockets", "must be at most 10, which is what the broker accepts")


_STREAM_TIMES: Final = (
    "ping_every",
    "silence",
    "ack_timeout",
    "requests_per_second",
    "snapshot_pause",
    "reconnect_base",
    "reconnect_cap",
    "stable_after",
)
