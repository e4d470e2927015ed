"""Instruments, currency pairs and risk rates.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from decimal import Decimal

from msgspec import field

from alor_async.models._base import Model, ZonelessTime
from alor_async.models.enums import Exchange, Market, OptionSide, TradingStatus
from alor_async.values import InstrumentId

__all__ = ["CurrencyPair", "Instrument", "RiskRate", "RiskRatePage"]


class Instrument(Model, frozen=True, kw_only=True, gc=False):
    """What is traded: its identity, its price steps, its limits and margins.

    The broker calls it a security.

    - Never None: symbol, exchange.
    - Simple and Heavy only: market.
    - Heavy only: price_decimals, shares_issued, initial_margin_low_risk_long, initial_margin_low_risk_short,
      initial_margin_standard_risk_long, initial_margin_standard_risk_short, initial_margin_high_risk_long,
      initial_margin_high_risk_short, initial_margin_special_risk_long, initial_margin_special_risk_short,
      base_swap_price.
    - Only for options: synthetic_margin, strike_price, option_expires_at, fixed_spot_discount,
      projected_spot_discount, underlying_symbol, option_side.
    - Only for derivatives: initial_margin_low_risk_long, initial_margin_low_risk_short,
      initial_margin_standard_risk_long, initial_margin_standard_risk_short, initial_margin_high_risk_long,
      initial_margin_high_risk_short, initial_margin_special_risk_long, initial_margin_special_risk_short.
    - Only for currencies: base_swap_price.

    Contract: schema `Instrument`; the class itself carries the keys of Heavy.
    """

    symbol: str
    """Ticker."""
    short_name: str | None = field(default=None, name="shortName")
    """Short name; for derivatives, the short code of the exchange."""
    description: str | None = None
    """Description in Russian; for derivatives, the short code of the exchange."""
    exchange: Exchange
    """Exchange it is traded at."""
    market: Market | None = None
    """Segment of the exchange. Simple and Heavy only."""
    kind: str | None = field(default=None, name="type")
    """Kind in the exchange's words: a code such as CS or CORP, or the full name of a contract; free text."""
    lot_size: Decimal | None = field(default=None, name="lotSize")
    """How many units one lot holds; units."""
    face_value: Decimal | None = field(default=None, name="faceValue")
    """Face value of one unit; for futures the size of a lot, for currencies the units that the price is quoted for."""
    cfi_code: str | None = field(default=None, name="cfiCode")
    """Classification of ISO 10962."""
    expires_at: ZonelessTime | None = field(default=None, name="cancellation")
    """When the instrument stops being traded. The last moment of the calendar stands for never."""
    price_step: Decimal | None = field(default=None, name="minStep")
    """Smallest step of the price; price units."""
    price_decimals: int | None = field(default=None, name="roundTo")
    """Digits after the decimal point of a price. Heavy only."""
    rating: Decimal | None = None
    """Place in the order of the lists, made from the volume of the day before: the larger, the earlier."""
    margin_buy: Decimal | None = field(default=None, name="marginBuy")
    """Margin for buying one contract; money. Zero outside derivatives."""
    margin_sell: Decimal | None = field(default=None, name="marginSell")
    """Margin for selling one contract; money. Zero outside derivatives."""
    margin_rate: Decimal | None = field(default=None, name="marginRate")
    """Margin for buying over the last price; ratio. Zero outside derivatives."""
    synthetic_margin: Decimal | None = field(default=None, name="marginSyntetic")
    """Collateral for one covered position; money. Sent by the socket alone. Only for options."""
    step_value: Decimal | None = field(default=None, name="priceStep")
    """What one step of the price is worth; rubles."""
    price_max: Decimal | None = field(default=None, name="priceMax")
    """Highest price the exchange accepts today; price units."""
    price_min: Decimal | None = field(default=None, name="priceMin")
    """Lowest price the exchange accepts today; price units."""
    theoretical_price: Decimal | None = field(default=None, name="theorPrice")
    """Theoretical price of an option; price units. Zero for the rest."""
    theoretical_price_limited: Decimal | None = field(default=None, name="theorPriceLimit")
    """Theoretical price of an option, kept within the limits of the day; price units. Zero for the rest."""
    volatility: Decimal | None = None
    """Implied volatility of an option; percent. Zero for the rest."""
    currency: str | None = None
    """Settlement currency."""
    isin: str | None = field(default=None, name="ISIN")
    """ISIN. Null for derivatives."""
    bond_yield: Decimal | None = field(default=None, name="yield")
    """Yield at the last price; percent a year. Null for what is not a bond."""
    board: str | None = None
    """Board (trading mode) of this row, such as TQBR."""
    primary_board: str | None = field(default=None, name="primaryBoard")
    """Board where the instrument is mainly traded."""
    trading_status: TradingStatus | None = field(default=None, name="tradingStatus")
    """Phase of trading; numeric code."""
    trading_status_text: str | None = field(default=None, name="tradingStatusInfo")
    """Phase of trading in Russian."""
    complex_product_category: str | None = field(default=None, name="complexProductCategory")
    """Which test for complex products a client must have passed; a number as text, empty for none. New values appear.
    """
    price_multiplier: Decimal | None = field(default=None, name="priceMultiplier")
    """Factor between price and money when a volume is computed."""
    price_shown_units: Decimal | None = field(default=None, name="priceShownUnits")
    """How many units of a currency the price is for; 1 for the rest."""
    shares_issued: Decimal | None = field(default=None, name="noSharesIssued")
    """Issued securities in all; units. Heavy only."""
    strike_price: Decimal | None = field(default=None, name="strikePrice")
    """Strike of the option; price units. Only for options."""
    option_expires_at: ZonelessTime | None = field(default=None, name="endExpiration")
    """When the option expires. Only for options."""
    fixed_spot_discount: Decimal | None = field(default=None, name="fixedSpotDiscount")
    """Discounted sum of the announced payments on the underlying; price units. Only for options."""
    projected_spot_discount: Decimal | None = field(default=None, name="projectedSpotDiscount")
    """Discounted sum of the forecast payments on the underlying; price units. Only for options."""
    underlying_symbol: str | None = field(default=None, name="underlyingSymbol")
    """Short code of the option. Only for options."""
    option_side: OptionSide | None = field(default=None, name="optionSide")
    """Call or put. Only for options."""
    initial_margin_low_risk_long: Decimal | None = field(default=None, name="initialMarginLowRiskLong")
    """Initial margin for a long position of a client of class LowRisk; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_low_risk_short: Decimal | None = field(default=None, name="initialMarginLowRiskShort")
    """Initial margin for a short position of a client of class LowRisk; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_standard_risk_long: Decimal | None = field(default=None, name="initialMarginStandardRiskLong")
    """Initial margin for a long position of a client of class StandardRisk; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_standard_risk_short: Decimal | None = field(default=None, name="initialMarginStandardRiskShort")
    """Initial margin for a short position of a client of class StandardRisk; money for a contract. Heavy only. Only
    for derivatives.
    """
    initial_margin_high_risk_long: Decimal | None = field(default=None, name="initialMarginHighRiskLong")
    """Initial margin for a long position of a client of class HighRisk; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_high_risk_short: Decimal | None = field(default=None, name="initialMarginHighRiskShort")
    """Initial margin for a short position of a client of class HighRisk; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_special_risk_long: Decimal | None = field(default=None, name="initialMarginSpecialRiskLong")
    """Initial margin for a long position of a client of class Special; money for a contract. Heavy only. Only for
    derivatives.
    """
    initial_margin_special_risk_short: Decimal | None = field(default=None, name="initialMarginSpecialRiskShort")
    """Initial margin for a short position of a client of class Special; money for a contract. Heavy only. Only for
    derivatives.
    """
    base_swap_price: Decimal | None = field(default=None, name="baseSwapPrice")
    """Base price of currency swaps; price units. Heavy only. Only for currencies."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value, self.board or None)


