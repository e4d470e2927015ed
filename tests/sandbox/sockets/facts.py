"""What each subscription's data must look like, from the contract: the entities of REST, and those that only sockets show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.sandbox.gateway import facts as rest_facts

rest_facts.FACTS.update(json.loads((Path(__file__).parent / "ws_facts.json").read_text()))

FORMATS = ("Simple", "Slim", "Heavy")
EXISTING = {"Simple": "existing", "Slim": "h", "Heavy": "existing"}
ENTITIES = {
    "OrderBookGetAndSubscribe": "OrderBook",
    "BarsGetAndSubscribe": "Candle",
    "QuotesSubscribe": "Quote",
    "AllTradesGetAndSubscribe": "MarketTrade",
    "InstrumentsGetAndSubscribeV2": "InstrumentState",
    "PositionsGetAndSubscribeV2": "Position",
    "SummariesGetAndSubscribeV2": "Summary",
    "RisksGetAndSubscribe": "PortfolioRisk",
    "SpectraRisksGetAndSubscribe": "FuturesRisk",
    "TradesGetAndSubscribeV2": "SocketTrade",
    "OrdersGetAndSubscribeV2": "Order",
    "StopOrdersGetAndSubscribeV2": "StopOrder",
    "StopOrdersGetAndSubscribe": "OldStopOrder",
}
MARKET_OPCODES = tuple(ENTITIES)[:5]
PORTFOLIO_OPCODES = tuple(ENTITIES)[5:]


def problems(data: Any, opcode: str, format: str, kinds: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the data of a subscription, in words."""
    return rest_facts.problems(data, ENTITIES[opcode], format, kinds)
