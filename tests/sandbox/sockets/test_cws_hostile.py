"""`/cws` outlives whatever is thrown at it: every value of every key may be anything, and the answer is a reply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from alor_async.sandbox import Assumptions, Sandbox
from alor_async.sandbox.gateway.sockets.command_list import EXACTLY
from tests.sandbox.sockets.trader import trading
from tests.support.waiting import until

ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    " ",
    "\x00",
    "\ud800",
    "не число",
    "x" * 10_000,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    0.5,
    1e308,
    "1e999999999",
    "NaN",
    "Infinity",
    [],
    [[]],
    {},
    {"portfolio": {}},
    {"symbol": 1, "exchange": 2},
    {"symbol": "SBER", "exchange": "UNITED", "instrumentGroup": []},
)


@pytest.fixture
def open_sandbox() -> Iterator[Sandbox]:
    """Its connections stay open after what is not understood, so that much can be tried on one."""
    with Sandbox(seed=1, time="stepped", assumptions=Assumptions(invalid_cws_command="open")) as running:
        yield running
        running.check()


@pytest.mark.parametrize("opcode", EXACTLY)
async def test_odd_values_of_every_key_get_a_reply(open_sandbox: Sandbox, opcode: str) -> None:
    async with trading(open_sandbox) as trader:
        whole = {**trader.stop(), "orderId": "1", "exchange": "MOEX", "comment": "c", "timeInForce": "oneday"}
        whole |= {"icebergFixed": 1, "protectingSeconds": 1, "stopEndUnixTime": 0, "activate": True, "board": "TQBR"}
        sent = 0
        for key in whole:
            for value in ODD:
                sent += 1
                await trader.talker.say(json.dumps({**whole, "opcode": opcode, "guid": f"g-{sent}", key: value}))
        await until(lambda: len(trader.talker.replies) == sent + 1)
        codes = {reply["httpCode"] for replies in trader.talker.replies.values() for reply in replies}
        assert codes <= {200, 400, 403}
        assert not trader.talker.is_over


async def test_odd_opcodes_guids_and_tokens_get_a_reply(open_sandbox: Sandbox) -> None:
    for key in ("opcode", "guid", "token"):
        for value in ODD:
            async with trading(open_sandbox) as trader:
                before = len(trader.talker.heard)
                message = {"opcode": "authorize", "guid": "fresh", "token": trader.talker.token, key: value}
                await trader.talker.say(json.dumps(message))
                await until(lambda: len(trader.talker.heard) > before)  # noqa: B023 - awaited before the next turn
                assert json.loads(trader.talker.heard[-1])["httpCode"] in {200, 400, 401}
