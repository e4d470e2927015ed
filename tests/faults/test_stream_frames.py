"""Frames in every shape, legal and not: whole messages or none, and an end that says what was wrong."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import zlib

import pytest

from alor_async._ws.close_codes import Remedy
from alor_async._ws.connection import Ending
from tests.support.rawserver import RawServer
from tests.support.rawsocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Frame,
    Peer,
    accepting,
    closing,
    dialled,
    frame,
    text,
)

LIMIT = 10_000
WHOLE = text(b"whole")


class Outcome:
    """What became of a connection over which these bytes came."""

    def __init__(self, heard: list[bytes], ending: Ending, said: list[Frame]) -> None:
        self.heard = heard
        self.ending = ending
        self.said = said

    @property
    def goodbye(self) -> int | None:
        """The code of our closing frame."""
        return next((one.code for one in self.said if one.opcode == CLOSE), None)


async def hear(data: bytes, *, slicing: int | None = None, then: str = "close") -> Outcome:
    """Let a server say this, in pieces if asked for, and then close, or wait for us, or break the connection."""
    said: list[Frame] = []

    async def script(peer: Peer) -> None:
        peer.seen = said
        whole = data + (closing(1000) if then == "close" else b"")
        with contextlib.suppress(ConnectionError):  # who has heard enough leaves
            for start in range(0, len(whole), slicing or len(whole)):
                await peer.send(whole[start : start + (slicing or len(whole))])
                await asyncio.sleep(0)
        if then == "reset":
            await asyncio.sleep(0.01)  # an RST overtakes what was sent before it
            peer.reset()
        elif then != "hang up":
            with contextlib.suppress(ConnectionError):
                await peer.listen()

    async with (
        RawServer(accepting(script)) as server,
        dialled(server, max_message=LIMIT) as line,
    ):
        ending = await line.ending()
        await server.wait_until_left()
        return Outcome(line.heard, ending, said)


class TestLegalShapes:
    @pytest.mark.parametrize("slicing", [None, 1, 3])
    @pytest.mark.parametrize(
        ("data", "heard"),
        [
            (text(b"") + WHOLE, [b"", b"whole"]),
            (frame(TEXT, b"", head=0) + frame(CONTINUATION, b""), [b""]),
            (frame(TEXT, b"fra", head=0) + frame(CONTINUATION, b"gments"), [b"fragments"]),
            (frame(BINARY, b"", head=0) + frame(CONTINUATION, b"late"), [b"late"]),
            (frame(TEXT, b"a", head=0) + frame(CONTINUATION, b"", head=0) + frame(CONTINUATION, b"b"), [b"ab"]),
            (
                frame(TEXT, b"o", head=0)
                + b"".join(frame(CONTINUATION, bytes([byte]), head=0) for byte in b"ne by on")
                + frame(CONTINUATION, b"e"),
                [b"one by one"],
            ),
            (
                frame(TEXT, b"inter", head=0) + frame(PING, b"?") + frame(PONG, b"!") + frame(CONTINUATION, b"leaved"),
                [b"interleaved"],
            ),
            (text(b"x" * 125) + text(b"x" * 126) + text(b"x" * 5_000), [b"x" * 125, b"x" * 126, b"x" * 5_000]),
            # Lengths in more bytes than they need.
            (b"\x81\x7e\x00\x02ok" + b"\x81\x7f" + struct.pack("!Q", 2) + b"ok", [b"ok", b"ok"]),
            (frame(PING, b"p" * 125) + WHOLE, [b"whole"]),
            (text("кавычки «».".encode()), ["кавычки «».".encode()]),
        ],
        ids=["empty", "empty fragments", "two", "empty first", "empty between", "bytes", "interleaved", "lengths",
             "long lengths", "longest ping", "cyrillic"],
    )  # fmt: skip
    async def test_f123_legal_shapes_come_whole(self, data: bytes, heard: list[bytes], slicing: int | None) -> None:
        outcome = await hear(data, slicing=slicing)
        assert outcome.heard == heard
        assert outcome.ending == Ending(cause="closed", code=1000)

    async def test_f123_a_ping_between_fragments_is_answered_before_the_message_is_whole(self) -> None:
        said: list[Frame] = []

        async def script(peer: Peer) -> None:
            await peer.send(frame(TEXT, b"be", head=0) + frame(PING, b"now"))
            said.append(await peer.frame())
            await peer.send(frame(CONTINUATION, b"tween") + closing())
            await peer.listen()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            await line.ending()
            assert (said, line.heard) == ([Frame(PONG, b"now")], [b"between"])

    async def test_f123_a_masked_frame_is_unmasked(self) -> None:
        # A server must not mask. It does no harm here, and refusing would lose a stream over a formality.
        outcome = await hear(text(b"masked", mask=b"\x01\x02\x03\x04") + WHOLE)
        assert outcome.heard == [b"masked", b"whole"]


class TestIllegalShapes:
    @pytest.mark.parametrize(
        "data",
        [
            frame(TEXT, b"x", head=FIN | RSV2),
            frame(TEXT, b"x", head=FIN | RSV3),
            frame(PING, b"x", head=FIN | RSV2),
            frame(0x3, b"x"),
            frame(0x7, b"x"),
            frame(0xB, b"x"),
            frame(0xF, b"x"),
            frame(PING, b"x" * 126),
            frame(PONG, b"x" * 1_000),
            closing(1000, b"x" * 124),
            frame(PING, b"x", head=0),
            frame(CLOSE, b"", head=0),
            frame(CONTINUATION, b"of nothing"),
            frame(TEXT, b"be", head=0) + text(b"gun"),
            frame(TEXT, b"be", head=0) + frame(TEXT, b"gun", head=0),
            frame(CLOSE, b"\x03"),
        ],
        ids=["rsv2", "rsv3", "rsv2 ping", "opcode 3", "opcode 7", "opcode 11", "opcode 15", "long ping", "long pong",
             "long close", "fragmented ping", "fragmented close", "continuation of nothing", "text in text",
             "fragments in fragments", "half a code"],
    )  # fmt: skip
    @pytest.mark.parametrize("slicing", [None, 1])
    async def test_f123_what_breaks_the_protocol_ends_the_connection(self, data: bytes, slicing: int | None) -> None:
        outcome = await hear(WHOLE + data + text(b"after"), slicing=slicing, then="wait")
        assert outcome.heard == [b"whole"]
        assert (outcome.ending.cause, outcome.ending.code) == ("broken", 1002)
        assert outcome.ending.remedy is Remedy.RECONNECT
        assert outcome.ending.reason.isprintable()
        assert outcome.ending.reason
        if slicing is None:  # else a reset, because of what we no longer read, may overtake it
            assert outcome.goodbye == 1002


class TestCompression:
    @staticmethod
    def deflated(data: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")

    @pytest.mark.parametrize("what", ["honest", "bomb", "broken", "without context"])
    @pytest.mark.parametrize("fragmented", [False, True])
    async def test_f124_nothing_is_inflated_that_was_not_agreed(self, what: str, fragmented: bool) -> None:
        payload = {
            "honest": self.deflated(b"compressed"),
            "bomb": self.deflated(b"\x00" * 9_000_000),
            "broken": b"\xff" * 100,
            "without context": b"\x02\x0a\x00",
        }[what]
        pieces = frame(TEXT, payload, head=RSV1 | FIN)
        if fragmented:
            pieces = frame(TEXT, payload[:2], head=RSV1) + frame(CONTINUATION, payload[2:])
        outcome = await hear(WHOLE + pieces + text(b"after"), then="wait")
        assert outcome.heard == [b"whole"]
        assert (outcome.ending.cause, outcome.ending.code, outcome.goodbye) == ("broken", 1002, 1002)

    async def test_f124_compression_is_not_offered_and_not_taken_when_it_is_thrust_upon_us(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(WHOLE + frame(TEXT, self.deflated(b"compressed"), head=RSV1 | FIN))
            await peer.listen()

        thrust = accepting(script, Sec_WebSocket_Extensions="permessage-deflate")
        async with RawServer(thrust) as server, dialled(server) as line:
            assert (await line.ending()).cause == "broken"
            assert line.heard == [b"whole"]
            assert "sec-websocket-extensions" not in server.requests[0].headers


class TestLength:
    @pytest.mark.parametrize("slicing", [None, 1_000])
    @pytest.mark.parametrize("split", [None, 1, LIMIT // 2, LIMIT - 1])
    async def test_f125_the_longest_message_is_let_through(self, split: int | None, slicing: int | None) -> None:
        payload = b"x" * LIMIT
        data = text(payload)
        if split is not None:
            data = frame(TEXT, payload[:split], head=0) + frame(CONTINUATION, payload[split:])
        assert (await hear(data, slicing=slicing)).heard == [payload]

    @pytest.mark.parametrize(
        "data",
        [
            text(b"x" * (LIMIT + 1)),
            frame(TEXT, b"x" * LIMIT, head=0) + frame(CONTINUATION, b"x"),
            b"".join(frame(TEXT if not part else CONTINUATION, b"x" * 1_001, head=0) for part in range(10)),
            b"\x81\x7f" + struct.pack("!Q", 64 << 20),
            b"\x81\x7f" + struct.pack("!Q", (1 << 63) - 1),
            b"\x81\x7f" + struct.pack("!Q", (1 << 64) - 1),
        ],
        ids=["whole", "two fragments", "ten fragments", "64 MB announced", "2**63", "2**64"],
    )
    async def test_f125_a_longer_one_ends_its_connection_before_it_is_read(self, data: bytes) -> None:
        outcome = await hear(WHOLE + data, then="wait")
        assert outcome.heard == [b"whole"]
        assert (outcome.ending.cause, outcome.ending.code, outcome.goodbye) == ("too_long", 1009, 1009)
        assert outcome.ending.remedy is Remedy.RECONNECT

    async def test_f125_other_connections_go_on(self) -> None:
        async def too_much(peer: Peer) -> None:
            await peer.send(text(b"x" * (LIMIT + 1)))
            await peer.listen()

        async def modest(peer: Peer) -> None:
            await peer.expect(TEXT)
            await peer.send(WHOLE + closing())
            await peer.listen()

        async with (
            RawServer(accepting(too_much)) as greedy,
            RawServer(accepting(modest)) as plain,
            dialled(greedy, max_message=LIMIT) as first,
            dialled(plain, max_message=LIMIT) as second,
        ):
            assert (await first.ending()).cause == "too_long"
            second.connection.send(b"go on")
            assert (await second.ending()).cause == "closed"
            assert second.heard == [b"whole"]


class TestCuts:
    MESSAGE = frame(TEXT, b"fra" * 50, head=0) + frame(PING, b"ping") + frame(CONTINUATION, b"gments" * 30)

    @pytest.mark.parametrize("how", ["reset", "hang up"])
    @pytest.mark.parametrize("at", [*range(12), 100, 151, 152, 153, 158, 160, 163, 200, len(MESSAGE) - 1])
    async def test_f122_no_part_of_a_message_is_delivered(self, at: int, how: str) -> None:
        outcome = await hear(WHOLE + self.MESSAGE[:at], then=how)
        assert outcome.heard == [b"whole"]
        assert outcome.ending == Ending(cause="lost")

    @pytest.mark.parametrize("how", ["reset", "hang up"])
    async def test_f122_what_was_whole_before_the_cut_is(self, how: str) -> None:
        outcome = await hear(WHOLE * 50 + self.MESSAGE, then=how)
        assert outcome.heard == [b"whole"] * 50 + [b"fra" * 50 + b"gments" * 30]

    async def test_f122_a_reset_while_we_send(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.frame()
            peer.reset()

        async with RawServer(accepting(script)) as server, dialled(server) as line:
            for _ in range(20):
                line.connection.send(b"x" * 1_000_000)
            assert await line.ending() == Ending(cause="lost")
