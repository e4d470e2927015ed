"""Every close code has a remedy, and the code of a connection that we ended has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alor_async._ws.close_codes import _REMEDIES, Remedy, remedy
from alor_async._ws.connection import Ending

AGAIN, FRESH, STOP = Remedy.RECONNECT, Remedy.REAUTHORIZE, Remedy.GIVE_UP

EXPECTED = {
    None: AGAIN, 1000: AGAIN, 1001: AGAIN, 1002: STOP, 1003: STOP, 1004: AGAIN, 1005: AGAIN, 1006: AGAIN, 1007: STOP,
    1008: FRESH, 1009: AGAIN, 1010: STOP, 1011: AGAIN, 1012: AGAIN, 1013: AGAIN, 1014: AGAIN, 1015: AGAIN,
    3000: FRESH, 3003: FRESH, 3008: AGAIN, 3999: AGAIN, 4000: AGAIN, 4401: FRESH, 4403: FRESH, 4429: AGAIN, 4999: AGAIN,
    0: AGAIN, 999: AGAIN, 1016: AGAIN, 2999: AGAIN, 5000: AGAIN, 65535: AGAIN,
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), EXPECTED.items())
def test_f118_a_code_calls_for_its_remedy(code: int | None, expected: Remedy) -> None:
    assert remedy(code) is expected
    assert Ending(cause="closed", code=code).remedy is expected


def test_f118_only_what_says_that_we_are_wrong_may_stop_us() -> None:
    assert {code for code in range(1 << 16) if remedy(code) is STOP} == {1002, 1003, 1007, 1010}


@pytest.mark.parametrize("cause", ["lost", "silent", "deaf", "too_long", "broken", "local"])
@pytest.mark.parametrize("code", [None, 1002, 1007, 1008, 1009])
def test_what_the_server_did_not_say_is_no_reason_to_stop(cause, code):
    assert Ending(cause=cause, code=code).remedy is AGAIN


def test_f118_the_table_for_readers_is_the_table_of_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "concepts" / "streams.md"
    rows = re.findall(r"^\| ([\d, ]+) \| [^|]* \| ([a-z ]+) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    told = {int(code): word for codes, word in rows for code in codes.split(",")}
    assert told == {code: found.value.replace("_", " ") for code, found in _REMEDIES.items()}
