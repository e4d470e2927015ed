"""Commands over a socket that dies, lies, or says nothing: one order at most, and doubt is called doubt."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from alor_async import EntryState, OrderAck, OrderOutcomeUnknown, OrderRejected, Side
from alor_async.errors import AlorError, ClosedError, ConnectError, ConnectionLost, InvalidArgument
from alor_async.sandbox import Assumptions
from tests.orders.command_kit import SBER, Floor, gathered, prompt, trading
from tests.support.leftovers import our_tasks
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high


def state_of(floor: Floor, key: object) -> EntryState:
    """What the ledger knows of a command; by its key, or by what was told of it."""
    entry = floor.alor.ledger.find(str(getattr(key, "request_id", key)))
    assert entry is not None
    return entry.state


class TestAConnectionThatDies:
    @pytest.mark.parametrize("direction", ["in", "out", "both"])
    async def test_f119_a_path_that_died_leaves_what_was_sent_in_doubt(self, direction: Any) -> None:
        async with trading(prompt(silence=0.4)) as floor:
            with floor.sandbox.faults.net.blackhole(direction, socket="cws"):
                tasks = floor.intents.begin_many(floor.fast.orders, 5)
                told = await gathered(tasks)
                assert all(isinstance(one, OrderOutcomeUnknown) for one in told)
                assert all(isinstance(one.__cause__, ConnectionLost) for one in told)
            assert all(state_of(floor, one) is EntryState.UNKNOWN for one in told)
            await floor.place_surely("afterwards")
            if direction == "out":
                assert len(floor.intents.accepted) == 6, "they arrived, and only the replies did not"

    @pytest.mark.parametrize("stage", ["before_execution", "after_execution"])
    @pytest.mark.parametrize("how", ["abort", "close"])
    @pytest.mark.parametrize("at", [0, 7, 19])
    async def test_f161_commands_in_flight_are_unknown_and_never_sent_again(
        self, stage: Any, how: str, at: int
    ) -> None:
        async with trading() as floor:
            arguments: dict[str, Any] = {"guid": f"key-{at}", "stage": stage}
            getattr(floor.sandbox.faults.cws, how)(*([1012] if how == "close" else []), **arguments)
            told = await gathered(floor.intents.begin_many(floor.fast.orders, 20))
            is_replied_to = how == "close" and stage == "after_execution"
            assert isinstance(told[at], OrderAck if is_replied_to else OrderOutcomeUnknown)
            assert all(isinstance(one, OrderOutcomeUnknown) for one in told[at + 1 :])
            assert (f"n{at}" in floor.intents.accepted) is (stage == "after_execution")
            for number, one in enumerate(told):
                # A connection that breaks takes earlier replies with it; one that is closed does not.
                assert isinstance(one, OrderAck) or (
                    isinstance(one.__cause__, ConnectionLost) and number >= at * (how == "close")
                )
            # Where all were replied to, the end of the connection may be on its way as yet.
            await until(lambda: floor.opcodes.count("authorize") == 2)
            await floor.place_surely("afterwards")
            doubts = [f"key-{number}" for number, one in enumerate(told) if isinstance(one, OrderOutcomeUnknown)]
            assert [entry.key for entry in floor.alor.ledger.list_open()] == doubts

    async def test_f161_reading_finds_the_truth(self) -> None:
        async with trading(order_tags=True) as floor:
            floor.sandbox.faults.cws.abort(guid="lost", stage="after_execution")
            low, _ = low_and_high(floor.sandbox)
            with pytest.raises(OrderOutcomeUnknown) as caught:
                await floor.fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low, request_id="lost")
            ack = await caught.value.resolve()
            assert [order.order_id for order in floor.sandbox.orders(STOCKS)] == [ack.order_id]
            assert state_of(floor, ack) is EntryState.ACCEPTED
            floor.intents.note(**{floor.sandbox.orders(STOCKS)[0].comment or "": ack})

    async def test_f161_commands_that_come_while_there_is_no_connection_wait_for_the_next(self) -> None:
        async with trading() as floor:
            with floor.sandbox.faults.net.refuse():
                floor.sandbox.faults.cws.abort()
                await until(lambda: not floor.fast.is_ready)
                tasks = floor.intents.begin_many(floor.fast.orders, 5)
                await until(lambda: floor.fast.waiting == 5)
                assert floor.intents.accepted == {}
            assert all(isinstance(one, OrderAck) for one in await gathered(tasks))

    async def test_f161_what_waits_in_vain_was_surely_not_sent(self) -> None:
        async with trading() as floor:
            with floor.sandbox.faults.net.refuse():
                floor.sandbox.faults.cws.abort()
                await until(lambda: not floor.fast.is_ready)
                told = await floor.place("never", request_id="never", timeout=0.1)
                assert isinstance(told, ConnectError)
                assert str(told).count("nothing was sent") == 1
                assert state_of(floor, "never") is EntryState.NOT_SENT
            await floor.place_surely("afterwards")
            assert "never" not in floor.intents.accepted

    async def test_f161_half_a_reply_is_none(self) -> None:
        async with trading() as floor:
            await floor.place_surely("before")
            floor.sandbox.faults.net.reset(40, direction="out", socket="cws")
            assert isinstance(await floor.place("cut"), OrderOutcomeUnknown)
            floor.sandbox.faults.clear()
            await floor.place_surely("afterwards")

    async def test_a_broken_frame_ends_the_connection_and_leaves_doubt(self) -> None:
        async with trading() as floor:
            with floor.sandbox.faults.cws.mute():
                task = floor.intents.begin(floor.fast.orders, "muted")
                await until(lambda: floor.intents.accepted)
                floor.sandbox.faults.cws.raw(b"\xf1\x01a" + b"\x00" * 200)
                assert isinstance(await task, OrderOutcomeUnknown)
            await floor.place_surely("afterwards")


class TestRefusals:
    async def test_f162_a_guid_that_was_used_leaves_everything_in_doubt(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(
                400,
                "Request with such Guid has already been handled",
                guid="key-3",
                stage="after_execution",
                closes=True,
            )
            told = await gathered(floor.intents.begin_many(floor.fast.orders, 8))
            assert [type(one) for one in told] == [OrderAck] * 3 + [OrderOutcomeUnknown] * 5
            await floor.place_surely("afterwards")

    @pytest.mark.parametrize("closes", [False, True])
    async def test_f163_a_refusal_may_close_the_socket(self, closes: bool) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(400, "Trading is stopped", guid="key-3", closes=closes)
            told = await gathered(floor.intents.begin_many(floor.fast.orders, 8))
            after = OrderOutcomeUnknown if closes else OrderAck
            assert [type(one) for one in told] == [OrderAck] * 3 + [OrderRejected] + [after] * 4
            assert told[3].reason == "Trading is stopped"
            await floor.place_surely("afterwards")

    @pytest.mark.parametrize("rejected", ["open", "closed"])
    async def test_f163_as_the_exchange_itself_does_it(self, rejected: Any) -> None:
        """A strategy whose orders are refused one after another is not slowed down by the closings."""
        slow = prompt(reconnect_base=20.0, reconnect_cap=60.0)
        async with trading(slow, assumptions=Assumptions(rejected_cws_order=rejected)) as floor:
            low, _ = low_and_high(floor.sandbox)
            for _ in range(12):
                with pytest.raises(OrderRejected):
                    await floor.fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low / 10, timeout=2)
            await floor.place_surely("afterwards")
            assert floor.opcodes.count("authorize") == (13 if rejected == "closed" else 1)

    async def test_f163_a_broker_that_lives_on_after_a_refusal_is_asked_for_a_sign_of_life_once(self) -> None:
        """Until it is known, commands wait behind a refusal for one answer; from then on they do not."""
        async with trading(prompt(ping_every=60, silence=120)) as floor:
            for number in range(5):
                floor.sandbox.faults.cws.reject(400, "Trading is stopped", opcode="create:*")
                assert isinstance(await floor.place(f"refused {number}"), OrderRejected)
                assert floor.fast.is_ready is (number > 0)
                await floor.place_surely(f"after {number}")
            assert [heard.opcode for heard in floor.sandbox.messages].count("ping") == 2

    @pytest.mark.parametrize("understood", ["open", "closed"])
    async def test_f163_a_command_that_is_not_understood(self, understood: Any) -> None:
        async with trading(assumptions=Assumptions(invalid_cws_command=understood)) as floor:
            floor.sandbox.faults.cws.reject(
                400, "The value of 'opcode' is missing or unknown", opcode="create:*", closes=understood == "closed"
            )
            assert isinstance(await floor.place("odd"), OrderRejected)
            await floor.place_surely("afterwards")

    @pytest.mark.parametrize("status", [302, 409, 418, 499, 500, 502, 504, 599, 0, 99, 1000])
    async def test_f168_a_status_that_proves_nothing_is_doubt(self, status: int) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(status, "who knows", stage="after_execution", opcode="create:*")
            told = await floor.place("odd")
            assert isinstance(told, OrderOutcomeUnknown)
            assert "odd" in floor.intents.accepted
            await floor.place_surely("afterwards")

    @pytest.mark.parametrize("status", [0, 99, 300, 500])
    async def test_f168_nor_does_it_prove_a_cancel(self, status: int) -> None:
        async with trading() as floor:
            ack = await floor.place_surely()
            floor.sandbox.faults.cws.reject(status, "who knows", opcode="delete:*")
            with pytest.raises(OrderOutcomeUnknown):
                await floor.fast.orders.cancel(STOCKS, ack.order_id)

    @pytest.mark.parametrize("text", ["Command Timeout", "CommandResponseTimeout", "the exchange timed out"])
    async def test_a_broker_that_stopped_waiting_proves_nothing(self, text: str) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(400, text, stage="after_execution", opcode="create:*")
            assert isinstance(await floor.place("late"), OrderOutcomeUnknown)

    @pytest.mark.parametrize("status", [400, 403, 404, 422, 429])
    async def test_a_refusal_is_a_no(self, status: int) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(status, "no", opcode="create:*")
            told = await floor.place("refused")
            assert isinstance(told, AlorError)
            assert not isinstance(told, OrderOutcomeUnknown)
            await floor.place_surely("afterwards")

    async def test_f169_a_twin_is_refused_and_the_check_is_never_switched_off_silently(self) -> None:
        async with trading() as floor:
            await floor.place_surely("twin")
            told = await floor.place("twin")
            assert isinstance(told, OrderRejected)
            assert told.reason is not None
            assert "repeats another" in told.reason
            said = [heard.json for heard in floor.sandbox.messages if heard.opcode == "create:limit"]
            assert ["checkDuplicates" in message for message in said] == [False, False]

    async def test_f169_whoever_wants_twins_says_so(self) -> None:
        async with trading(check_duplicates=False) as floor:
            acks = [await floor.place_surely("twin") for _ in range(3)]
            assert floor.intents.accepted == {"twin": [ack.order_id for ack in acks]}

    async def test_f169_tags_tell_twins_apart(self) -> None:
        async with trading(order_tags=True) as floor:
            low, _ = low_and_high(floor.sandbox)
            acks = [await floor.fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low) for _ in range(3)]
            comments = [order.comment or "" for order in floor.sandbox.orders(STOCKS)]
            assert len(set(comments)) == 3
            floor.intents.note(**dict(zip(comments, acks, strict=True)))


class TestReplies:
    async def test_f165_a_reply_after_the_deadline_settles_the_open_command(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.delay_ack(0.3, opcode="create:*")
            told = await floor.place("late", timeout=0.05)
            assert isinstance(told, OrderOutcomeUnknown)
            assert state_of(floor, told) is EntryState.UNKNOWN
            await until(lambda: state_of(floor, told) is EntryState.ACCEPTED)
            assert (await told.resolve(0.1)).order_id == floor.intents.accepted["late"][0]
            assert floor.fast.in_flight == 0

    async def test_f165_a_late_no_settles_it_too(self) -> None:
        async with trading() as floor:
            low, _ = low_and_high(floor.sandbox)
            floor.sandbox.faults.cws.delay_ack(0.3, opcode="create:*")
            with pytest.raises(OrderOutcomeUnknown) as caught:
                await floor.fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low / 10, timeout=0.05)
            await until(lambda: state_of(floor, caught.value) is EntryState.REJECTED)
            with pytest.raises(OrderRejected):
                await caught.value.resolve(0.1)

    async def test_f165_a_reply_after_the_caller_was_cancelled(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.delay_ack(0.2, opcode="create:*")
            task = floor.intents.begin(floor.fast.orders, "left", request_id="left")
            await until(lambda: floor.fast.in_flight == 1)
            task.cancel()
            await gathered([task])
            assert state_of(floor, "left") is EntryState.UNKNOWN
            await until(lambda: state_of(floor, "left") is EntryState.ACCEPTED)

    async def test_f165_replies_for_nobody_are_passed_over(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.dup_reply(3, opcode="create:*")
            await floor.place_surely("twice")
            floor.sandbox.faults.cws.wrong_guid("a-stranger", opcode="create:*")
            assert isinstance(await floor.place("another's", timeout=0.1), OrderOutcomeUnknown)
            await floor.place_surely("afterwards")
            assert floor.opcodes.count("authorize") == 1

    @pytest.mark.parametrize(
        "change",
        [
            (rb'"orderNumber":"[0-9]+"', rb'"number":"1"'),
            (rb'"orderNumber":"[0-9]+"', rb'"orderNumber":null'),
            (rb'"orderNumber":"[0-9]+"', rb'"orderNumber":""'),
            (rb'"orderNumber":"[0-9]+"', rb'"orderNumber":"4.1e10"'),
            (rb'"orderNumber":"[0-9]+"', rb'"orderNumber":{"id":1}'),
            (rb'"orderNumber":"[0-9]+"', rb'"orderNumber":-5'),
            (rb'"httpCode":200', rb'"httpCode":"two hundred"'),
            (rb'"httpCode":200,', rb""),
        ],
        ids=lambda change: change[1].decode(),
    )
    async def test_f166_a_number_is_read_from_its_field_and_nowhere_else(self, change: tuple[bytes, bytes]) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.corrupt(lambda honest: re.sub(*change, honest), opcode="create:*")
            assert isinstance(await floor.place("numberless"), OrderOutcomeUnknown)
            assert "numberless" in floor.intents.accepted
            await floor.place_surely("afterwards")

    @pytest.mark.parametrize("told", ["number", "text"])
    async def test_f166_a_number_may_be_written_either_way(self, told: Any) -> None:
        async with trading(assumptions=Assumptions(cws_order_number=told)) as floor:
            assert (await floor.place_surely()).order_id == floor.sandbox.orders(STOCKS)[0].order_id

    async def test_f166_a_cancel_needs_no_number(self) -> None:
        async with trading() as floor:
            ack = await floor.place_surely()
            floor.sandbox.faults.cws.corrupt(
                lambda honest: re.sub(rb',"orderNumber":"[0-9]+"', b"", honest), opcode="delete:*"
            )
            assert await floor.fast.orders.cancel(STOCKS, ack.order_id) == OrderAck(order_id=ack.order_id)

    @pytest.mark.parametrize("data", [b"", b"null", b"[]", b"\xff\xfe", b"{" * 5000, b'{"requestGuid":5}', b'"text"'])
    async def test_what_cannot_be_read_costs_its_own_command_alone(self, data: bytes) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.corrupt(data, opcode="create:*")
            assert isinstance(await floor.place("unread", timeout=0.2), OrderOutcomeUnknown)
            await floor.place_surely("afterwards")

    async def test_f167_replies_in_another_order_find_their_commands(self) -> None:
        async with trading() as floor:
            with floor.sandbox.faults.cws.reorder(5, opcode="create:*"):
                told = await floor.intents.place_many(floor.fast.orders, 20)
            assert all(isinstance(one, OrderAck) for one in told)

    async def test_f168_no_reply_on_a_healthy_socket_is_doubt_and_the_socket_is_kept(self) -> None:
        async with trading(prompt(silence=0.5), window=2) as floor:
            with floor.sandbox.faults.cws.mute(opcode="create:*"):
                for number in range(3):
                    told = await floor.place(f"mute {number}", timeout=0.3)
                    assert isinstance(told, OrderOutcomeUnknown)
            assert len(floor.intents.accepted) == 3, "whoever gives up makes room in the window"
            await floor.place_surely("afterwards")
            assert floor.opcodes.count("authorize") == 1


class TestTogether:
    async def test_f151_commands_from_inside_a_stream(self) -> None:
        async with trading() as floor, floor.alor.streams.orders(STOCKS) as orders:
            await floor.intents.place(floor.alor.orders, "seen")
            async for order in orders:
                if order.comment == "seen" and order.status == "working":
                    await floor.fast.orders.cancel(order)
                    await floor.place_surely("from inside")
                elif order.comment == "from inside":
                    await floor.fast.close()
                    await floor.alor.close()
                    break
            assert [order.status for order in floor.sandbox.orders(STOCKS)] == ["canceled", "working"]

    async def test_f170_one_record_and_one_chain_of_numbers_over_both_wires(self) -> None:
        async with trading() as floor:
            low, _ = low_and_high(floor.sandbox)
            first = await floor.intents.place(floor.alor.orders, "first", request_id="one")
            assert isinstance(first, OrderAck)
            second = await floor.fast.orders.replace_limit(
                STOCKS, first.order_id, SBER, Side.BUY, lots=2, price=low, comment="second", request_id="two"
            )
            third = await floor.alor.orders.replace_limit(
                STOCKS, second.order_id, SBER, Side.BUY, lots=3, price=low, comment="third", request_id="three"
            )
            await floor.fast.orders.cancel(STOCKS, third.order_id)
            chain = [floor.alor.ledger.find(key) for key in ("one", "two", "three")]
            assert [(entry.wire, entry.replaces, entry.order_id) for entry in chain if entry is not None] == [
                ("rest", None, first.order_id),
                ("cws", first.order_id, second.order_id),
                ("rest", second.order_id, third.order_id),
            ]
            floor.intents.note(second=second, third=third)

    @pytest.mark.parametrize("wires", [("fast", "alor"), ("alor", "fast"), ("fast", "fast")])
    async def test_f171_a_key_of_unknown_outcome_is_not_tried_on_the_other_wire(self, wires: tuple[str, str]) -> None:
        async with trading() as floor:
            first, second = (getattr(floor, wire).orders for wire in wires)
            floor.sandbox.faults.ack.drop(operation="orders.place_limit")
            floor.sandbox.faults.cws.drop_ack(opcode="create:*")
            told = await floor.intents.place(first, "once", request_id="key", timeout=0.3)
            assert isinstance(told, OrderOutcomeUnknown)
            assert isinstance(await floor.intents.place(second, "once", request_id="key"), InvalidArgument)
            assert len(floor.intents.accepted["once"]) == 1


class TestClosing:
    @pytest.mark.parametrize("what", ["fast", "alor"])
    async def test_f175_commands_in_flight_are_unknown_and_the_ledger_keeps_them(self, what: str) -> None:
        async with trading(window=6) as floor:
            with floor.sandbox.faults.cws.mute(opcode="create:*"):
                tasks = floor.intents.begin_many(floor.fast.orders, 20)
                await until(lambda: floor.fast.in_flight == 5)
                begun = asyncio.get_running_loop().time()
                await getattr(floor, what).close()
                assert asyncio.get_running_loop().time() - begun < 2.0
                told = await gathered(tasks)
            assert [type(one) for one in told] == [OrderOutcomeUnknown] * 5 + [ClosedError] * 15
            assert [state_of(floor, one) for one in told[:5]] == [EntryState.UNKNOWN] * 5
            await until(lambda: len(floor.intents.accepted) == 5)
            assert isinstance(await floor.place("too late"), ClosedError)

    async def test_f175_what_is_replied_to_before_the_goodbye_is_still_heard(self) -> None:
        async with trading() as floor:
            for number in range(5):
                async with floor.alor.command_socket() as brief:
                    floor.sandbox.faults.cws.delay(0.05, opcode="create:*")
                    last = floor.intents.begin(brief.orders, f"last {number}")
                    await until(lambda: brief.in_flight)
                assert isinstance(await last, OrderAck)

    async def test_f175_closing_while_there_is_no_connection(self) -> None:
        async with trading() as floor:
            with floor.sandbox.faults.net.refuse():
                floor.sandbox.faults.cws.abort()
                await until(lambda: not floor.fast.is_ready)
                tasks = floor.intents.begin_many(floor.fast.orders, 3)
                await until(lambda: floor.fast.waiting == 3)
                await floor.fast.close()
                assert [type(one) for one in await gathered(tasks)] == [ClosedError] * 3
            assert [name for name in our_tasks() if "command" in name] == []
