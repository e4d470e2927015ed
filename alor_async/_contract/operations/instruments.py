"""The operations of `alor.instruments`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.instruments import CURRENCY_PAIR_LIST, INSTRUMENT, INSTRUMENT_LIST, RISK_RATE_PAGE
from alor_async._contract.wire.plain import TEXT_LIST
from alor_async._http.request import MIB, Access, Operation, Parameter, Place

__all__ = [
    "INSTRUMENTS_GET",
    "INSTRUMENTS_LIST_BOARDS",
    "INSTRUMENTS_LIST_CURRENCY_PAIRS",
    "INSTRUMENTS_LIST_FOR",
    "INSTRUMENTS_LIST_RISK_RATES",
    "INSTRUMENTS_SEARCH",
]


# Search instruments.
INSTRUMENTS_SEARCH: Final = Operation(
    "instruments.search",
    "GET",
    "/md/v2/Securities",
    answer=INSTRUMENT_LIST,
    parameters=(
        Parameter("query", "query", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("offset", "offset", Place.QUERY),
        Parameter("sector", "sector", Place.QUERY),
        Parameter("cfi_code", "cficode", Place.QUERY),
        Parameter("exchange", "exchange", Place.QUERY),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("include_non_base_boards", "includeNonBaseBoards", Place.QUERY),
    ),
    access=Access.OPTIONAL,
    max_body=128 * MIB,
    has_format=True,
)

# List the instruments of an exchange.
INSTRUMENTS_LIST_FOR: Final = Operation(
    "instruments.list_for",
    "GET",
    "/md/v2/Securities/{exchange}",
    answer=INSTRUMENT_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("market", "market", Place.QUERY),
        Parameter("include_old", "includeOld", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("include_non_base_boards", "includeNonBaseBoards", Place.QUERY),
        Parameter("offset", "offset", Place.QUERY),
    ),
    max_body=128 * MIB,
    has_format=True,
)

# Read one instrument.
INSTRUMENTS_GET: Final = Operation(
    "instruments.get",
    "GET",
    "/md/v2/Securities/{exchange}/{symbol}",
    answer=INSTRUMENT,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
    ),
    has_format=True,
)

# List the boards of an instrument.
INSTRUMENTS_LIST_BOARDS: Final = Operation(
    "instruments.list_boards",
    "GET",
    "/md/v2/Securities/{exchange}/{symbol}/availableBoards",
    answer=TEXT_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
    ),
    access=Access.OPTIONAL,
)

# List currency pairs.
INSTRUMENTS_LIST_CURRENCY_PAIRS: Final = Operation(
    "instruments.list_currency_pairs",
    "GET",
    "/md/v2/Securities/currencyPairs",
    answer=CURRENCY_PAIR_LIST,
    access=Access.OPTIONAL,
)

# List risk rates.
INSTRUMENTS_LIST_RISK_RATES: Final = Operation(
    "instruments.list_risk_rates",
    "GET",
    "/md/v2/risk/rates",
    answer=RISK_RATE_PAGE,
    parameters=(
        Parameter("exchange", "exchange", Place.QUERY),
        Parameter("symbol", "ticker", Place.QUERY),
        Parameter("risk_category_id", "riskCategoryId", Place.QUERY),
        Parameter("search", "search", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("offset", "offset", Place.QUERY),
    ),
    access=Access.OPTIONAL,
)
