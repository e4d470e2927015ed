"""What the exchange shows: values in the units of the outside world.

Prices and money are `Decimal`, quantities of orders and trades are `int`, times are aware UTC `datetime` (or `int`
with the unit in the name). Everything here is immutable: the engine keeps its own scaled integers and makes these
values when it is asked. Commands and their results stand in `commands.py`, the enumerations in `enums.py`.
"""

from alor_async.sandbox.core.entities.instruments import (
    Collateral,
    CurrencyPair,
    Instrument,
    InstrumentSpec,
    RiskRate,
    RiskRatePage,
)
from alor_async.sandbox.core.entities.market import (
    BookLevel,
    BookSnapshot,
    Candle,
    CandlePage,
    MarketTrade,
    MarketTradePage,
    Quote,
)
from alor_async.sandbox.core.entities.orders import (
    Iceberg,
    Order,
    OrderEstimate,
    OrderGroup,
    OwnTrade,
    RepoDetails,
    StopOrder,
)
from alor_async.sandbox.core.entities.portfolios import (
    CurrencyBuyingPower,
    FuturesRisk,
    PortfolioInfo,
    PortfolioRisk,
    Position,
    Summary,
)

__all__ = [
    "BookLevel",
    "BookSnapshot",
    "Candle",
    "CandlePage",
    "Collateral",
    "CurrencyBuyingPower",
    "CurrencyPair",
    "FuturesRisk",
    "Iceberg",
    "Instrument",
    "InstrumentSpec",
    "MarketTrade",
    "MarketTradePage",
    "Order",
    "OrderEstimate",
    "OrderGroup",
    "OwnTrade",
    "PortfolioInfo",
    "PortfolioRisk",
    "Position",
    "Quote",
    "RepoDetails",
    "RiskRate",
    "RiskRatePage",
    "StopOrder",
    "Summary",
]
