"""One client for the whole life of a FastAPI service.

    ALOR_ENVIRONMENT=test ALOR_REFRESH_TOKEN=... uvicorn examples.fastapi_app:app

It has no authentication of its own: whoever can reach it can trade. Put yours in front before it meets a network.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, TypedDict
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from alor_async import AlorError, AsyncAlor, InvalidArgument, NotFound, OrderOutcomeUnknown, OrderRejected, Side


class State(TypedDict):
    """What lives as long as the service."""

    alor: AsyncAlor


def get_alor(request: Request) -> AsyncAlor:
    client = request.state.alor
    assert isinstance(client, AsyncAlor)
    return client


Alor = Annotated[AsyncAlor, Depends(get_alor)]


class LimitOrder(BaseModel):
    """An order as our own callers write it. `price` is text, because a JSON number would pass through a float."""

    instrument: str
    side: Side
    lots: int
    price: str


async def show_quote(instrument: str, alor: Alor) -> dict[str, object]:
    quote = await alor.market_data.get_quote(instrument, timeout=2)
    return quote.to_dict()


async def list_positions(portfolio: str, alor: Alor) -> list[dict[str, object]]:
    return [position.to_dict() for position in await alor.account.list_positions(portfolio, timeout=5)]


async def place_order(
    portfolio: str, order: LimitOrder, alor: Alor, idempotency_key: Annotated[UUID, Header()]
) -> dict[str, object]:
    ack = await alor.orders.place_limit(
        portfolio,
        order.instrument,
        order.side,
        lots=order.lots,
        price=Decimal(order.price),
        request_id=idempotency_key,  # our caller's key is the broker's: a repeated call places nothing twice
        timeout=10,
    )
    return {"order_id": ack.order_id, "replayed": ack.replayed}


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
            yield {"alor": alor}

    app = FastAPI(title="Quotes and orders", lifespan=lifespan)
    app.add_api_route("/quotes/{instrument}", show_quote)
    app.add_api_route("/portfolios/{portfolio}/positions", list_positions)
    app.add_api_route("/portfolios/{portfolio}/orders", place_order, methods=["POST"], status_code=201)
    app.add_exception_handler(AlorError, answer_error)
    return app


app = create_app()
