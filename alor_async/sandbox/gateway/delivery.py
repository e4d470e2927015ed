"""How an answer leaves, and what faults make of it."""

from __future__ import annotations

import asyncio
import contextlib
from http.client import responses

from aiohttp import web
from multidict import CIMultiDict

from alor_async.sandbox import effects
from alor_async.sandbox.effects import Effect
from alor_async.sandbox.gateway.call import Reply
from alor_async.sandbox.gateway.killing import kill
from alor_async.sandbox.gateway.wire import Wire


def to_response(reply: Reply) -> web.Response:
    """An answer as aiohttp sends it."""
    return web.Response(status=reply.status, body=reply.body, headers=_headers(reply))


def to_stream(reply: Reply) -> web.StreamResponse:
    """The beginning of an answer whose length is not known yet."""
    return web.StreamResponse(status=reply.status, headers=_headers(reply))


def _headers(reply: Reply) -> CIMultiDict[str]:
    if reply.content_type is None:
        return CIMultiDict(reply.headers)
    return CIMultiDict({"Content-Type": reply.content_type, **reply.headers})


def silence(wire: Wire) -> web.Response:
    """What the HTTP server is given when the wire has already said all that will be said."""
    wire.hush()
    return web.Response()


class Delivery:
    """One answer on its way out. `suffer` applies effects one by one, `send` delivers what is left."""

    def __init__(self, request: web.BaseRequest, wire: Wire) -> None:
        self._request = request
        self._wire = wire
        self.reply: Reply | None = None
        self._extra: list[tuple[str, str]] = []
        self._drip: effects.Drip | None = None
        self._truncate: effects.Truncate | None = None
        self._half_close = False
        self._slow_close = False

    async def suffer(self, effect: Effect) -> bool:
        """Apply one effect; True when it was the end and nothing is left to send."""
        match effect:
            case effects.Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case effects.Drop(how=how):
                self._drop(how)
                return True
            case effects.Kill(pid=pid):
                kill(pid)
                self._drop("reset")
                return True
            case effects.RawAnswer(payload=payload, close=close):
                self._wire.say(payload() if callable(payload) else payload, then_close=close)
                return True
            case effects.Answer(status=status, body=body, headers=headers):
                self.reply = Reply(status, body, headers=headers)
            case effects.ExtraHeaders(headers=headers):
                self._extra.extend(headers)
            case effects.ChangedBody():
                self._change_body(effect)
            case effects.Drip():
                self._drip = effect
            case effects.Truncate():
                self._truncate = effect
            case effects.HalfClose(after_bytes=None):
                self._half_close = True
            case (
                effects.Reset()
                | effects.Blackhole()
                | effects.Latency()
                | effects.Bandwidth()
                | effects.Slicer()
                | effects.HalfClose()
                | effects.SlowClose()
            ):
                self._slow_close = self._slow_close or isinstance(effect, effects.SlowClose)
                self._wire.bend(effect)
            case _:
                pass  # told to the exchange, or for sockets only
        return False

    async def send(self) -> web.StreamResponse:
        """Send the answer."""
        reply = self.reply or Reply(500)
        if self._truncate is not None:
            return self._send_cut(reply, self._truncate)
        response: web.StreamResponse = to_response(reply) if self._drip is None else _head_only(reply)
        response.headers.extend(self._extra)
        if self._slow_close:
            response.force_close()
        if self._drip is None and not self._half_close:
            return response
        with contextlib.suppress(ConnectionError):  # the client did not wait for the end
            await self._send_slowly(reply, response)
        return response

    async def _send_slowly(self, reply: Reply, response: web.StreamResponse) -> None:
        await response.prepare(self._request)
        if self._drip is not None:
            for start in range(0, len(reply.body), self._drip.size):
                await response.write(reply.body[start : start + self._drip.size])
                await asyncio.sleep(self._drip.pause)
        await response.write_eof()
        if self._half_close:
            self._wire.half_close()

    def _drop(self, how: str) -> None:
        if how == "reset":
            self._wire.reset()
        elif how == "close":
            self._wire.hang_up()

    def _change_body(self, effect: effects.ChangedBody) -> None:
        honest = self.reply or Reply(200)
        body = effect.body(honest.body) if callable(effect.body) else effect.body
        self.reply = Reply(honest.status, body, effect.content_type or honest.content_type, honest.headers)

    def _send_cut(self, reply: Reply, cut: effects.Truncate) -> web.StreamResponse:
        """Write the head by hand: a library refuses to promise more than it sends."""
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}"]
        lines += [f"{name}: {value}" for name, value in (*_headers(reply).items(), *self._extra)]
        lines.append(f"Content-Length: {len(reply.body)}" if cut.declared else "Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._wire.say(head + reply.body[: cut.after_bytes], then_close=True)
        return silence(self._wire)


def _head_only(reply: Reply) -> web.StreamResponse:
    headers = _headers(reply)
    headers["Content-Length"] = str(len(reply.body))
    return web.StreamResponse(status=reply.status, headers=headers)
