"""What one connection does between its first message and its end, over real sockets to a server that speaks bytes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from alor_async._ws.connection import Connection, Ending
from alor_async._ws.dialing import dial
from alor_async.errors import ClosedError
from tests.support.manual_clock import ManualClock, settle
from tests.support.rawserver import RawServer
from tests.support.rawsocket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
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


async def quiet(peer: Peer) -> None:
    """Say nothing, answer nothing, note what comes."""
    await peer.listen()


class Recorder:
    """A script that keeps its peer at hand."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    async def __call__(self, peer: Peer) -> None:
        self.peers.append(peer)
        await peer.listen()

    @property
    def seen(self) -> list[Frame]:
        return self.peers[-1].seen


def kinds(seen: list[Frame]) -> list[int]:
    return [one.opcode for one in seen]


class TestReading:
    async def test_messages_come_as_bytes_in_their_order_and_are_counted(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(text(b"one") + frame(2, b"\x00two") + text("три".encode()) + text(b"\xff no text"))
            await peer.send(closing())
            await peer.expect(CLOSE)

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            ending = await line.ending()
            assert line.heard == [b"one", b"\x00two", "три".encode(), b"\xff no text"]
            assert all(type(message) is bytes for message in line.heard)
            assert line.connection.heard == 4
            assert ending == Ending(cause="closed", code=1000)

    async def test_a_handler_that_fails_ends_the_connection_and_is_seen(self) -> None:
        def fail(message: bytes) -> None:
            raise KeyError(message)

        async def script(peer: Peer) -> None:
            await peer.send(text(b"one"))
            await peer.listen()

        seen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        async with RawServer(accepting(script)) as server, dialled(server, on_message=fail) as line:
            ending = await line.ending()
            assert (ending.cause, ending.reason) == ("broken", "a message could not be handled: KeyError")
            await server.wait_until_left()
        assert [type(context["exception"]) for context in seen] == [KeyError]


class TestWriting:
    async def test_what_is_sent_arrives_as_text_in_its_order(self) -> None:
        record = Recorder()
        async with RawServer(accepting(record)) as server, dialled(server) as line:
            for number in range(100):
                line.connection.send(b"message %d" % number)
            await until(lambda: record.peers and len(record.seen) == 100)
            assert record.seen == [Frame(TEXT, b"message %d" % number) for number in range(100)]

    async def test_a_ping_is_answered_with_its_own_payload(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(frame(PING, b"payload") + frame(PING))
            await peer.listen()

        record: list[Peer] = []

        async def recorded(peer: Peer) -> None:
            record.append(peer)
            await script(peer)

        async with RawServer(accepting(recorded)) as server, dialled(server) as line:
            await until(lambda: record and record[0].seen and record[0].seen[-1] == Frame(PONG, b""))
            assert set(kinds(record[0].seen)) == {PONG}
            assert line.connection.heard == 2

    async def test_pongs_and_pings_go_before_messages_that_wait(self) -> None:
        clock, record, message = ManualClock(), Recorder(), b"message" * 5_000
        async with (
            RawServer(accepting(record)) as server,
            dialled(server, clock=clock, probe=lambda: b"probe") as line,
        ):
            await until(lambda: record.peers)
            await settle()
            # All of it before the writer runs again, and the message too long to leave without it.
            line.connection.send(message)
            line.connection._ping()
            line.connection._hear(aiohttp.WSMsgType.PING, b"server's", "")
            await until(lambda: len(record.seen) == 4)
            assert kinds(record.seen) == [PONG, PING, TEXT, TEXT]
            assert [one.payload for one in record.seen[2:]] == [b"probe", message]

    async def test_sending_never_waits_for_a_server_that_does_not_read(self) -> None:
        release = asyncio.Event()

        async def deaf(peer: Peer) -> None:
            await peer.send(text(b"open"))
            await release.wait()

        async with RawServer(accepting(deaf)) as server, dialled(server) as line:
            await until(lambda: line.heard)
            begun = time.monotonic()
            for _ in range(50):
                line.connection.send(b"x" * 1_000_000)
            assert time.monotonic() - begun < 0.5
            await line.connection.close()
            assert time.monotonic() - begun < 2.0, "a writer that is stuck holds up the end"
            assert (await line.ending()).cause == "local"
            release.set()
            await server.wait_until_left()

    async def test_after_the_end_there_is_nothing_to_send_on(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(closing())
            await peer.expect(CLOSE)

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            await line.ending()
            with pytest.raises(ClosedError, match="alor-test-socket"):
                line.connection.send(b"late")


class TestWatching:
    async def test_pings_go_out_on_the_clock_with_the_probe_beside_them(self) -> None:
        clock, record = ManualClock(), Recorder()
        probes = iter([b"probe 1", None, b"probe 3"])
        async with (
            RawServer(accepting(record)) as server,
            dialled(server, clock=clock, silence=100.0, probe=lambda: next(probes)),
        ):
            await until(lambda: record.peers)
            for count in (2, 3, 5):
                await clock.advance(5.0)
                await until(lambda count=count: len(record.seen) == count)
            assert kinds(record.seen) == [PING, TEXT, PING, PING, TEXT]
            assert len({one.payload for one in record.seen if one.opcode == PING}) == 3

    async def test_only_the_answer_to_a_ping_of_ours_is_an_answer(self) -> None:
        clock, record = ManualClock(), Recorder()
        async with RawServer(accepting(record)) as server, dialled(server, clock=clock) as line:
            await until(lambda: record.peers)
            await clock.advance(5.0)
            await until(lambda: record.seen)
            peer = record.peers[0]
            number = record.seen[0].payload
            await peer.send(frame(PONG) + frame(PONG, b"x" * 8) + frame(PONG, b"x" * 125))
            await until(lambda: line.connection.heard == 3)
            assert line.connection._answered == 0
            await peer.send(frame(PONG, number) + frame(PONG, number))
            await until(lambda: line.connection.heard == 5)
            assert line.connection._answered == 1

    async def test_life_is_dated_by_the_wall_clock(self) -> None:
        clock, record = ManualClock(), Recorder()
        async with RawServer(accepting(record)) as server, dialled(server, clock=clock) as line:
            opened = clock.wall
            assert line.connection.last_heard == opened
            await until(lambda: record.peers)
            await clock.advance(4.0)
            assert line.connection.last_heard == opened
            await record.peers[0].send(text(b"alive"))
            await until(lambda: line.heard)
            await clock.advance(2.0)
            assert opened + 2.0 < line.connection.last_heard <= opened + 4.0, "never later than it was"

    async def test_replies_count_as_answers(self) -> None:
        clock, record = ManualClock(), Recorder()

        async with RawServer(accepting(record)) as server, dialled(server, clock=clock) as line:
            await until(lambda: record.peers)
            for count in range(1, 20):
                await record.peers[0].send(text(b"reply"))
                await until(lambda count=count: len(line.heard) == count)
                line.connection.note_answer()
                await clock.advance(5.0)
                assert not line.running.done()

    async def test_nothing_is_timed_after_the_end(self) -> None:
        clock = ManualClock()
        async with RawServer(accepting(quiet)) as server, dialled(server, clock=clock) as line:
            await settle()
            closer = asyncio.create_task(line.connection.close())
            await settle()
            await clock.advance(1.0)
            await closer
            await line.ending()
            assert clock.pending == []


class TestClosing:
    async def test_a_goodbye_is_said_after_what_was_sent_and_is_answered(self) -> None:
        record = Recorder()

        async def polite(peer: Peer) -> None:
            record.peers.append(peer)
            await peer.behave()

        async with RawServer(accepting(polite)) as server, dialled(server) as line:
            await until(lambda: record.peers)
            line.connection.send(b"last words")
            await line.connection.close()
            assert await line.ending() == Ending(cause="local", code=1000)
            await server.wait_until_left()
        assert [(one.opcode, one.code if one.opcode == CLOSE else one.payload) for one in record.seen] == [
            (TEXT, b"last words"),
            (CLOSE, 1000),
        ]

    async def test_closing_often_and_at_once_closes_once(self) -> None:
        record = Recorder()
        async with RawServer(accepting(record)) as server, dialled(server) as line:
            await until(lambda: record.peers)
            async with asyncio.timeout(3):
                await asyncio.gather(*(line.connection.close() for _ in range(5)))
            await line.connection.close()
            assert (await line.ending()).cause == "local"
            await server.wait_until_left()
        assert kinds(record.seen) == [CLOSE]

    async def test_closing_what_never_ran(self) -> None:
        record = Recorder()

        async def polite(peer: Peer) -> None:
            record.peers.append(peer)
            await peer.behave()

        async with RawServer(accepting(polite)) as server, opened() as transport:
            connection = Connection(
                await dial(transport, address_of(server), timeout=5.0, max_message=1_000),
                clock=transport.clock,
                ping_every=5.0,
                silence=15.0,
                on_message=lambda _: None,
                probe=lambda: None,
                name="alor-idle",
            )
            connection.send(b"all that was said")
            await connection.close()
            await server.wait_until_left()
            assert kinds(record.seen) == [TEXT, CLOSE]
            assert (await connection.run()).cause == "local"

    async def test_a_closing_that_is_cancelled_cuts_at_once(self) -> None:
        async with RawServer(accepting(quiet)) as server, dialled(server) as line:
            await until(lambda: server.open_connections)
            closer = asyncio.create_task(line.connection.close())
            await settle()
            closer.cancel()
            begun = time.monotonic()
            await asyncio.wait({closer})
            assert closer.cancelled()
            assert (await line.ending()).cause == "local"
            await server.wait_until_left()
            assert time.monotonic() - begun < 0.5
            await line.connection.close()

    async def test_a_runner_that_is_cancelled_cuts_at_once(self) -> None:
        async with RawServer(accepting(quiet)) as server, dialled(server) as line:
            await until(lambda: server.open_connections)
            begun = time.monotonic()
            line.running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await line.running
            await server.wait_until_left()
            assert time.monotonic() - begun < 0.5
            with pytest.raises(ClosedError):
                line.connection.send(b"late")

    async def test_no_task_is_left(self) -> None:
        def ours() -> list[str]:
            return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("alor-")]

        async with RawServer(accepting(quiet)) as server, dialled(server) as line:
            await settle()
            assert ours() == ["alor-test-socket-writer"]
            await line.connection.close()
            await line.ending()
            assert ours() == []

    async def test_a_goodbye_of_the_server_is_answered_once_and_with_nothing_after(self) -> None:
        record = Recorder()

        async def leaving(peer: Peer) -> None:
            record.peers.append(peer)
            await peer.send(text(b"one") + closing(1001, "перезапуск".encode()) + text(b"after"))
            await peer.listen()

        async with RawServer(accepting(leaving)) as server, dialled(server) as line:
            ending = await line.ending()
            assert ending == Ending(cause="closed", code=1001, reason="перезапуск")
            assert line.heard == [b"one"]
            await server.wait_until_left()
        assert [(one.opcode, one.code) for one in record.seen] == [(CLOSE, 1000)]


class TestWhatIsShown:
    async def test_a_reason_is_one_printable_line_without_tokens(self) -> None:
        token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"

        async def script(peer: Peer) -> None:
            await peer.send(closing(1008, b"bad\r\n\x1b[31m token " + token.encode()))
            await peer.listen()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            reason = (await line.ending()).reason
        assert reason == "bad \N{REPLACEMENT CHARACTER}[31m token ***"

    async def test_a_connection_names_itself_and_its_state(self) -> None:
        async with RawServer(accepting(quiet)) as server, dialled(server) as line:
            assert repr(line.connection) == "<Connection alor-test-socket: open, 0 heard>"
            await line.connection.close()
            await line.ending()
            assert repr(line.connection) == "<Connection alor-test-socket: local, 0 heard>"