class CurrencyPair(Model, frozen=True, kw_only=True, gc=False):
    """A pair of currencies and the instrument it is traded as.

    Never None: base_currency, quote_currency, symbol.

    Contract: schema `CurrencyPair`; the class itself carries the keys of Heavy.
    """

    base_currency: str = field(name="firstCode")
    """Currency that is bought and sold."""
    quote_currency: str = field(name="secondCode")
    """Currency in which the price is quoted."""
    symbol: str = field(name="symbolTom")
    """Ticker of the pair."""


class RiskRate(Model, frozen=True, kw_only=True, gc=False):
    """Risk rates of an instrument for one risk category of clients.

    Never None: symbol, exchange.

    Contract: schema `RiskRate`; the class itself carries the keys of Heavy.
    """

    rate_id: int | None = field(default=None, name="id")
    """Number of the record."""
    symbol: str = field(name="instrument")
    """Ticker."""
    exchange: Exchange
    """Exchange it is traded at."""
    risk_category_id: int | None = field(default=None, name="riskCategoryId")
    """Risk category of the client."""
    security_risk_category_id: Decimal | None = field(default=None, name="securityRiskCategoryId")
    """Risk category of the instrument."""
    asset_type: str | None = field(default=None, name="assetType")
    """Kind of asset, such as stock."""
    underlying_asset: str | None = field(default=None, name="underlyingAsset")
    """Ticker of the underlying. Null for what is not a derivative."""
    set_name: str | None = field(default=None, name="setName")
    """Name of the set of instruments. Usually null."""
    isin: str | None = None
    """ISIN. Null for derivatives."""
    currency: str | None = field(default=None, name="currencyCode")
    """Settlement currency."""
    rate_up: Decimal | None = field(default=None, name="rateUp")
    """Rate against a rise, that is for short positions; percent."""
    rate_down: Decimal | None = field(default=None, name="rateDown")
    """Rate against a fall, that is for long positions; percent."""
    rate_symmetric: Decimal | None = field(default=None, name="rateSymmetric")
    """Symmetric rate, for information; percent."""
    is_short_sell_possible: bool | None = field(default=None, name="isShortSellPossible")
    """Whether it may be sold short."""
    is_marginal: bool | None = field(default=None, name="isMarginal")
    """Whether it counts as collateral."""
    set_rate: Decimal | None = field(default=None, name="setRate")
    """Rate of the set of instruments; percent."""
    underlying_direction: int | None = field(default=None, name="sgnR")
    """How a derivative follows its underlying: 1 with it, -1 against it, 0 not at all."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value)


class RiskRatePage(Model, frozen=True, kw_only=True, gc=False):
    """One page of risk rates.

    Never None: rates.

    Contract: schema `RiskRatePage`; the class itself carries the keys of Heavy.
    """

    rates: tuple[RiskRate, ...] = field(name="list")
    """The rates of this page."""
    total: int | None = None
    """How many rates match in all."""
