"""The same seed and the same commands give the same journal, to the byte, on every machine."""

from __future__ import annotations

import pytest

from tests.sandbox.core.golden import SCRIPTS, run

pytestmark = pytest.mark.heavy

# When a change of the engine is meant to change these, print them anew: python -m tests.sandbox.core.golden
DIGESTS = {
    "stocks": "bb9fea7093611e591c382549704a7627a5caadd3e583326ce9d1545533a00b87",
    "futures": "b07da5bfdb27e5f60662a39a3666a7c08e11d636d4eb7fb576b6e40a11c522cf",
    "stops_and_groups": "0e4a4fedb8bc660f14a27f78801f259a7282c99de6da3cd77147db2ba63f9bc5",
    "two_sessions": "7262292dc571360e9583373a7e26f0d66ac52a2ce2319682593c8db196806996",
    "moving_market": "495588022a48d18737db9704474f3d69f6f2ccdddaa5b4d39f0c3aa29c582f3d",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_journal_is_the_one_that_is_known(name: str) -> None:
    exchange = run(name)
    assert exchange.check() == []
    assert exchange.journal.digest() == DIGESTS[name], "".join(exchange.journal.to_lines())


@pytest.mark.parametrize("name", SCRIPTS)
def test_another_seed_gives_another_journal(name: str) -> None:
    assert run(name, seed=43).journal.digest() != DIGESTS[name]


def test_the_lists_touch_everything_that_is_journalled() -> None:
    kinds = {entry.kind for name in SCRIPTS for entry in run(name).journal}
    assert kinds >= {
        "opened",
        "command",
        "answer",
        "order_accepted",
        "order_filled",
        "order_canceled",
        "trade",
        "fill",
        "stop_accepted",
        "stop_activated",
        "stop_canceled",
        "stop_filled",
        "stop_rejected",
        "group_created",
        "group_updated",
        "group_deleted",
        "group_filled",
        "group_canceled",
        "crowd_trade",
        "session_opened",
    }
