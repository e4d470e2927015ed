"""The desk and its ledger: nothing leaves unwritten, keys serve once, and no attempt unlearns what another one knew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from alor_async import EntryState, MemoryLedger, OrderAck, RetryPolicy, Side, Timeouts
from alor_async._contract import bodies, operations
from alor_async._orders.desk import OrderDesk
from alor_async._orders.intent import Intent, Verb
from alor_async.errors import (
    AlorError,
    ClosedError,
    ConnectError,
    InvalidArgument,
    LedgerUnavailable,
    OrderOutcomeUnknown,
    OrderRejected,
    OrdersUnresolved,
    RateLimited,
    TokenRefused,
)
from alor_async.models import Exchange
from alor_async.values import InstrumentId
from tests.support.manual_clock import ManualClock
from tests.support.rawserver import RawServer
from tests.support.rig import Rig
from tests.unit._orders.ledger_kit import Failing, Ordered, entry, states

SBER = InstrumentId("SBER", "MOEX")
YES = OrderAck(order_id="7")


def intent(key: str | None = "a", *, lots: int = 1, verb: Verb = Verb.PLACE) -> Intent[Any]:
    body = bodies.LimitOrderBody(
        side=Side.BUY,
        lots=lots,
        price=Decimal(250),
        instrument=bodies.InstrumentKey(symbol="SBER", exchange=Exchange.MOEX),
        user=bodies.OrderOwner(portfolio="D39004"),
    )
    return Intent(operations.ORDERS_PLACE_LIMIT, verb, body=body, request_id=key, instrument_id=SBER)


class Wire:
    """A wire that answers as it is told, and remembers what it was given and what the ledger knew then."""

    def __init__(self, ledger: MemoryLedger, name: str = "rest") -> None:
        self.name = name
        self.answers: list[OrderAck | BaseException | Callable[[], Awaitable[OrderAck]]] = []
        self.sent: list[tuple[str, EntryState | None]] = []
        self.limits: list[object] = []
        self._ledger = ledger

    async def send(self, intent: Intent[object], timeout: object, retries: object) -> OrderAck:
        key = str(intent.request_id)
        self.sent.append((key, states(self._ledger, key)[0]))
        self.limits.append(timeout)
        answer = self.answers.pop(0) if self.answers else YES
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, OrderAck):
            return answer
        intent.may_have_left = True
        return await answer()


class Office:
    """A desk with its ledger, its clock and a wire."""

    def __init__(self, ledger: MemoryLedger, rig: Rig, clock: ManualClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.wire = Wire(ledger)
        self.desk = OrderDesk(ledger, rig.session, clock, tags=False, retries=RetryPolicy(request_id_life=60))

    async def send(self, given: Intent[Any] | None = None, wire: Wire | None = None) -> OrderAck:
        return await self.desk.carry_out(intent() if given is None else given, wire or self.wire, None, None)

    async def send_after(self, *answers: OrderAck | BaseException) -> None:
        """Send the one command as often as there are answers, whatever they are."""
        for answer in answers:
            self.wire.answers = [answer]
            with contextlib.suppress(AlorError):
                await self.send()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with RawServer() as server, Rig(server) as rig:
        yield rig


@pytest.fixture
async def office(rig: Rig) -> AsyncIterator[Office]:
    office = Office(MemoryLedger(), rig, ManualClock())
    await office.desk.open()
    yield office
    await office.desk.close()


def unknown() -> OrderOutcomeUnknown:
    return OrderOutcomeUnknown("who knows", request_id="a")


def rejected(*, replayed: bool = False) -> OrderRejected:
    return OrderRejected("no", code="NotEnoughCash", reason="no money", replayed=replayed)


async def test_it_is_written_down_when_it_is_sent_and_settled_when_it_is_known(office: Office) -> None:
    assert await office.send() == YES
    assert office.wire.sent == [("a", EntryState.OPEN)]
    known = office.ledger.find("a")
    assert known is not None
    assert (known.state, known.order_id, known.symbol, known.lots) == (EntryState.ACCEPTED, "7", "SBER", 1)


# --- One attempt after another: what is known only grows.

OUTCOMES: dict[str, tuple[list[Any], EntryState]] = {
    "no": ([rejected()], EntryState.REJECTED),
    "nothing sent": ([ConnectError("no")], EntryState.NOT_SENT),
    "unknown": ([unknown()], EntryState.UNKNOWN),
    "unknown, then nothing sent": ([unknown(), ConnectError("no")], EntryState.UNKNOWN),
    "unknown, then a no of this time": ([unknown(), rejected()], EntryState.UNKNOWN),
    "unknown, then the no of that time": ([unknown(), rejected(replayed=True)], EntryState.REJECTED),
    "unknown, then a yes": ([unknown(), YES], EntryState.ACCEPTED),
    "yes, then unknown": ([YES, unknown()], EntryState.ACCEPTED),
    "yes, then a no": ([YES, rejected()], EntryState.ACCEPTED),
    "yes, then nothing sent": ([YES, ConnectError("no")], EntryState.ACCEPTED),
    "nothing sent, then unknown": ([ConnectError("no"), unknown()], EntryState.UNKNOWN),
    "no, then unknown": ([rejected(), unknown()], EntryState.UNKNOWN),
    "no, then yes": ([rejected(), YES], EntryState.ACCEPTED),
}


@pytest.mark.parametrize(("answers", "state"), OUTCOMES.values(), ids=OUTCOMES)
async def test_attempts_under_one_key(office: Office, answers: list[Any], state: EntryState) -> None:
    await office.send_after(*answers)
    assert states(office.ledger, "a") == [state]
    assert len(office.wire.sent) == len(answers)


async def test_a_no_to_a_repeat_is_not_a_no_to_the_order(office: Office) -> None:
    office.wire.answers = [unknown(), rejected()]
    with pytest.raises(OrderOutcomeUnknown):
        await office.send()
    with pytest.raises(OrderOutcomeUnknown, match="was sent before") as caught:
        await office.send()
    assert isinstance(caught.value.__cause__, OrderRejected)


@pytest.mark.parametrize("has_left", [False, True])
async def test_a_cancelled_command_leaves_what_the_wire_knows(office: Office, has_left: bool) -> None:
    async def forever() -> OrderAck:
        return await asyncio.get_running_loop().create_future()

    given = intent()
    office.wire.answers = [forever]
    task = asyncio.create_task(office.send(given))
    await asyncio.sleep(0.01)
    given.may_have_left = has_left
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert states(office.ledger, "a") == [EntryState.UNKNOWN if has_left else EntryState.NOT_SENT]


async def test_what_came_late_is_told_without_reading(office: Office, rig: Rig) -> None:
    office.wire.answers = [unknown(), unknown()]
    errors: dict[str, OrderOutcomeUnknown] = {}
    for key in ("a", "b"):
        with pytest.raises(OrderOutcomeUnknown) as caught:
            await office.send(intent(key))
        errors[key] = caught.value
    office.ledger.settle("a", EntryState.ACCEPTED, order_id="9")
    office.ledger.settle("b", EntryState.REJECTED, reason="no money")
    assert (await errors["a"].resolve()).order_id == "9"
    with pytest.raises(OrderRejected, match="no money"):
        await errors["b"].resolve()
    assert rig.server.requests == []


# --- Keys.


async def test_a_key_serves_for_one_command(office: Office) -> None:
    await office.send()
    with pytest.raises(InvalidArgument, match="another order"):
        await office.send(intent(lots=2))
    assert len(office.wire.sent) == 1


@pytest.mark.parametrize("wires", [("rest", "cws"), ("cws", "rest"), ("cws", "cws")])
async def test_a_command_socket_knows_no_key_again(office: Office, wires: tuple[str, str]) -> None:
    first, second = (Wire(office.ledger, name) for name in wires)
    await office.send(wire=first)
    with pytest.raises(InvalidArgument, match=f"its order is {YES.order_id}"):
        await office.send(wire=second)
    assert second.sent == []


async def test_what_was_surely_not_done_may_take_the_other_wire(office: Office) -> None:
    await office.send_after(ConnectError("no"))
    socket = Wire(office.ledger, "cws")
    assert await office.send(wire=socket) == YES
    known = office.ledger.find("a")
    assert known is not None
    assert (known.wire, known.state) == ("cws", EntryState.ACCEPTED)


@pytest.mark.parametrize(
    ("answer", "told"), [(YES, f"its order is {YES.order_id}"), (unknown(), "recover_orders")], ids=["yes", "unknown"]
)
@pytest.mark.parametrize("jump", [60, 3600, -3600])
async def test_f093_a_key_is_not_repeated_when_the_broker_may_have_forgotten_it(
    office: Office, answer: Any, told: str, jump: float
) -> None:
    await office.send_after(answer)
    office.clock.wall += jump
    with pytest.raises(InvalidArgument, match=f"may not know it again: .*{told}"):
        await office.send()
    assert len(office.wire.sent) == 1


async def test_the_life_of_a_key_counts_from_its_first_attempt(office: Office) -> None:
    await office.send_after(unknown())
    office.clock.wall += 50
    await office.send_after(unknown())
    office.clock.wall += 20
    with pytest.raises(InvalidArgument, match="was used 70 s ago"):
        await office.send()


async def test_what_was_acknowledged_is_over(office: Office) -> None:
    await office.send_after(unknown())
    office.ledger.acknowledge("a")
    with pytest.raises(InvalidArgument, match="acknowledged"):
        await office.send()


async def test_a_key_under_way_is_refused(office: Office) -> None:
    answered: asyncio.Future[OrderAck] = asyncio.get_running_loop().create_future()
    office.wire.answers = [lambda: answered]
    task = asyncio.create_task(office.send())
    await asyncio.sleep(0)
    with pytest.raises(InvalidArgument, match="in use"):
        await office.send()
    answered.set_result(YES)
    assert await task == YES
    assert len(office.wire.sent) == 1


# --- Ledgers that fail.


@pytest.mark.parametrize("failure", [LedgerUnavailable("full"), OSError("secret"), ValueError("secret")], ids=repr)
async def test_f098_what_cannot_be_written_down_is_not_sent(rig: Rig, failure: Exception) -> None:
    office = Office(Failing(record=failure), rig, ManualClock())
    await office.desk.open()
    with pytest.raises(LedgerUnavailable) as caught:
        await office.send()
    assert "secret" not in str(caught.value)
    assert office.wire.sent == []
    # A cancel needs no ledger.
    assert await office.send(intent(verb=Verb.CANCEL)) == YES
    await office.desk.close()


async def test_a_ledger_that_fails_to_settle_does_not_hide_the_outcome(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office(Failing(settle=OSError("secret")), rig, ManualClock())
    await office.desk.open()
    assert await office.send() == YES
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text
    await office.desk.close()


# --- Open and closed.


async def test_nothing_is_written_down_by_a_desk_that_is_not_open(rig: Rig) -> None:
    office = Office(MemoryLedger(), rig, ManualClock())
    with pytest.raises(ClosedError, match="is not open"):
        await office.send()
    await asyncio.gather(office.desk.open(), office.desk.open())
    await office.desk.close()
    await office.desk.close()
    with pytest.raises(ClosedError, match="was closed"):
        await office.send()
    with pytest.raises(ClosedError, match="was closed"):
        await office.desk.recover()
    assert office.ledger.find("a") is None
    assert office.wire.sent == []


async def test_a_desk_whose_ledger_is_in_use_does_not_close_it(office: Office, rig: Rig) -> None:
    other = Office(office.ledger, rig, office.clock)
    with pytest.raises(LedgerUnavailable, match="in use"):
        await other.desk.open()
    await other.desk.close()
    with pytest.raises(LedgerUnavailable, match="in use"):
        await office.ledger.open()


@pytest.mark.parametrize("is_stuck", [False, True])
async def test_closing_waits_for_last_words_but_not_for_ever(rig: Rig, is_stuck: bool) -> None:
    ledger = Ordered()
    office = Office(ledger, rig, ManualClock())
    await office.desk.open()
    answered: asyncio.Future[OrderAck] = asyncio.get_running_loop().create_future()
    office.wire.answers = [lambda: answered]
    task = asyncio.create_task(office.send())
    await asyncio.sleep(0)
    closing = asyncio.create_task(office.desk.close())
    await asyncio.sleep(0)
    assert ledger.told == []
    if is_stuck:
        await office.clock.advance(1.0)
        await closing
        assert ledger.told == ["close"]
    answered.set_result(YES)
    await asyncio.gather(task, closing)
    assert ledger.told == (["close", "accepted"] if is_stuck else ["accepted", "close"])
    assert office.clock.pending == []


# --- What an earlier run left.


async def left_over(rig: Rig, *keys: str) -> Office:
    ledger = MemoryLedger()
    for key in keys:
        await ledger.record(entry(key))
    office = Office(ledger, rig, ManualClock())
    await office.desk.open()
    return office


async def test_nothing_is_placed_before_what_is_left_is_seen_to(rig: Rig) -> None:
    office = await left_over(rig, "old", "older")
    with pytest.raises(OrdersUnresolved, match="2 commands of an earlier run") as caught:
        await office.send()
    assert caught.value.keys == ("old", "older")
    assert office.ledger.find("a") is None
    assert await office.send(intent(verb=Verb.CANCEL)) == YES
    office.ledger.acknowledge("old")
    with pytest.raises(OrdersUnresolved, match="1 command of"):
        await office.send()
    office.ledger.settle("older", EntryState.ACCEPTED, order_id="1")  # by a late answer
    assert await office.send() == YES
    await office.desk.close()


async def test_doubts_of_this_run_hold_up_nothing(office: Office) -> None:
    await office.send_after(unknown())
    assert await office.send(intent("b")) == YES
    recovered = await office.desk.recover()
    assert recovered.resolved == ()
    assert [one.key for one in recovered.unresolved] == ["a"], "they are looked up and told all the same"


async def test_what_was_acknowledged_meanwhile_is_neither_found_out_nor_left(rig: Rig) -> None:
    office = await left_over(rig, "old", "older")
    looking = asyncio.create_task(office.desk.recover(1.0))
    office.ledger.acknowledge("old")
    recovered = await looking
    assert recovered.resolved == ()
    assert [one.key for one in recovered.unresolved] == ["older"]
    await office.desk.close()


# --- What a repeat may do, and what its failure says.


@pytest.mark.parametrize(
    ("age", "timeout", "total"), [(10, None, 30.0), (50, None, 10.0), (50, 5.0, 5.0), (50, 20.0, 10.0)]
)
async def test_f093_a_repeat_ends_before_the_broker_may_have_forgotten_its_key(
    office: Office, age: float, timeout: float | None, total: float
) -> None:
    await office.send_after(unknown())
    office.clock.wall += age
    await office.desk.carry_out(intent(), office.wire, timeout, None)
    limits = office.wire.limits[-1]
    assert isinstance(limits, Timeouts)
    assert limits.total == total


@pytest.mark.parametrize(
    "failure", [ConnectError("no"), RateLimited("no", status=429), TokenRefused("no"), ClosedError("no")], ids=repr
)
@pytest.mark.parametrize("before", [YES, unknown()], ids=["yes", "unknown"])
async def test_a_repeat_that_comes_to_nothing_says_nothing_of_the_order(
    office: Office, before: Any, failure: AlorError
) -> None:
    await office.send_after(before)
    office.wire.answers = [failure]
    with pytest.raises(OrderOutcomeUnknown, match="was sent before") as caught:
        await office.send()
    assert caught.value.__cause__ is failure
    if before is YES:
        assert (await caught.value.resolve()).order_id == "7"
