"""An open socket on a bad day: it ends with the right word, within its bound, and does not end without a reason."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import aiohttp
import pytest

from alor_async._ws.close_codes import Remedy, remedy
from alor_async._ws.connection import Connection, Ending
from alor_async._ws.dialing import dial
from alor_async.sandbox import Sandbox
from tests.support.certificates import Authority
from tests.support.idleproxy import IdleProxy
from tests.support.manual_clock import ManualClock
from tests.support.rawserver import RawServer
from tests.support.rawsocket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Peer,
    accepting,
    address_of,
    closing,
    dialled,
    frame,
    opened,
    text,
)
from tests.support.waiting import until

PING_EVERY = 0.05
SILENCE = 0.4
BOUND = 2.0
"""How long any closing may take; seconds."""


async def attentive(peer: Peer) -> None:
    await peer.behave()


class TestCloseCodes:
    @pytest.mark.parametrize(
        "code",
        [
            1000,
            1001,
            1002,
            1003,
            1007,
            1008,
            1009,
            1010,
            1011,
            1012,
            1013,
            1014,
            3000,
            3003,
            3999,
            4000,
            4401,
            4403,
            4999,
        ],
    )
    @pytest.mark.parametrize("reason", [b"", "перезапуск".encode(), b"r" * 123])
    async def test_f118_a_code_and_its_reason_are_told(self, code: int, reason: bytes) -> None:
        said: list[int | None] = []

        async def script(peer: Peer) -> None:
            await peer.send(closing(code, reason))
            said.append((await peer.frame()).code)

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            ending = await line.ending()
            assert ending == Ending(cause="closed", code=code, reason=reason.decode())
            assert ending.remedy is remedy(code)
            await server.wait_until_left()
        assert said == [1000]

    async def test_f118_a_goodbye_without_a_code_waits_for_nothing(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(closing(None))
            await peer.listen()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            begun = time.monotonic()
            assert await line.ending() == Ending(cause="closed", code=1005)
            assert time.monotonic() - begun < 0.5

    async def test_f118_no_goodbye_is_a_loss(self) -> None:
        async def script(peer: Peer) -> None:
            peer.exchange.close()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            ending = await line.ending()
            assert ending == Ending(cause="lost")
            assert ending.remedy is Remedy.RECONNECT

    @pytest.mark.parametrize(
        ("goodbye", "code"),
        [
            *((closing(code), 1002) for code in (0, 1, 999, 1004, 1005, 1015, 1016, 2000, 2999)),
            (closing(1000, b"\xff\xfe"), 1007),
            (closing(1012, "ж".encode() * 61 + b"\xd0"), 1007),
            (closing(1000, b"r" * 124), 1002),
            (frame(CLOSE, b"\x03"), 1002),
        ],
    )
    async def test_f118_a_goodbye_that_is_none_ends_the_connection_all_the_same(
        self, goodbye: bytes, code: int
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(goodbye)
            await peer.listen()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            ending = await line.ending()
            assert (ending.cause, ending.code, ending.remedy) == ("broken", code, Remedy.RECONNECT)
            assert ending.reason.isprintable()
            await server.wait_until_left()

    async def test_f118_the_sandbox_closes_likewise(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with dialled(sandbox.environment.ws) as line:
                sandbox.faults.ws.close(1012, "restart")
                assert await line.ending() == Ending(cause="closed", code=1012, reason="restart")


class TestSilence:
    @pytest.mark.parametrize(("direction", "cause"), [("in", "deaf"), ("out", "silent"), ("both", "silent")])
    async def test_f119_a_path_that_died_is_noticed(self, direction: str, cause: str) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with dialled(sandbox.environment.ws, ping_every=PING_EVERY, silence=SILENCE) as line:
                await asyncio.sleep(3 * SILENCE)
                assert not line.running.done(), "it died without a reason"
                sandbox.faults.net.blackhole(direction, socket="ws")
                begun = time.monotonic()
                while not line.running.done():
                    sandbox.faults.ws.raw(text(b"data"))  # there is always something to hear, where it can be heard
                    await asyncio.sleep(0.02)
                assert (await line.ending()).cause == cause
                assert SILENCE / 2 < time.monotonic() - begun < SILENCE + 2.0
                assert bool(line.heard) is (direction == "in")
                sandbox.faults.clear()

    @pytest.mark.parametrize(("speaks", "cause"), [(False, "silent"), (True, "deaf")])
    async def test_f119_fifteen_seconds_are_the_limit(self, speaks: bool, cause: str) -> None:
        clock = ManualClock()
        peers: list[Peer] = []

        async def script(peer: Peer) -> None:
            peers.append(peer)
            await peer.listen()

        async with RawServer(accepting(script)) as server, dialled(server, clock=clock) as line:
            await until(lambda: peers)
            step, sent, answered = 0.25, 0, 0
            last_answer = clock.uptime
            for look in range(1_000):
                pings = [one.payload for one in peers[0].seen if one.opcode == PING]
                is_well = look * step < 61.0
                if is_well or speaks:
                    sent += 1
                    await peers[0].send(text(b"data"))
                if is_well and len(pings) > answered:
                    sent, answered, last_answer = sent + 1, len(pings), clock.uptime
                    await peers[0].send(frame(PONG, pings[-1]))
                await until(lambda sent=sent: line.connection.heard == sent)
                await clock.advance(step)
                await asyncio.sleep(0.001)
                if line.running.done():
                    break
            assert answered == 12
            assert 15.0 - 2 * 1.25 <= clock.uptime - last_answer <= 15.0
            ending = await line.ending()
            assert (ending.cause, ending.remedy) == (cause, Remedy.RECONNECT)

    async def test_f119_a_dead_path_is_not_waited_for_when_it_is_closed(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with dialled(sandbox.environment.ws) as line:
                sandbox.faults.net.blackhole("both", socket="ws")
                begun = time.monotonic()
                await line.connection.close()
                assert (await line.ending()).cause == "local"
                assert time.monotonic() - begun < BOUND
                sandbox.faults.clear()


class TestClosing:
    @pytest.mark.parametrize("tls", [False, True])
    @pytest.mark.parametrize("phase", ["idle", "receiving", "sending", "saying goodbye", "polite"])
    async def test_f131_closing_takes_at_most_its_bound(self, phase: str, tls: bool) -> None:
        async def script(peer: Peer) -> None:
            if phase == "polite":
                await peer.behave()
            elif phase == "receiving":
                with contextlib.suppress(ConnectionError):
                    while True:
                        await peer.send(text(b"x" * 1_000) * 20)
                        await asyncio.sleep(0)
            elif phase == "saying goodbye":
                await peer.expect(CLOSE)
                await peer.send(frame(CLOSE, b"\x03\xe8")[:2])  # and gets stuck in the middle of it
                await peer.listen()
            elif phase == "sending":
                await asyncio.get_running_loop().create_future()  # reads nothing
            else:
                await peer.listen()

        authority = Authority()
        async with (
            RawServer(accepting(script), tls=authority.server_context() if tls else None) as server,
            opened(ssl_context=authority.client_context()) as transport,
        ):
            before = asyncio.all_tasks()
            heard: list[bytes] = []
            connection = Connection(
                await dial(transport, address_of(server), timeout=5.0, max_message=1 << 20),
                clock=transport.clock,
                ping_every=5.0,
                silence=15.0,
                on_message=heard.append,
                probe=lambda: None,
                name="alor-closing",
            )
            running = asyncio.create_task(connection.run())
            await asyncio.sleep(0.02)
            if phase == "sending":
                for _ in range(50):
                    connection.send(b"x" * 1_000_000)
            begun = time.monotonic()
            await connection.close()
            assert (await running).cause == "local"
            taken = time.monotonic() - begun
            assert taken < (0.5 if phase == "polite" else BOUND)
            assert not {task for task in asyncio.all_tasks() - before - {running} if "alor" in task.get_name()}
            if phase != "sending":
                await server.wait_until_left()

    @pytest.mark.parametrize("talks", ["never", "always", "with pings"])
    async def test_f132_who_ignores_our_goodbye_is_cut_off(self, talks: str) -> None:
        async def script(peer: Peer) -> None:
            listening = asyncio.create_task(peer.listen())
            with contextlib.suppress(ConnectionError):
                while not listening.done():
                    if talks != "never":
                        await peer.send(frame(PING, b"?") if talks == "with pings" else text(b"still here"))
                    await asyncio.sleep(0.001)
            await asyncio.wait({listening})

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            await asyncio.sleep(0.05)
            begun = time.monotonic()
            await line.connection.close()
            taken = time.monotonic() - begun
            assert 0.9 < taken < BOUND
            assert (await line.ending()).cause == "local"
            heard = len(line.heard)
            await server.wait_until_left()
            assert len(line.heard) == heard

    async def test_f132_who_says_goodbye_and_does_not_leave_is_left(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(closing(1001))
            with contextlib.suppress(ConnectionError):
                while True:
                    await peer.send(text(b"and another thing"))
                    await asyncio.sleep(0.001)

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            begun = time.monotonic()
            assert (await line.ending()).code == 1001
            assert time.monotonic() - begun < BOUND
            assert line.heard == []
            await server.wait_until_left()


class TestTunnels:
    async def test_f134_pings_keep_a_tunnel_alive(self) -> None:
        async with RawServer(accepting(attentive)) as server:
            async with IdleProxy(address_of(server), 0.5) as proxy, aiohttp.ClientSession() as session:
                async with session.ws_connect(proxy.address) as idle:
                    assert (await idle.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSED
                assert proxy.cut == 1
            async with (
                IdleProxy(address_of(server), 0.5) as proxy,
                dialled(proxy.address, ping_every=0.1, silence=5.0) as line,
            ):
                await asyncio.sleep(1.6)
                assert not line.running.done()
                assert proxy.cut == 0

    async def test_f134_a_tunnel_that_is_cut_is_a_loss(self) -> None:
        async with (
            RawServer(accepting(attentive)) as server,
            IdleProxy(address_of(server), 0.1) as proxy,
            dialled(proxy.address, ping_every=1.0, silence=5.0) as line,
        ):
            assert await line.ending() == Ending(cause="lost")
            assert proxy.cut == 1


class TestHeldLoop:
    async def test_f137_a_loop_that_was_held_reads_first_and_judges_later(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with dialled(sandbox.environment.ws, ping_every=PING_EVERY, silence=SILENCE) as line:
                await until(lambda: line.connection.heard >= 2)
                heard = line.connection.heard

                def speak() -> None:
                    for number in range(20):
                        sandbox.faults.ws.raw(frame(PING, b"?") + text(b"%d" % number))
                        time.sleep(0.05)

                speaking = threading.Thread(target=speak)
                speaking.start()
                time.sleep(3 * SILENCE)  # noqa: ASYNC251 - the user's code does that
                speaking.join()
                await until(lambda: len(line.heard) == 20)
                assert line.heard == [b"%d" % number for number in range(20)]
                assert line.connection.heard >= heard + 40
                await asyncio.sleep(3 * SILENCE)
                assert not line.running.done()

    async def test_f137_a_handler_that_holds_the_loop_again_and_again(self) -> None:
        def hold(message: bytes) -> None:
            time.sleep(1.5 * SILENCE)

        async def script(peer: Peer) -> None:
            for _ in range(4):
                await peer.send(text(b"work"))
            await peer.behave()

        async with (
            RawServer(accepting(script)) as server,
            dialled(server, ping_every=PING_EVERY, silence=SILENCE, on_message=hold) as line,
        ):
            await until(lambda: line.connection.heard >= 8)
            assert not line.running.done()

    async def test_f137_a_server_that_died_meanwhile_is_dead(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with dialled(sandbox.environment.ws, ping_every=PING_EVERY, silence=SILENCE) as line:
                await until(lambda: line.connection.heard >= 2)
                sandbox.faults.net.blackhole("both", socket="ws")
                time.sleep(2 * SILENCE)  # noqa: ASYNC251 - the user's code does that
                begun = time.monotonic()
                assert (await line.ending()).cause == "silent"
                assert time.monotonic() - begun > SILENCE / 2
                sandbox.faults.clear()


def test_what_is_sent_in_tests_is_what_the_protocol_says() -> None:
    assert frame(TEXT, b"Hello") == b"\x81\x05Hello"
    assert frame(TEXT, b"Hello", mask=b"\x37\xfa\x21\x3d") == b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
