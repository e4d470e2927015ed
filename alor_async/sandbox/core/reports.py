"""Portfolios as the outside sees them."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from alor_async.sandbox.core.accounts import CURRENCY, Account, Holding
from alor_async.sandbox.core.broker import Broker
from alor_async.sandbox.core.clock import to_datetime
from alor_async.sandbox.core.directory import RISK_CATEGORY, Directory
from alor_async.sandbox.core.entities import CurrencyBuyingPower, FuturesRisk, PortfolioRisk, Position, Summary
from alor_async.sandbox.core.enums import Market, RiskStatus
from alor_async.sandbox.core.history import session_day
from alor_async.sandbox.core.orders import LiveOrder, LiveStop
from alor_async.sandbox.core.terms import Terms, ratio, to_kopecks, to_money
from alor_async.sandbox.core.timeline import Timeline

EXCHANGE = "MOEX"


class Reports:
    """Orders, summaries, positions and risk as they stand when they are asked for."""

    __slots__ = ("_broker", "_directory", "_money", "_shown", "_timeline")

    def __init__(self, broker: Broker, directory: Directory, timeline: Timeline) -> None:
        """Report on a broker's accounts."""
        self._broker = broker
        self._directory = directory
        self._timeline = timeline
        self._shown = lru_cache(maxsize=4096)(_row)
        self._money = lru_cache(maxsize=64)(_money_row)
        """A row is the same object while nothing about it changes."""

    # -- orders

    def live_orders(self, account: Account) -> list[LiveOrder]:
        """The exchange orders of the session, oldest first."""
        return self._broker.matching.orders_of(account)

    def live_stops(self, account: Account) -> list[LiveStop]:
        """The conditional orders: all working ones, and those that ended in the session, oldest first."""
        return self._broker.stops.stops_of(account)

    # -- positions

    def positions(self, account: Account, *, without_currency: bool) -> tuple[Position, ...]:
        """Holdings in the order in which they were first bought, then the money."""
        day = self._day
        rows = [self._position(account, holding, day) for holding in account.holdings.values() if not holding.is_idle]
        if without_currency:
            return tuple(rows)
        money = self._money(account.info.portfolio, account.cash, account.unsettled_cash, account.open_cash)
        return (*rows, money)

    def _position(self, account: Account, holding: Holding, day: int) -> Position:
        last, close = self._prices(holding, day)
        return self._shown(
            account.info.portfolio,
            holding.terms,
            last,
            holding.units,
            holding.open_units,
            holding.unsettled,
            holding.cost,
            holding.profit_today(last, close),
        )

    @property
    def _day(self) -> int:
        """The day of the session."""
        return session_day(self._timeline.now_us)

    def _prices(self, holding: Holding, day: int) -> tuple[int, int]:
        """The last price and the one before the session of a day; ticks."""
        market = self._directory.market(holding.terms)
        return market.last().ticks, market.previous_close(day)

    def _profit_today(self, account: Account) -> int:
        day = self._day
        gained = sum(holding.profit_today(*self._prices(holding, day)) for holding in account.holdings.values())
        return gained - account.fees

    # -- the portfolio

    def summary(self, account: Account) -> Summary:
        """A portfolio in a few numbers."""
        figures = self._broker.risk.figures(account, account.exposures)
        power = to_kopecks(self._broker.risk.buying_power(account, account.exposures))
        profit = self._profit_today(account)
        worth = figures.value + (figures.variation if account.info.market is Market.DERIVATIVES else 0)
        return Summary(
            buying_power_at_morning=to_kopecks(account.open_cash),
            buying_power=power,
            profit=to_kopecks(profit),
            profit_rate=ratio(profit * 100, worth - profit),
            portfolio_evaluation=to_kopecks(figures.liquid),
            portfolio_liquidation_value=to_kopecks(figures.value),
            initial_margin=to_kopecks(figures.margin),
            corrected_margin=to_kopecks(figures.blocked),
            risk_before_force_position_closing=to_kopecks(
                figures.value - self._broker.risk.minimal_margin(figures.margin)
            ),
            commission=None if account.info.market is Market.DERIVATIVES else to_kopecks(account.fees),
            buying_power_by_currency=(CurrencyBuyingPower(CURRENCY, power),),
        )

    def risk(self, account: Account) -> PortfolioRisk:
        """Margin of a portfolio."""
        figures = self._broker.risk.figures(account, account.exposures)
        initial = to_kopecks(figures.margin)
        minimal = to_kopecks(self._broker.risk.minimal_margin(figures.margin))
        value = to_kopecks(figures.value)
        one, two = value - initial, value - minimal
        status = RiskStatus.OK if one >= 0 else RiskStatus.DEMAND if two >= 0 else RiskStatus.TO_CLOSE
        return PortfolioRisk(
            portfolio=account.info.portfolio,
            exchange=EXCHANGE,
            portfolio_evaluation=to_kopecks(figures.liquid),
            portfolio_liquidation_value=value,
            initial_margin=initial,
            minimal_margin=minimal,
            corrected_margin=to_kopecks(figures.blocked),
            risk_coverage_ratio_one=one,
            risk_coverage_ratio_two=two,
            risk_category_id=RISK_CATEGORY,
            client_type=account.info.client_type,
            has_forbidden_positions=False,
            has_negative_quantity=any(holding.units < 0 for holding in account.holdings.values()),
            risk_status=status,
            calculated_at=to_datetime(self._timeline.now_us),
        )

    def futures_risk(self, account: Account) -> FuturesRisk:
        """Money of a portfolio on the derivatives market."""
        figures = self._broker.risk.figures(account, account.exposures)
        amount = to_kopecks(account.cash + account.fees - account.interim)
        fee, blocked = to_kopecks(account.fees), to_kopecks(figures.blocked)
        variation = to_kopecks(figures.variation)
        interim = to_kopecks(account.interim)
        return FuturesRisk(
            portfolio=account.info.portfolio,
            money_free=amount + interim - blocked - fee,
            money_blocked=blocked,
            fee=fee,
            money_old=to_kopecks(account.open_cash),
            money_amount=amount,
            money_pledge_amount=Decimal(0),
            vm_intermediate_clearing=interim,
            vm_current_positions=variation,
            variation_margin=variation + interim,
            indicative_variation_margin=variation + interim,
            net_option_value=Decimal(0),
            position_risk=to_kopecks(figures.margin),
            is_limits_set=False,
        )


