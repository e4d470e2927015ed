"""One call of every command that the exchange says yes to: what random fields seldom make."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conformance.documents import Desk

Json = dict[str, Any]


def body_of(operation: str, desk: Desk) -> Json | list[Json] | None:
    """A request body that is taken, for the operations that need more than fields of the right kind."""
    low, stocks = desk.prices[0], desk.portfolios[0]
    order: Json = {
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": desk.symbols[0], "exchange": "MOEX", "instrumentGroup": "TQBR"},
        "user": {"portfolio": stocks},
    }
    trigger = {"condition": "lessorequal", "triggerPrice": low, "stopEndUnixTime": 0, "protectingSeconds": 15}
    estimate = {"portfolio": stocks, "ticker": desk.symbols[0], "exchange": "MOEX", "lotQuantity": 1}
    kind = operation.rpartition(".")[2].removeprefix("place_").removeprefix("replace_")
    bodies: dict[str, Json | list[Json]] = {
        "market": order,
        "limit": order | {"price": low, "timeInForce": "oneday", "comment": "conformance"},
        "stop": order | trigger,
        "stop_limit": order | trigger | {"price": low},
        "estimate": estimate,
        "estimate_all": [estimate, estimate | {"price": low}],
    }
    return bodies.get(kind)


def query_of(operation: str, desk: Desk) -> Json:
    """Query parameters that are taken, likewise."""
    now = int(time.time())
    if operation == "market_data.get_candles":
        return {"symbol": desk.symbols[0], "exchange": "MOEX", "tf": "60", "from": now - 86_400, "to": now}
    if operation == "market_data.list_market_trades_history":
        return {"from": now - 3 * 86_400, "to": now - 2 * 86_400, "limit": 10}
    return {}
