"""Any sequence of placing, replacing, cancelling, filling, cutting, healing, expiring, restarting and waiting keeps the promises."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from alor_async.sandbox import Sandbox
from tests.orders.model_world import Trouble, World, new_exchange

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(180)]

EXAMPLES = 300
STEPS = 15
T = TypeVar("T")
BYTES = some.integers(0, 900)
WHICH = some.integers(0, 63)
"""Which of those that there are; how many there are may depend on real time, which no strategy may."""
MISHAPS = some.one_of(some.none(), some.sampled_from(get_args(Trouble)))
"""What happens to one command, where it is not what happens to all of them for now."""


def chosen(among: Sequence[T], which: int) -> T:
    return among[which % len(among)]


class OrdersMachine(RuleBasedStateMachine):
    """One client at one exchange; the exchange is shared by all examples."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop, *, on_disk: bool) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._loop = loop
        self._on_disk = on_disk
        self._folder = tempfile.TemporaryDirectory()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    @initialize(dedupe=some.sampled_from(["old_response_400", "replay_200", "bare_400"]), same_id=some.booleans())
    def begin(self, dedupe: str, same_id: bool) -> None:
        path = Path(self._folder.name) / "orders.sqlite" if self._on_disk else None
        self.world = World(self._sandbox, path, dedupe=dedupe, same_id=same_id)
        self.run(self.world.open())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run(self.world.close())
        self._folder.cleanup()

    @rule(lots=some.integers(1, 5), mishap=MISHAPS, after=BYTES, looks=some.booleans())
    def place(self, lots: int, mishap: Trouble | None, after: int, looks: bool) -> None:
        with self.world.mishap(mishap, after):
            intent = self.run(self.world.place(lots))
        if looks and intent.unknown is not None:
            self.run(self.world.resolve(intent))

    @rule(which=WHICH, lots=some.integers(1, 5), mishap=MISHAPS, after=BYTES, looks=some.booleans())
    def replace(self, which: int, lots: int, mishap: Trouble | None, after: int, looks: bool) -> None:
        if not self.world.numbers:
            return
        with self.world.mishap(mishap, after):
            intent = self.run(self.world.replace(chosen(self.world.numbers, which), lots))
        if looks and intent.unknown is not None:
            self.run(self.world.resolve(intent))

    @rule(which=WHICH, mishap=MISHAPS, after=BYTES)
    def cancel(self, which: int, mishap: Trouble | None, after: int) -> None:
        if self.world.numbers:
            with self.world.mishap(mishap, after):
                self.run(self.world.cancel(chosen(self.world.numbers, which)))

    @rule(which=WHICH)
    def repeat(self, which: int) -> None:
        ours = [intent for intent in self.world.intents if intent.is_ours]
        if ours:
            self.run(self.world.repeat(chosen(ours, which)))

    @rule(which=WHICH)
    def resolve(self, which: int) -> None:
        doubtful = [intent for intent in self.world.intents if intent.unknown]
        if doubtful:
            self.run(self.world.resolve(chosen(doubtful, which)))

    @rule(lots=some.integers(1, 6))
    def fill(self, lots: int) -> None:
        self.world.fill(lots)

    @rule(trouble=some.sampled_from(get_args(Trouble)), after=BYTES)
    def cut(self, trouble: Trouble, after: int) -> None:
        """From now on every command meets this trouble; connections break after so many bytes."""
        self.world.trouble, self.world.cut_after = trouble, after

    @rule()
    def cut_reads(self) -> None:
        self.world.cut_reads()

    @rule()
    def heal(self) -> None:
        self.run(self.world.heal())

    @rule()
    def expire_tokens(self) -> None:
        self.world.expire_tokens()

    @rule()
    def restart(self) -> None:
        self.run(self.world.restart())

    @rule(seconds=some.sampled_from([1.0, 30.0, 61.0, 3600.0, 43_200.0, 345_600.0]))
    def advance(self, seconds: float) -> None:
        self.run(self.world.advance(seconds))

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            self.world.check()


@pytest.fixture
def exchange() -> Iterator[Sandbox]:
    with new_exchange() as sandbox:
        yield sandbox


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "disk"])
def test_f089_f091_f105_f108_the_promises_hold_over_any_sequence(exchange: Sandbox, on_disk: bool) -> None:
    loop = asyncio.new_event_loop()
    make: Callable[[], OrdersMachine] = lambda: OrdersMachine(exchange, loop, on_disk=on_disk)  # noqa: E731
    try:
        run_state_machine_as_test(
            make,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.close()
