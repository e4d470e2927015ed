"""What the sandbox tells of itself: the journal, the truth for assertions, its own health."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import alor_async
from alor_async.errors import InvalidArgument
from alor_async.sandbox import Assumptions, MarketPreset, Sandbox, SandboxBroken, fast
from tests.sandbox.gateway.client import Caller, stocks_of


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def traded(sandbox: Sandbox) -> Caller:
    """Buy two lots of SBER and leave three more in the book."""
    async with aiohttp.ClientSession() as session:
        call = Caller(sandbox, session)
        bid = sandbox.market["SBER"].quote.bid
        assert bid is not None
        assert (await call.place_market(stocks_of(sandbox), lots=2)).status == 200
        assert (await call.place_limit(stocks_of(sandbox), bid - 1, lots=3)).status == 200
        return call


class TestSaving:
    async def test_the_journal_and_what_is_needed_to_make_it_again(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.ndjson"
        async with Sandbox(seed=5, time="stepped") as sandbox:
            call = await traded(sandbox)
            sandbox.save(path)
            about, *entries = lines_of(path)
            assert about["format"] == "alor-sandbox-journal/1"
            assert about["version"] == alor_async.__version__
            assert about["settings"]["seed"] == 5
            assert about["settings"]["time"] == "stepped"
            assert about["settings"]["start"] == "2026-04-15T09:00:00+00:00"
            assert about["entries"] == len(entries) == len(sandbox.journal)
            assert entries == [json.loads(entry.to_json()) for entry in sandbox.journal]
            written = path.read_text(encoding="utf-8")
            assert sandbox.refresh_token not in written
            assert call.token is not None
            assert call.token not in written

    def test_settings_of_every_kind(self, tmp_path: Path) -> None:
        own = Sandbox().market["SBER"].spec
        sandbox = Sandbox(
            time=fast(60),
            market={"SBER": MarketPreset(pace=7), "*": "calm"},
            instruments=[own],
            assumptions=Assumptions(too_many_sockets="oldest_closed"),
        )
        sandbox.save(str(tmp_path / "journal.ndjson"))
        settings = lines_of(tmp_path / "journal.ndjson")[0]["settings"]
        assert settings["time"] == {"speed": 60.0}
        assert settings["market"]["SBER"]["pace"] == 7
        assert settings["market"]["*"] == "calm"
        assert settings["instruments"][0]["price_step"] == str(own.price_step)
        assert settings["assumptions"]["too_many_sockets"] == "oldest_closed"

    def test_what_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        sandbox = Sandbox()
        with pytest.raises(FileNotFoundError):
            sandbox.save(tmp_path / "nowhere" / "journal")
        with pytest.raises(IsADirectoryError):
            sandbox.save(tmp_path)
        with pytest.raises(InvalidArgument, match="path: must be a path, got 7"):
            sandbox.save(7)  # type: ignore[arg-type]


class TestTruth:
    async def test_orders_trades_and_positions(self) -> None:
        async with Sandbox(seed=5, time="stepped") as sandbox:
            portfolio = stocks_of(sandbox)
            (before,) = [held for held in sandbox.positions(portfolio) if held.symbol == "SBER"]
            await traded(sandbox)
            bought, resting = sandbox.orders(portfolio)
            assert (bought.filled_lots, bought.status.value) == (2, "filled")
            assert (resting.filled_lots, resting.status.value) == (0, "working")
            assert sum(trade.lots for trade in sandbox.trades(portfolio)) == 2
            (after,) = [held for held in sandbox.positions(portfolio) if held.symbol == "SBER"]
            assert after.units - before.units == 20
            assert sandbox.orders() == sandbox.orders(portfolio)
            assert sandbox.orders(sandbox.portfolios[1]) == ()
            assert len(sandbox.positions()) > len(sandbox.positions(portfolio))
            sandbox.check()

    @pytest.mark.parametrize("read", ["orders", "stop_orders", "trades", "positions"])
    def test_a_portfolio_that_there_is_not(self, read: str) -> None:
        with pytest.raises(InvalidArgument, match="portfolio: 'D1' is not one of the sandbox's"):
            getattr(Sandbox(), read)("D1")

    def test_money_that_appears_from_nowhere_is_found(self) -> None:
        sandbox = Sandbox()
        account = next(iter(sandbox._exchange._ledger))
        account.cash += 1
        with pytest.raises(SandboxBroken, match="cash"):
            sandbox.check()
