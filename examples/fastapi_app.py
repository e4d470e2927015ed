"""One client for the whole life of a FastAPI service, and streams that live as long.

    ALOR_ENVIRONMENT=test ALOR_REFRESH_TOKEN=... uvicorn examples.fastapi_app:app

It has no authentication of its own: whoever can reach it can trade. Put yours in front before it meets a network.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, TypedDict, cast
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from alor_async import (
    AlorError,
    AsyncAlor,
    InvalidArgument,
    NotFound,
    OrderOutcomeUnknown,
    OrderRejected,
    Quote,
    Side,
    Subscription,
    Trade,
)

WATCHED = ("MOEX:SBER", "MOEX:GAZP")

logger = logging.getLogger(__name__)


class State(TypedDict):
    """What lives as long as the service."""

    alor: AsyncAlor
    quotes: Subscription[Quote]


def get_alor(request: Request) -> AsyncAlor:
    client = request.state.alor
    assert isinstance(client, AsyncAlor)
    return client


def get_quotes(request: Request) -> Subscription[Quote]:
    return cast("Subscription[Quote]", request.state.quotes)


Alor = Annotated[AsyncAlor, Depends(get_alor)]
LiveQuotes = Annotated[Subscription[Quote], Depends(get_quotes)]


class LimitOrder(BaseModel):
    """An order as our own callers write it. `price` is text, because a JSON number would pass through a float."""

    instrument: str
    side: Side
    lots: int
    price: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]


async def show_quote(instrument: str, alor: Alor) -> dict[str, object]:
    quote = await alor.market_data.get_quote(instrument, timeout=2)
    return quote.to_dict()


async def show_live_quote(instrument: str, quotes: LiveQuotes) -> dict[str, object]:
    if instrument not in WATCHED:
        raise HTTPException(404, "nobody watches it")
    quote = quotes.latest_of(instrument)
    if quote is None or not quotes.is_live:
        raise HTTPException(503, "interrupted: what is known is old")
    return quote.to_dict()


async def list_positions(portfolio: str, alor: Alor) -> list[dict[str, object]]:
    return [position.to_dict() for position in await alor.account.list_positions(portfolio, timeout=5)]


async def place_order(
    portfolio: str, order: LimitOrder, alor: Alor, idempotency_key: Annotated[UUID, Header()]
) -> dict[str, object]:
    try:
        ack = await alor.orders.place_limit(
            portfolio,
            order.instrument,
            order.side,
            lots=order.lots,
            price=Decimal(order.price),
            request_id=idempotency_key,  # our caller's key is the broker's: a repeated call places nothing twice
            timeout=10,
        )
    except InvalidArgument as error:
        earlier = alor.ledger.find(str(idempotency_key))
        if earlier is None:
            raise
        # The key served already, for another order or too long ago: what it did then is no error, and must not look like a no.
        detail = {"problem": str(error), "state": earlier.state, "order_id": earlier.order_id}
        raise HTTPException(409, detail) from error
    return {"order_id": ack.order_id, "replayed": ack.replayed}


async def tell_fills(fills: Subscription[Trade]) -> None:
    """Log each fill once, also those that happen while the connection is broken. It ends with its stream."""
    async for fill in fills:
        logger.info("%s %s %s lots at %s", fill.side, fill.symbol, fill.lots, fill.price)


def answer_error(_: Request, error: Exception) -> JSONResponse:
    """Tell our caller what happened in the terms of HTTP. A 504 is not a no."""
    match error:
        case OrderOutcomeUnknown():
            status = 504
        case OrderRejected():
            status = 409
        case InvalidArgument():
            status = 400
        case NotFound():
            status = 404
        case AlorError(retryable=True):
            status = 503
        case _:
            status = 502
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status)


def create_app(make_client: Callable[[], AsyncAlor] = AsyncAlor.from_env) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[State]:
        async with make_client() as alor:
            portfolio = (await alor.list_portfolios())[0]
            async with (
                alor.streams.quotes(*WATCHED) as quotes,
                alor.streams.trades(portfolio, skip_snapshot=True) as fills,
            ):
                telling = asyncio.create_task(tell_fills(fills), name="tell-fills")
                yield {"alor": alor, "quotes": quotes}
            await telling  # if it had failed before, it says so now

    app = FastAPI(title="Quotes and orders", lifespan=lifespan)
    app.add_api_route("/quotes/{instrument}", show_quote)
    app.add_api_route("/live/{instrument}", show_live_quote)
    app.add_api_route("/portfolios/{portfolio}/positions", list_positions)
    app.add_api_route("/portfolios/{portfolio}/orders", place_order, methods=["POST"], status_code=201)
    app.add_exception_handler(AlorError, answer_error)
    return app


app = create_app()
