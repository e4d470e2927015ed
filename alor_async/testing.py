"""What the pytest plugin is made of; the fixtures are `alor_sandbox` and `alor_client`.

pytest loads `_alor_pytestplugin`, which imports this module when a fixture is first used and not before: whoever has the
library installed and does not test with it pays nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from alor_async.client import AsyncAlor
from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox

__all__ = ["NetworkRefused", "client_of", "only_this_machine", "run_sandbox", "tell_about"]

_TAIL: Final = 15
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


class NetworkRefused(RuntimeError):
    """A test that uses the sandbox tried to reach another machine.

    It is no `OSError` on purpose: code that retries after network errors does not swallow it.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"tests with the sandbox stay on this machine: refused to reach {address}")
        self.address = address


@contextmanager
def run_sandbox(**settings: Any) -> Generator[Sandbox]:
    """Run a sandbox with other machines out of reach, and see in the end that it kept its own rules.

    Args:
        settings: Those of `Sandbox`.

    Raises:
        ConfigError: A setting is wrong or unknown.
        SandboxBroken: In the end: the sandbox broke one of its rules.
    """
    try:
        sandbox = Sandbox(**settings)
    except TypeError as error:
        raise ConfigError("alor", f"takes the arguments of Sandbox: {error}") from error
    with only_this_machine(), sandbox:
        yield sandbox
        sandbox.check()


def client_of(sandbox: Sandbox) -> AsyncAlor:
    """A client of a sandbox, not open yet."""
    return AsyncAlor(sandbox.refresh_token, environment=sandbox.environment)


def tell_about(sandbox: Sandbox, settings: Mapping[str, object]) -> str:
    """What is worth knowing of a sandbox when a test has failed: how to make it again, and what happened last."""
    journal = sandbox.journal
    told = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    lines = [f"Sandbox({told}), exchange time {sandbox.clock.now:%Y-%m-%d %H:%M:%S.%f} UTC"]
    last = journal.since(max(0, len(journal) - _TAIL))
    lines.append(f"the last {len(last)} of {len(journal)} journal entries:")
    return "\n".join((*lines, *(entry.to_json() for entry in last)))


@contextmanager
def only_this_machine() -> Generator[None]:
    """Refuse every socket to another machine, and every look-up of its name, until the block ends.

    It holds for Python's own sockets and event loops, in every thread. Loops that bring their own sockets (uvloop) are
    not seen.
    """
    with (
        mock.patch.object(socket.socket, "connect", _guard(socket.socket.connect, _check_peer)),
        mock.patch.object(socket.socket, "connect_ex", _guard(socket.socket.connect_ex, _check_peer)),
        mock.patch.object(socket.socket, "sendto", _guard(socket.socket.sendto, _check_peer)),
        mock.patch.object(socket, "getaddrinfo", _guard(socket.getaddrinfo, _check_name)),
        mock.patch.object(socket, "gethostbyname", _guard(socket.gethostbyname, _check_name)),
        mock.patch.object(socket, "gethostbyname_ex", _guard(socket.gethostbyname_ex, _check_name)),
    ):
        yield


def _guard(call: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    def guarded(*arguments: Any, **options: Any) -> Any:
        check(*arguments, **options)
        return call(*arguments, **options)

    return guarded


def _check_peer(connecting: socket.socket, *arguments: Any) -> None:
    """Look at the address of `connect(address)`, or of `sendto(data, [flags,] address)`: the last argument."""
    if connecting.family in _INTERNET and arguments:
        address: Any = arguments[-1]
        host, port = str(address[0]), address[1]
        if not _is_here(host):
            raise NetworkRefused(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _check_name(host: Any = None, port: Any = None, *_: Any, **__: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is not None and _address_of(name) is None and not _is_here(name):
        raise NetworkRefused(str(name) if port is None else f"{name}:{port}")


def _is_here(host: str) -> bool:
    address = _address_of(host)
    if address is None:
        return host.lower().rstrip(".") in ("", "localhost")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
