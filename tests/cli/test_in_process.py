"""The parts of `alor sandbox` without the process around them."""

from __future__ import annotations

import json
import queue
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from alor_async import cli
from alor_async.cli.program import program
from alor_async.cli.serving import ends, serve
from alor_async.errors import ConfigError

SETTINGS: dict[str, Any] = {
    "port": 0, "oauth_port": 0, "seed": 3, "market": "still", "speed": 1.0, "as_json": False
}  # fmt: skip


@pytest.fixture
def ended() -> queue.SimpleQueue[int]:
    """An end that has come before anybody waits for it."""
    came: queue.SimpleQueue[int] = queue.SimpleQueue()
    came.put(signal.SIGINT)
    return came


@pytest.mark.parametrize(
    ("speed", "told"),
    [(1.0, "as fast as the clock"), (60.0, "60 times as fast as the clock"), (0.0, "time stands still")],
)
def test_what_people_read(
    capsys: pytest.CaptureFixture[str], ended: queue.SimpleQueue[int], speed: float, told: str
) -> None:
    serve(ended, **SETTINGS | {"speed": speed})
    page = capsys.readouterr().out
    assert told in page
    assert "still, seed 3" in page
    assert page.endswith("Ctrl-C stops it.\n")


def test_what_programs_read(capsys: pytest.CaptureFixture[str], ended: queue.SimpleQueue[int]) -> None:
    serve(ended, **SETTINGS | {"as_json": True})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["seed"] == 3


@pytest.mark.parametrize("wrong", [{"speed": -1.0}, {"market": "wild"}, {"port": 70_000}])
def test_wrong_settings(ended: queue.SimpleQueue[int], wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        serve(ended, **SETTINGS | wrong)


@pytest.fixture
def own_handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_handlers")
def test_both_signals_are_an_end() -> None:
    came = ends()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.raise_signal(number)
        assert came.get(timeout=5) == number


@pytest.mark.usefixtures("own_handlers")
def test_the_command_names_what_is_wrong() -> None:
    done = CliRunner().invoke(program, ["sandbox", "--market", "wild"])
    assert done.exit_code == 2
    assert "market: must be a MarketPreset or one of" in " ".join(done.output.split())


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["alor", "--version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("alor-async ")
