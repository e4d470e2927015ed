"""The broker's own walk for beginners, over REST: refresh token, access token, order book, market order, its number."""

from __future__ import annotations

import json
from uuid import UUID

from alor_async import AsyncAlor, Side, new_request_id
from tests.support.world import STOCKS, new_sandbox


async def test_from_the_refresh_token_to_the_number_of_an_order() -> None:
    request_id = new_request_id()
    with new_sandbox() as sandbox:
        async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor:
            book = await alor.market_data.get_order_book("MOEX:SBER", depth=1)
            ack = await alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1, request_id=request_id)
            order = await alor.account.get_order(STOCKS, ack.order_id)
        sandbox.check()

        refresh, read, command, _ = sandbox.requests
        (placed,) = sandbox.orders(STOCKS)
        (trade,) = sandbox.trades(STOCKS)

    # The refresh token is exchanged for an access token, once, in a body.
    assert (refresh.server, refresh.method, refresh.path) == ("oauth", "POST", "/refresh")
    assert refresh.query == {}
    assert refresh.header("Content-Type") == "application/json"
    assert refresh.json == {"token": "***"}
    assert sandbox.tokens.refreshes == 1

    # The access token reads the book, one level deep.
    assert (read.server, read.method, read.path) == ("api", "GET", "/md/v2/orderbooks/MOEX/SBER")
    assert read.query == {"format": "Heavy", "depth": "1"}
    assert read.header("Authorization") == "Bearer ***"
    assert read.body == b""
    assert (len(book.bids), len(book.asks)) == (1, 1)
    assert book.bids[0].price < book.asks[0].price

    # The order goes out with its request id, once, and comes back with its number.
    assert command.method == "POST"
    assert command.path == "/commandapi/warptrans/TRADE/v2/client/orders/actions/market"
    assert command.query == {}
    assert command.header("X-REQID") == str(request_id)
    assert UUID(str(command.header("X-REQID"))).version == 4
    assert command.header("Authorization") == "Bearer ***"
    assert command.header("Content-Type") == "application/json"
    assert json.loads(command.body) == {
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": STOCKS},
        "allowMargin": False,
    }
    assert (ack.order_id, ack.request_id, ack.replayed) == (placed.order_id, request_id, False)
    assert (order.order_id, order.lots, order.filled_lots) == (ack.order_id, 1, 1)
    assert trade.order_id == ack.order_id
    assert trade.price == book.asks[0].price
