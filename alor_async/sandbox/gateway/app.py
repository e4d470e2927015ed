"""From a request to its answer: who asks, what is asked, what goes wrong on purpose, what the exchange says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from alor_async.sandbox import effects
from alor_async.sandbox.core.exchange import Exchange, InvalidQuery, UnknownInstrument, UnknownPortfolio
from alor_async.sandbox.faults import AFTER, BEFORE, Fault, FaultPlan, is_inward
from alor_async.sandbox.gateway.call import (
    EXCHANGES,
    Call,
    Fields,
    Query,
    Refused,
    Reply,
    invalid,
    read_json,
    text_reply,
)
from alor_async.sandbox.gateway.dedupe import Dedupe
from alor_async.sandbox.gateway.delivery import Delivery, silence, to_response, to_stream
from alor_async.sandbox.gateway.foiling import foiled, is_for, lag_of
from alor_async.sandbox.gateway.oauth import Grant, Tokens, bearer
from alor_async.sandbox.gateway.routing import Access, Match, Route, Router
from alor_async.sandbox.gateway.wire import Pipe, Wire
from alor_async.sandbox.selectors import Moment, SocketKind

if TYPE_CHECKING:
    from alor_async.sandbox.effects import Effect
    from alor_async.sandbox.gateway.limits import Pace
    from alor_async.sandbox.gateway.received import Received, RequestLog
    from alor_async.sandbox.gateway.shown_time import ShownTime
    from alor_async.sandbox.gateway.sockets.registry import Sockets

_TURNED_AWAY = frozenset({401, 403})
"""Answers of a gate before the command: an id that met them has not been handled, unless it is assumed to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A request, read whole."""

    match: Match
    query: Query
    headers: Mapping[str, str]
    body: bytes


class Gateway:
    """The HTTP side of the sandbox. `exchange_lock` is held whenever the exchange is asked."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        exchange_lock: threading.RLock,
        tokens: Tokens,
        router: Router,
        plan: FaultPlan,
        dedupe: Dedupe,
        log: RequestLog,
        pace: Pace | None,
        sockets: Sockets,
        shown: ShownTime,
        failures: list[BaseException],
    ) -> None:
        self._exchange = exchange
        self._exchange_lock = exchange_lock
        self._tokens = tokens
        self._router = router
        self._plan = plan
        self._dedupe = dedupe
        self._log = log
        self._pace = pace
        self._sockets = sockets
        self._shown = shown
        self.failures = failures
        """What went wrong in the sandbox itself; a client has seen it as a bare 500."""

    async def handle(self, server: str, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        response = await self._handle(server, request)
        date = self._shown.date_header()
        if date is not None and not response.prepared:
            response.headers["Date"] = date
        return response

    async def _handle(self, server: str, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = _target(request).partition("?")
        match = self._router.match(server, request.method, path)
        route = match.route
        received = self._log.add(
            server,
            request.method,
            path,
            query,
            request.headers,
            None if route is None else route.template,
            None if route is None else route.operation,
        )
        pipe = request.transport
        wire = pipe.wire if isinstance(pipe, Pipe) else None
        if wire is None:
            return web.Response()
        wire.begin_answer()
        socket = self._sockets.opens(route, request)
        if socket is not None:
            inquiry = Inquiry(match=match, query=Query(query), headers=request.headers, body=b"")
            return await self._open(socket, inquiry, request, received, wire)
        if request.headers.get("Expect", "").lower() == "100-continue":
            wire.invite_body()
        try:
            body = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge:
            return to_response(_noted(received, Reply(413)))
        received.keep_body(body)
        inquiry = Inquiry(match=match, query=Query(query), headers=request.headers, body=body)
        if "request" not in self._plan.scopes:
            reply = _noted(received, self._answer(inquiry))
            return to_response(reply) if reply.rest is None else await self._send_on(reply, reply.rest, request)
        try:
            return await self._answer_badly(inquiry, request, received, wire)
        except ConnectionError:
            raise
        except Exception as failure:  # noqa: BLE001  (a fault's own function may fail)
            self.failures.append(failure)
            return to_response(_noted(received, Reply(500)))

    async def _send_on(self, reply: Reply, rest: Iterator[bytes], request: web.BaseRequest) -> web.StreamResponse:
        """Send a long answer while it is made: others have their turn, and the lock, in between."""
        response = to_stream(reply)
        date = self._shown.date_header()
        if date is not None:
            response.headers["Date"] = date
        piece = reply.body
        try:
            await response.prepare(request)
            while piece:
                await response.write(piece)
                await asyncio.sleep(0)
                piece = self._next(rest)
            await response.write_eof()
        except ConnectionError:
            pass  # the client did not wait for the end
        except Exception as failure:  # noqa: BLE001  (too late for a 500: an answer that breaks off is none)
            self.failures.append(failure)
            if request.transport is not None:
                request.transport.abort()
        return response

    def _next(self, rest: Iterator[bytes]) -> bytes:
        with self._exchange_lock:
            return next(rest, b"")

    # -- the honest way ----------------------------------------------------------------------------------------------

    def _answer(self, inquiry: Inquiry, taken: Sequence[Effect] = ()) -> Reply:
        """What the exchange says; whatever happens, an answer."""
        route = inquiry.match.route
        if route is None:
            allowed = inquiry.match.allowed
            return Reply(405, headers={"Allow": ", ".join(allowed)}) if allowed else Reply(404)
        try:
            with self._exchange_lock:
                return self._run(route, inquiry, taken)
        except Refused as refusal:
            return refusal.reply
        except (UnknownInstrument, UnknownPortfolio):
            return Reply(404)
        except InvalidQuery as problem:
            return text_reply(str(problem), 400)
        except Exception as failure:  # noqa: BLE001  (a server answers; `Sandbox.check` reports it)
            self.failures.append(failure)
            return Reply(500)

    def _run(self, route: Route, inquiry: Inquiry, taken: Sequence[Effect]) -> Reply:
        token = inquiry.headers.get("Authorization")
        if self._pace is not None and not self._pace.admits(token or "anonymous"):
            return Reply(429)
        call = Call(self._exchange, self._tokens, inquiry.match.parameters, inquiry.query, inquiry.body)
        call.shown, call.lag = self._shown, lag_of(taken)
        reject_token = any(isinstance(effect, effects.RejectToken) for effect in taken)
        if route.access is not Access.NONE:
            call.grant = self._authorize(route, bearer(token), reject_token=reject_token)
        exchange = call.path.get("exchange")
        if exchange is not None and exchange.upper() not in EXCHANGES:
            raise invalid("exchange", f"The value '{exchange[:80]}' is not valid.")
        call.query.flag("jsonResponse")
        with foiled(self._exchange, taken) if taken else contextlib.nullcontext():
            return self._run_once(route, inquiry, call) if route.has_request_id else route.handler(call)

    def _authorize(self, route: Route, token: str | None, *, reject_token: bool) -> Grant | None:
        if token is None and route.access is Access.OPTIONAL:
            return None
        grant = None if token is None or reject_token else self._tokens.grant(token)
        if grant is None:
            if (
                route.access is Access.OPTIONAL
                and self._exchange.assumptions.invalid_token_on_open_route == "anonymous"
            ):
                return None
            raise Refused(Reply(401))
        if route.scope is not None and route.scope.lower() not in grant.scopes:
            raise Refused(Reply(403))
        return grant

    def _run_once(self, route: Route, inquiry: Inquiry, call: Call) -> Reply:
        """Run a command whose id has not been seen; answer for one whose id has."""
        request_id = inquiry.headers.get("X-REQID") or inquiry.headers.get("X-ALOR-REQID")
        if not request_id:
            raise invalid("X-REQID", "The X-REQID field is required.")
        known = self._dedupe.recall(request_id)
        if known is not None:
            return known
        try:
            reply = route.handler(call)
        except Refused as refusal:
            reply = refusal.reply
        if reply.status not in _TURNED_AWAY or self._exchange.assumptions.turned_away_id == "remembered":
            self._dedupe.remember(request_id, reply)
        return reply

    # -- the other way -----------------------------------------------------------------------------------------------

    async def _answer_badly(
        self, inquiry: Inquiry, request: web.BaseRequest, received: Received, wire: Wire
    ) -> web.StreamResponse:
        """Answer while faults are armed: those that fit are felt before, and after, the exchange acts."""
        moment = _moment(received, inquiry)
        delivery = Delivery(request, wire)
        taken = self._plan.take("request", moment, partial(_is_before, inquiry))
        for effect in taken:
            if await delivery.suffer(effect):
                return silence(wire)
        if delivery.reply is None:
            delivery.reply = self._answer(inquiry, taken).whole()
        for effect in self._plan.take("request", moment, _is_after):
            if await delivery.suffer(effect):
                return silence(wire)
        _noted(received, delivery.reply)
        return await delivery.send()

    async def _open(
        self, socket: SocketKind, inquiry: Inquiry, request: web.BaseRequest, received: Received, wire: Wire
    ) -> web.StreamResponse:
        """Open a socket, unless a fault of requests decides that its handshake ends otherwise."""
        delivery = Delivery(request, wire)
        if "request" in self._plan.scopes:
            for effect in self._plan.take("request", _moment(received, inquiry), partial(_is_before, inquiry)):
                if await delivery.suffer(effect):
                    return silence(wire)
        if delivery.reply is None:
            return await self._sockets.accept(socket, request, wire)
        _noted(received, delivery.reply)
        return await delivery.send()


def _is_before(inquiry: Inquiry, fault: Fault) -> bool:
    """Whether a fault is felt before the exchange acts; a token can only be refused where there is one."""
    if isinstance(fault.effect, effects.RejectToken) and "Authorization" not in inquiry.headers:
        return False
    route = inquiry.match.route
    felt = is_for(fault.effect, None if route is None else route.operation)
    return felt and fault.stage == BEFORE and not is_inward(fault)


def _is_after(fault: Fault) -> bool:
    return fault.stage == AFTER and not is_inward(fault)


def _noted(received: Received, reply: Reply) -> Reply:
    received.status = reply.status
    return reply


def _target(request: web.BaseRequest) -> str:
    """The request target without a scheme and a host, should it come with them."""
    target = request.raw_path
    return target if target.startswith("/") else request.rel_url.raw_path_qs


def _moment(received: Received, inquiry: Inquiry) -> Moment:
    def find(name: str) -> tuple[str, ...]:
        return tuple(_search(name, inquiry))

    return Moment(
        server=received.server,
        method=received.method,
        path=received.path,
        template=received.route,
        operation=received.operation,
        find=find,
    )


def _search(name: str, inquiry: Inquiry) -> Iterable[str]:
    """The portfolio or the symbols of a request, wherever they stand."""
    yield from (inquiry.match.parameters[name],) if name in inquiry.match.parameters else ()
    for other in (name,) if name == "portfolio" else (name, "ticker"):
        found = inquiry.query.text(other)
        if found is not None:
            yield found
    if name == "symbol":
        yield from (one.split(":")[1] for one in inquiry.match.parameters.get("symbols", "").split(",") if ":" in one)
    try:
        fields = Fields(read_json(inquiry.body))
        holder = fields.part("user" if name == "portfolio" else "instrument") if fields.has("user") else fields
        yield holder.text(name if name == "portfolio" or fields.has("user") else "ticker")
    except Refused:
        return
