"""How the answers of `instruments` are read in each format.

A key that starts with a hyphen occurs in no answer: it stands for a field that the format lacks.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from msgspec import field
from msgspec.structs import force_setattr

from alor_async._contract.wire.publishing import become, each
from alor_async._http.decode import Shape, Shapes
from alor_async.models._base import ZonelessTime
from alor_async.models.enums import Exchange, Market, OptionSide, TradingStatus
from alor_async.models.instruments import CurrencyPair, Instrument, RiskRatePage

__all__ = ["CURRENCY_PAIR_LIST", "INSTRUMENT", "INSTRUMENT_LIST", "RISK_RATE_PAGE"]


class _InstrumentSimple(Instrument, frozen=True, kw_only=True, gc=False):
    """Instrument as Simple spells it."""

    symbol: str = field(name="symbol")
    short_name: str | None = field(default=None, name="shortname")
    description: str | None = field(default=None, name="description")
    exchange: Exchange = field(name="exchange")
    market: Market | None = field(default=None, name="market")
    kind: str | None = field(default=None, name="type")
    lot_size: Decimal | None = field(default=None, name="lotsize")
    face_value: Decimal | None = field(default=None, name="facevalue")
    cfi_code: str | None = field(default=None, name="cfiCode")
    expires_at: ZonelessTime | None = field(default=None, name="cancellation")
    price_step: Decimal | None = field(default=None, name="minstep")
    price_decimals: int | None = field(default=None, name="-price_decimals")
    rating: Decimal | None = field(default=None, name="rating")
    margin_buy: Decimal | None = field(default=None, name="marginbuy")
    margin_sell: Decimal | None = field(default=None, name="marginsell")
    margin_rate: Decimal | None = field(default=None, name="marginrate")
    synthetic_margin: Decimal | None = field(default=None, name="marginSyntetic")
    step_value: Decimal | None = field(default=None, name="pricestep")
    price_max: Decimal | None = field(default=None, name="priceMax")
    price_min: Decimal | None = field(default=None, name="priceMin")
    theoretical_price: Decimal | None = field(default=None, name="theorPrice")
    theoretical_price_limited: Decimal | None = field(default=None, name="theorPriceLimit")
    volatility: Decimal | None = field(default=None, name="volatility")
    currency: str | None = field(default=None, name="currency")
    isin: str | None = field(default=None, name="ISIN")
    bond_yield: Decimal | None = field(default=None, name="yield")
    board: str | None = field(default=None, name="board")
    primary_board: str | None = field(default=None, name="primary_board")
    trading_status: TradingStatus | None = field(default=None, name="tradingStatus")
    trading_status_text: str | None = field(default=None, name="tradingStatusInfo")
    complex_product_category: str | None = field(default=None, name="complexProductCategory")
    price_multiplier: Decimal | None = field(default=None, name="priceMultiplier")
    price_shown_units: Decimal | None = field(default=None, name="priceShownUnits")
    shares_issued: Decimal | None = field(default=None, name="-shares_issued")
    strike_price: Decimal | None = field(default=None, name="strikePrice")
    option_expires_at: ZonelessTime | None = field(default=None, name="endExpiration")
    fixed_spot_discount: Decimal | None = field(default=None, name="fixedSpotDiscount")
    projected_spot_discount: Decimal | None = field(default=None, name="projectedSpotDiscount")
    underlying_symbol: str | None = field(default=None, name="underlyingSymbol")
    option_side: OptionSide | None = field(default=None, name="optionSide")
    initial_margin_low_risk_long: Decimal | None = field(default=None, name="-initial_margin_low_risk_long")
    initial_margin_low_risk_short: Decimal | None = field(default=None, name="-initial_margin_low_risk_short")
    initial_margin_standard_risk_long: Decimal | None = field(default=None, name="-initial_margin_standard_risk_long")
    initial_margin_standard_risk_short: Decimal | None = field(default=None, name="-initial_margin_standard_risk_short")
    initial_margin_high_risk_long: Decimal | None = field(default=None, name="-initial_margin_high_risk_long")
    initial_margin_high_risk_short: Decimal | None = field(default=None, name="-initial_margin_high_risk_short")
    initial_margin_special_risk_long: Decimal | None = field(default=None, name="-initial_margin_special_risk_long")
    initial_margin_special_risk_short: Decimal | None = field(default=None, name="-initial_margin_special_risk_short")
    base_swap_price: Decimal | None = field(default=None, name="-base_swap_price")


class _InstrumentSlim(Instrument, frozen=True, kw_only=True, gc=False):
    """Instrument as Slim spells it."""

    symbol: str = field(name="sym")
    short_name: str | None = field(default=None, name="n")
    description: str | None = field(default=None, name="desc")
    exchange: Exchange = field(name="ex")
    market: Market | None = field(default=None, name="-market")
    kind: str | None = field(default=None, name="t")
    lot_size: Decimal | None = field(default=None, name="lot")
    face_value: Decimal | None = field(default=None, name="fv")
    cfi_code: str | None = field(default=None, name="cfi")
    expires_at: ZonelessTime | None = field(default=None, name="cncl")
    price_step: Decimal | None = field(default=None, name="stp")
    price_decimals: int | None = field(default=None, name="-price_decimals")
    rating: Decimal | None = field(default=None, name="rt")
    margin_buy: Decimal | None = field(default=None, name="mgb")
    margin_sell: Decimal | None = field(default=None, name="mgs")
    margin_rate: Decimal | None = field(default=None, name="mgrt")
    synthetic_margin: Decimal | None = field(default=None, name="mgsnt")
    step_value: Decimal | None = field(default=None, name="stppx")
    price_max: Decimal | None = field(default=None, name="pxmx")
    price_min: Decimal | None = field(default=None, name="pxmn")
    theoretical_price: Decimal | None = field(default=None, name="pxt")
    theoretical_price_limited: Decimal | None = field(default=None, name="pxtl")
    volatility: Decimal | None = field(default=None, name="vl")
    currency: str | None = field(default=None, name="cur")
    isin: str | None = field(default=None, name="isin")
    bond_yield: Decimal | None = field(default=None, name="yld")
    board: str | None = field(default=None, name="bd")
    primary_board: str | None = field(default=None, name="pbd")
    trading_status: TradingStatus | None = field(default=None, name="st")
    trading_status_text: str | None = field(default=None, name="sti")
    complex_product_category: str | None = field(default=None, name="cpct")
    price_multiplier: Decimal | None = field(default=None, name="pxmu")
    price_shown_units: Decimal | None = field(default=None, name="pxu")
    shares_issued: Decimal | None = field(default=None, name="-shares_issued")
    strike_price: Decimal | None = field(default=None, name="pxs")
    option_expires_at: ZonelessTime | None = field(default=None, name="exp")
    fixed_spot_discount: Decimal | None = field(default=None, name="fdis")
    projected_spot_discount: Decimal | None = field(default=None, name="pdis")
    underlying_symbol: str | None = field(default=None, name="usym")
    option_side: OptionSide | None = field(default=None, name="osd")
    initial_margin_low_risk_long: Decimal | None = field(default=None, name="-initial_margin_low_risk_long")
    initial_margin_low_risk_short: Decimal | None = field(default=None, name="-initial_margin_low_risk_short")
    initial_margin_standard_risk_long: Decimal | None = field(default=None, name="-initial_margin_standard_risk_long")
    initial_margin_standard_risk_short: Decimal | None = field(default=None, name="-initial_margin_standard_risk_short")
    initial_margin_high_risk_long: Decimal | None = field(default=None, name="-initial_margin_high_risk_long")
    initial_margin_high_risk_short: Decimal | None = field(default=None, name="-initial_margin_high_risk_short")
    initial_margin_special_risk_long: Decimal | None = field(default=None, name="-initial_margin_special_risk_long")
    initial_margin_special_risk_short: Decimal | None = field(default=None, name="-initial_margin_special_risk_short")
    base_swap_price: Decimal | None = field(default=None, name="-base_swap_price")


def _publish_instrument(instruments: Iterable[Any]) -> None:
    for instrument in instruments:
        force_setattr(instrument, "__class__", Instrument)


INSTRUMENT_LIST: Final[Shapes[list[Instrument]]] = Shapes(
    simple=Shape(
        list[_InstrumentSimple],
        publish=each(_publish_instrument),
        alternates=(("marginBuy", "marginbuy"), ("marginSell", "marginsell")),
    ),
    slim=Shape(list[_InstrumentSlim], publish=each(_publish_instrument)),
    heavy=Shape(list[Instrument]),
)


INSTRUMENT: Final[Shapes[Instrument]] = Shapes(
    simple=Shape(
        _InstrumentSimple,
        publish=become(Instrument),
        alternates=(("marginBuy", "marginbuy"), ("marginSell", "marginsell")),
    ),
    slim=Shape(_InstrumentSlim, publish=become(Instrument)),
    heavy=Shape(Instrument),
)


CURRENCY_PAIR_LIST: Final[Shapes[list[CurrencyPair]]] = Shapes[list[CurrencyPair]].same(Shape(list[CurrencyPair]))


RISK_RATE_PAGE: Final[Shapes[RiskRatePage]] = Shapes[RiskRatePage].same(Shape(RiskRatePage))