def _row(
    portfolio: str, terms: Terms, last: int, held: int, opened: int, unsettled: int, cost: int, today: int
) -> Position:
    """A holding: the last price in ticks, quantities in units, money in micros."""
    spec, units, worth = terms.spec, Decimal(held), terms.value(last, held)
    return Position(
        portfolio=portfolio,
        symbol=spec.symbol,
        exchange=spec.exchange,
        short_name=spec.short_name,
        lot_size=terms.lot,
        average_price=terms.average_price(cost, held),
        units=units,
        open_units=Decimal(opened),
        units_t0=Decimal(held - unsettled),
        units_t1=units,
        units_t2=units,
        units_future=units,
        volume=to_money(cost),
        current_volume=to_money(worth),
        daily_unrealised_profit=to_money(today),
        unrealised_profit=to_money(worth - cost),
        is_currency=False,
    )


def _money_row(portfolio: str, held: int, unsettled: int, opened: int) -> Position:
    """Money as a holding; micros."""
    cash, settled = to_money(held), to_money(held - unsettled)
    return Position(
        portfolio=portfolio,
        symbol=CURRENCY,
        exchange=EXCHANGE,
        short_name="Рубль",
        lot_size=1,
        average_price=Decimal(1),
        units=cash,
        open_units=to_money(opened),
        units_t0=settled,
        units_t1=cash,
        units_t2=cash,
        units_future=cash,
        volume=cash,
        current_volume=cash,
        daily_unrealised_profit=Decimal(0),
        unrealised_profit=Decimal(0),
        is_currency=True,
    )
