"""One client for the whole life of an aiohttp service.

    ALOR_ENVIRONMENT=test ALOR_REFRESH_TOKEN=... python -m aiohttp.web examples.aiohttp_app:from_command_line

It has no authentication of its own: whoever can reach it can read your account. Put yours in front before it meets a network.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from alor_async import AlorError, AsyncAlor, InvalidArgument, Model, NotFound, Timeframe

ALOR: Final = web.AppKey("alor", AsyncAlor)


async def show_quote(request: web.Request) -> web.Response:
    quote = await request.app[ALOR].market_data.get_quote(request.match_info["instrument"], timeout=2)
    return json_of(quote)


async def list_candles(request: web.Request) -> web.StreamResponse:
    """Send minute candles of the last days as they come, one JSON object a line, with flat memory."""
    days = request.query.get("days", "1")
    if not (days.isascii() and days.isdigit() and 0 < len(days) < 4):
        raise web.HTTPBadRequest(text="days: expected a number up to 999")
    end = datetime.now(UTC)
    candles = request.app[ALOR].market_data.iter_candles(
        request.match_info["instrument"], Timeframe.MINUTE, start=end - timedelta(days=int(days)), end=end
    )
    response: web.StreamResponse | None = None
    async for candle in candles:
        if response is None:  # an error before the first candle can still be a status
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await response.prepare(request)
        await response.write(candle.to_json() + b"\n")
    return web.Response(content_type="application/x-ndjson") if response is None else response


async def list_orders(request: web.Request) -> web.Response:
    return json_of(await request.app[ALOR].account.list_orders(request.match_info["portfolio"], timeout=5))


def json_of(models: Model | Sequence[Model]) -> web.Response:
    """Answer with exact numbers: each model writes itself."""
    body = models.to_json() if isinstance(models, Model) else b"[" + b",".join(m.to_json() for m in models) + b"]"
    return web.Response(body=body, content_type="application/json")


@web.middleware
async def errors_as_statuses(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidArgument as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    except NotFound as error:
        raise web.HTTPNotFound(text=str(error)) from error
    except AlorError as error:
        kind = web.HTTPServiceUnavailable if error.retryable else web.HTTPBadGateway
        raise kind(text=str(error)) from error


def create_app(make_client: Callable[[], AsyncAlor] = AsyncAlor.from_env) -> web.Application:
    async def keep_client(app: web.Application) -> AsyncIterator[None]:
        async with make_client() as alor:
            app[ALOR] = alor
            yield

    app = web.Application(middlewares=[errors_as_statuses])
    app.cleanup_ctx.append(keep_client)
    app.router.add_get("/quotes/{instrument}", show_quote)
    app.router.add_get("/candles/{instrument}", list_candles)
    app.router.add_get("/portfolios/{portfolio}/orders", list_orders)
    return app


def from_command_line(_: list[str]) -> web.Application:
    return create_app()
