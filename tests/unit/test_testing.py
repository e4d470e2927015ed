"""What the pytest plugin is made of."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from alor_async import AsyncAlor
from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox, SandboxBroken
from alor_async.testing import NetworkRefused, only_this_machine, run_sandbox, tell_about

ELSEWHERE = ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "api.alor.ru", "localhost.example"]
HERE = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "localhost", "LOCALHOST"]


@pytest.mark.parametrize("host", ELSEWHERE)
async def test_other_machines_are_out_of_reach(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address = f"[{host}]:443" if ":" in host else f"{host}:443"
    loop = asyncio.get_running_loop()
    with only_this_machine(), socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.setblocking(False)
        for attempt in (
            lambda: tcp.connect((host, 443)),
            lambda: tcp.connect_ex((host, 443)),
            lambda: udp.sendto(b"x", (host, 443)),
            lambda: udp.sendto(b"x", 0, (host, 443)),
        ):
            with pytest.raises(NetworkRefused) as refused:
                attempt()
            assert refused.value.address == address
            assert not isinstance(refused.value, OSError)
        with pytest.raises(NetworkRefused):
            await loop.sock_connect(tcp, (host, 443))
        with pytest.raises(NetworkRefused):
            await loop.create_connection(asyncio.Protocol, host, 443)


@pytest.mark.parametrize("name", ["api.alor.ru", b"api.alor.ru"])
def test_names_of_other_machines_are_not_looked_up(name: str | bytes) -> None:
    with only_this_machine():
        for look_up in (socket.gethostbyname, socket.gethostbyname_ex):
            with pytest.raises(NetworkRefused, match=r"refused to reach api\.alor\.ru$"):
                look_up(name)  # type: ignore[arg-type]
        with pytest.raises(NetworkRefused, match=r"refused to reach api\.alor\.ru:443$"):
            socket.getaddrinfo(name, 443)
        with pytest.raises(NetworkRefused):
            socket.create_connection((name, 443))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", HERE)
def test_this_machine_is_in_reach(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with only_this_machine(), socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.connect((host, 9))


def test_names_are_not_needed_to_listen_and_literal_addresses_are_no_look_up() -> None:
    with only_this_machine():
        assert socket.getaddrinfo(None, 0)
        assert socket.getaddrinfo("192.0.2.1", 443)


async def test_sockets_of_files_are_in_reach(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), path)
    with only_this_machine():
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


def test_the_reach_comes_back_in_the_end() -> None:
    before = (socket.socket.connect, socket.getaddrinfo)
    with only_this_machine():
        assert socket.getaddrinfo is not before[1]
    with pytest.raises(ZeroDivisionError), only_this_machine():
        _ = 1 / 0
    assert (socket.socket.connect, socket.getaddrinfo) == before


def test_a_sandbox_is_run_and_checked() -> None:
    with run_sandbox(seed=3) as sandbox:
        assert sandbox.journal.of("opened")[0].details["seed"] == 3
        assert sandbox.environment.api
    with pytest.raises(SandboxBroken, match="broken"), run_sandbox() as sandbox:
        sandbox._gateway.failures.append(ValueError("broken"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(sandbox.environment.api.rpartition(":")[2])))


@pytest.mark.parametrize("settings", [{"sed": 1}, {"seed": "x"}])
def test_wrong_settings_are_named(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))), run_sandbox(**settings):
        pass


def test_what_is_told_of_a_failure() -> None:
    sandbox = Sandbox(seed=3, time="stepped")
    for price in range(300, 330):
        sandbox.market["SBER"].trade(price=price, lots=1)
    told = tell_about(sandbox, {"seed": 3, "time": "stepped"})
    assert told.startswith("Sandbox(seed=3, time='stepped'), exchange time 2026-04-15 09:00:00.000000 UTC\n")
    assert told.splitlines()[-1].startswith("{")
    assert '"price":"329"' in told
    assert '"price":"300"' not in told
    assert sandbox.refresh_token not in told


class TestFixtures:
    """The fixtures, in this very run."""

    @pytest.mark.alor(seed=11, time="stepped")
    async def test_a_client_of_the_sandbox(self, alor_client: AsyncAlor, alor_sandbox: Sandbox) -> None:
        assert await alor_client.get_server_time() == alor_sandbox.clock.now
        assert alor_sandbox.journal.of("opened")[0].details["seed"] == 11
