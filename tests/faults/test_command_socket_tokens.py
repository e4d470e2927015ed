"""Tokens that end under a command socket: renewed in time, commands behind the renewal, and a 401 proves itself alone."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from alor_async import AsyncAlor, EntryState, OrderAck, OrderOutcomeUnknown, StaticToken
from alor_async.config import Timeouts
from alor_async.errors import AuthError, ConnectError, TokenRefused, TokenUnavailable, Unauthorized
from alor_async.sandbox import Sandbox
from tests.orders.command_kit import PROMPT, Floor, gathered, prompt, trading
from tests.support.waiting import until

BURST = 30


def new_sandbox(token_life: float = 1800.0) -> Sandbox:
    return Sandbox(seed=42, token_life=token_life)


class Minutely:
    """A provider of somebody else's: a token for each who asks, none told without waiting, none renewed by itself."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._url = f"{sandbox.environment.oauth}/refresh"
        self._body = {"token": sandbox.refresh_token}
        self.asked = 0

    async def get_token(self) -> str:
        self.asked += 1
        async with aiohttp.ClientSession() as session, session.post(self._url, json=self._body) as answer:
            token: str = (await answer.json())["AccessToken"]
            return token


class Unsure:
    """A provider of somebody else's that is not always sure without waiting, and then gives the same token again."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._token = sandbox.tokens.issue(life=1800)
        self.is_sure = True

    async def get_token(self) -> str:
        self.is_sure = True
        return self._token

    def current(self) -> str | None:
        return self._token if self.is_sure else None


def verdicts(told: list[Any]) -> list[str]:
    return [type(one).__name__ for one in told]


class TestTheEndOfATokenInTheMiddle:
    @pytest.mark.parametrize("at", range(0, BURST, 3))
    async def test_f164_expire_now_at_every_boundary(self, at: int) -> None:
        """The refused one was not done; those behind it are in doubt; none is sent again; one refresh serves all."""
        async with trading() as floor:

            def expire(honest: bytes) -> bytes:
                floor.sandbox.faults.auth.expire_now()
                return honest

            if at:
                floor.sandbox.faults.cws.corrupt(expire, guid=f"key-{at - 1}")
            else:
                floor.sandbox.faults.auth.expire_now()
            refreshes = floor.sandbox.requests.count("auth.refresh")
            told = await gathered(floor.intents.begin_many(floor.fast.orders, BURST))
            assert verdicts(told[:at]) == ["OrderAck"] * at
            assert isinstance(told[at], Unauthorized)
            assert verdicts(told[at + 1 :]) == ["OrderOutcomeUnknown"] * (BURST - at - 1)
            entry = floor.alor.ledger.find(f"key-{at}")
            assert entry is not None
            assert entry.state is EntryState.NOT_SENT
            again = await floor.place(f"n{at}", request_id=f"key-{at}")
            assert isinstance(again, OrderAck), "it was not done, so it may be asked for again, under the same key"
            assert floor.sandbox.requests.count("auth.refresh") == refreshes + 1
            assert floor.opcodes.count("authorize") == 2
            floor.sandbox.messages.clear()  # the same key went out twice, by the caller's own wish

    @pytest.mark.parametrize("commands", [0, 1, 10, 40])
    async def test_f164_expire_now_between_bursts(self, commands: int) -> None:
        async with trading() as floor:
            await floor.intents.place_many(floor.fast.orders, commands, "before")
            refreshes = floor.sandbox.requests.count("auth.refresh")
            floor.sandbox.faults.auth.expire_now()
            told = await floor.intents.place_many(floor.fast.orders, 10, "burst")
            assert set(verdicts(told)) <= {"Unauthorized", "OrderOutcomeUnknown", "OrderAck"}
            assert "Unauthorized" in verdicts(told)
            assert all(
                isinstance(one, OrderAck) for one in await floor.intents.place_many(floor.fast.orders, 10, "after")
            )
            assert floor.sandbox.requests.count("auth.refresh") == refreshes + 1

    async def test_f164_a_401_that_leaves_the_socket_open(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(401, "Invalid JWT token!", guid="key-3")
            told = await gathered(floor.intents.begin_many(floor.fast.orders, 8))
            assert verdicts(told) == ["OrderAck"] * 3 + ["Unauthorized"] + ["OrderAck"] * 4
            await floor.place_surely("afterwards")
            assert floor.opcodes.count("authorize") == 2
            assert len({heard.connection for heard in floor.sandbox.messages}) == 1

    async def test_f164_what_comes_after_a_401_waits_behind_the_new_authorization(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(401, "Invalid JWT token!", guid="refused")
            floor.sandbox.faults.auth.slow(0.2)
            assert isinstance(await floor.place("refused", request_id="refused"), Unauthorized)
            tasks = floor.intents.begin_many(floor.fast.orders, 5)
            await until(lambda: floor.fast.waiting == 5)
            assert not floor.fast.is_ready
            assert floor.fast.in_flight == 0
            assert verdicts(await gathered(tasks)) == ["OrderAck"] * 5


class TestRenewal:
    async def test_f164_renewed_well_before_the_end_on_the_same_socket(self) -> None:
        """A burst goes on all the while; nobody is told of a renewal."""
        async with trading(token_life=2.0) as floor:
            count = 0
            while floor.opcodes.count("authorize") < 3:
                assert all(
                    isinstance(told, OrderAck)
                    for told in await floor.intents.place_many(floor.fast.orders, 5, f"b{count}-")
                )
                count += 1
                await asyncio.sleep(0.01)
            assert len({heard.connection for heard in floor.sandbox.messages}) == 1

    async def test_f164_a_provider_that_renews_nothing_by_itself_is_asked_in_time(self) -> None:
        async with new_sandbox(token_life=4.0) as sandbox:
            provider = Minutely(sandbox)
            async with (
                AsyncAlor(provider, environment=sandbox.environment, streams=PROMPT) as alor,
                alor.command_socket() as fast,
            ):
                floor = Floor(sandbox, alor, fast)
                await floor.place_surely()
                before = provider.asked
                begun = asyncio.get_running_loop().time()
                await until(lambda: floor.opcodes.count("authorize") == 2)
                assert 2.0 < asyncio.get_running_loop().time() - begun < 4.0, "at four fifths of its life"
                assert provider.asked == before + 1
                await floor.place_surely()
            floor.intents.judge()

    async def test_f164_commands_are_fenced_behind_the_renewal(self) -> None:
        async with trading(token_life=2.0) as floor:
            floor.sandbox.faults.cws.delay_ack(0.3, opcode="authorize")
            await until(lambda: floor.opcodes.count("authorize") == 2)
            assert not floor.fast.is_ready
            task = floor.intents.begin(floor.fast.orders, "fenced")
            await until(lambda: floor.fast.waiting == 1)
            assert isinstance(await task, OrderAck)

    async def test_f164_the_same_token_again_is_as_good_as_another(self) -> None:
        async with new_sandbox() as sandbox:
            provider = Unsure(sandbox)
            async with (
                AsyncAlor(provider, environment=sandbox.environment, streams=PROMPT) as alor,
                alor.command_socket() as fast,
            ):
                floor = Floor(sandbox, alor, fast)
                provider.is_sure = False
                await until(lambda: provider.is_sure)
                await floor.place_surely("afterwards", timeout=5)
                assert floor.opcodes == ["authorize", "authorize", "create:limit"]

    async def test_f164_a_renewal_that_is_never_answered_costs_the_connection_and_no_more(self) -> None:
        async with trading(prompt(ack_timeout=0.3), token_life=2.0) as floor:
            floor.sandbox.faults.cws.drop_ack(opcode="authorize")
            await until(lambda: floor.opcodes.count("authorize") == 2)
            told = await floor.place("behind it")
            assert isinstance(told, OrderAck)
            assert len({heard.connection for heard in floor.sandbox.messages}) == 2

    async def test_f164_a_token_service_that_fails_while_the_old_token_is_good(self) -> None:
        async with trading(token_life=4.0) as floor:
            with floor.sandbox.faults.auth.status(503, times=None) as failing:
                await until(lambda: failing.fired)
                await floor.place_surely("meanwhile")
            await until(lambda: floor.opcodes.count("authorize") == 2, within=10)
            await floor.place_surely("afterwards")


class TestNoToken:
    async def test_a_dead_refresh_token_is_said_at_once(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.auth.revoke_refresh()
            told = await floor.intents.place_many(floor.fast.orders, 3)
            assert isinstance(told[0], Unauthorized)
            assert isinstance(await floor.place("after", timeout=5), TokenRefused)
            assert isinstance(await floor.place("after that"), TokenRefused)

    async def test_opening_says_why_there_is_no_token(self) -> None:
        async with new_sandbox() as sandbox:
            sandbox.faults.auth.revoke_refresh()
            async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor:
                with pytest.raises(TokenRefused):
                    await alor.command_socket().open()
            async with AsyncAlor(environment=sandbox.environment, allow_delayed=True) as alor:
                with pytest.raises(AuthError, match="anonymous"):
                    await alor.command_socket().open()

    async def test_a_token_service_that_is_away_is_waited_for_within_the_queue(self) -> None:
        async with new_sandbox() as sandbox:
            sandbox.faults.auth.status(503, times=None)
            limits = Timeouts(queue=0.3)
            async with AsyncAlor(
                sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT, timeouts=limits
            ) as alor:
                with pytest.raises((TokenUnavailable, ConnectError)):
                    await alor.command_socket().open()

    async def test_a_token_that_is_refused_again_and_again(self) -> None:
        """A token of another environment: said at once, not after a queue's time."""
        async with new_sandbox() as sandbox, new_sandbox() as other:
            async with AsyncAlor(other.refresh_token, environment=other.environment) as owner:
                token = await owner._session.get_token()
            async with AsyncAlor(StaticToken(token), environment=sandbox.environment, streams=PROMPT) as alor:
                with pytest.raises(Unauthorized):
                    await alor.command_socket().open()

    async def test_f164_a_storm_of_expiries_costs_one_refresh_each(self) -> None:
        async with trading() as floor:
            for number in range(5):
                refreshes = floor.sandbox.requests.count("auth.refresh")
                floor.sandbox.faults.auth.expire_now()
                storm = [
                    floor.intents.place_many(orders, 20, f"{name}{number}-")
                    for name, orders in (("fast", floor.fast.orders), ("rest", floor.alor.orders))
                ]
                told = [one for group in await asyncio.gather(*storm) for one in group]
                assert not [one for one in told if not isinstance(one, OrderAck | OrderOutcomeUnknown | Unauthorized)]
                assert floor.sandbox.requests.count("auth.refresh") == refreshes + 1
                await until(lambda: floor.fast.is_ready)
            await floor.place_surely("healed")
