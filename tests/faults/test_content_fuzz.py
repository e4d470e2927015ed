"""F051: thousands of mutated answers. Only errors of ours come out, no pause is long, and memory does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alor_async.errors import DecodeError, OrderOutcomeUnknown
from tests.contract.call_kit import Call
from tests.contract.call_orders import COMMANDS
from tests.contract.model_kit import Example, encode
from tests.faults import content_support
from tests.faults.content_support import READABLE, Desk, call_of, named

desk, exchange = content_support.desk, content_support.exchange

BOUNDED = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LONGEST_PAUSE = 0.5
MOST_GROWTH = 48 * 1024 * 1024
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, 10**30, "", "NaN", "1e999999999", "x" * 3_000, [], {}, [[]], {"": {}},
    "9999-12-31T23:59:59.9999999", "0001-01-01T00:00:00Z", "\u0000", "\U0001f600", "success",
)  # fmt: skip
BYTES = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\x00",
    b"\xff",
    b"NaN",
    b"1e999",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"-",
)


def mutated(example: bytes, rng: random.Random) -> bytes:
    """Change an answer in one to four places, in its structure or in its bytes."""
    body = example
    for _ in range(rng.randint(1, 4)):
        body = _restructured(body, rng) if rng.random() < 0.5 else _scratched(body, rng)
    return body


def _restructured(body: bytes, rng: random.Random) -> bytes:
    try:
        wire = json.loads(body)
    except (ValueError, RecursionError):
        return _scratched(body, rng)
    spots = list(_spots(wire))
    if not spots:
        return json.dumps(rng.choice(STRANGE)).encode()
    holder, key = rng.choice(spots)
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1:
            holder[key] = rng.choice(STRANGE)
        case 2:
            holder[key] = [holder[key]]
        case 3:
            other, there = rng.choice(spots)
            holder[key], other[there] = other[there], holder[key]
        case _ if isinstance(holder, dict):
            holder[rng.choice((key.upper(), key[:1], key + "x"))] = holder.pop(key)
        case _:
            holder.extend([holder[key]] * rng.choice((2, 50)))
    try:
        return json.dumps(wire, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return body


def _spots(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _spots(item)


def _scratched(body: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    upto = min(len(body), at + rng.choice((0, 1, 1, 2, 8, 64)))
    match rng.randrange(4):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + body[upto:]
        case 2:
            return body[:at] + rng.choice(BYTES) + body[upto:]
        case _:
            return body[:at] + body[at:upto] * rng.choice((2, 3, 200)) + body[upto:]


async def survives(desk: Desk, call: Call, example: Example, body: bytes) -> None:
    started = time.thread_time()
    with contextlib.suppress(DecodeError):
        async with asyncio.timeout(5):
            await desk.reread(call, body, example.format)
    assert time.thread_time() - started < LONGEST_PAUSE


@pytest.mark.parametrize("example", [pytest.param(example, id=str(example)) for example in READABLE])
async def test_f051_mutated_answers_end_in_a_value_or_in_our_error(desk: Desk, example: Example) -> None:
    rng = random.Random(str(example))
    call = call_of(example)
    short = encode(example.wire)
    with desk.answering(call):
        for number in range(60):
            with named(f"mutation {number}"):
                await survives(desk, call, example, mutated(short, rng))


@BOUNDED
@given(data=st.data())
async def test_f051_generated_json_and_bytes_end_in_a_value_or_in_our_error(desk: Desk, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(READABLE))
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(STRANGE[:15])
    keys = st.sampled_from(
        ["id", "symbol", "price", "bids", "asks", "history", "list", "time", "t", "s", "p", "h", "total"]
    )
    trees = st.recursive(leaves, lambda part: st.lists(part) | st.dictionaries(keys | st.text(), part), max_leaves=20)
    body = data.draw(
        st.binary(max_size=200) | trees.map(lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass"))
    )
    call = call_of(example)
    with desk.answering(call):
        await survives(desk, call, example, body)


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in COMMANDS])
async def test_f051_a_mutated_answer_to_a_command_is_a_yes_or_unknown_and_never_a_no(desk: Desk, call: Call) -> None:
    rng = random.Random(call.method)
    honest = b'{"message":"success","orderNumber":"55018700014","groupId":"c41e0f5a-7d3b-4f9e-9b62-0d8a1f27e635"}'
    for number in range(15):
        body = mutated(honest, rng)
        with named((number, body[:200])):
            await desk.fresh()
            mark = len(desk.sandbox.journal)
            with contextlib.suppress(OrderOutcomeUnknown):
                await desk.read(call, body)
            assert desk.acts_since(mark) == 1


async def test_f051_memory_does_not_grow(desk: Desk) -> None:
    example = next(example for example in READABLE if str(example) == "account.list_orders.heavy")
    call = call_of(example)
    short = encode(example.wire)
    rng = random.Random(51)
    with desk.answering(call):
        for number in range(2_400):
            if number == 400:
                gc.collect()
                before = _resident()
            with contextlib.suppress(DecodeError):
                await desk.reread(call, mutated(short, rng), example.format)
    gc.collect()
    assert _resident() - before < MOST_GROWTH


def _resident() -> int:
    """Give this process's memory in bytes; zero where the system does not tell."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0
