"""Every instrument of the exchange, found by any of its names, and its market, opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from alor_async.sandbox.core.catalogue import currency_pairs
from alor_async.sandbox.core.entities import CurrencyPair, InstrumentSpec, RiskRate, RiskRatePage
from alor_async.sandbox.core.enums import Market
from alor_async.sandbox.core.errors import UnknownInstrument
from alor_async.sandbox.core.history import History
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.terms import Terms, ratio

RISK_CATEGORY = 1
_FIRST_RATE_ID = 65_400


class Directory:
    """Instruments by symbol or alias. Opening a market later gives the same market as opening it at once.

    Attributes:
        opened: Called with every market that opens from now on.
    """

    def __init__(self, specs: Iterable[InstrumentSpec], *, opened_us: int, seed: int) -> None:
        """Take the instruments; of two with the same symbol the later one counts."""
        self._seed = seed
        self._opened_us = opened_us
        self._terms: dict[tuple[str, str], Terms] = {}
        for spec in specs:
            self._terms[spec.exchange.upper(), spec.symbol.upper()] = Terms(spec)
        self._aliases = {
            (exchange, terms.spec.short_name.upper()): terms
            for (exchange, _), terms in self._terms.items()
            if terms.spec.is_derivative
        }
        self._pasts: dict[str, History] = {}
        self._markets: dict[tuple[Terms, str], InstrumentMarket] = {}
        self.opened: Callable[[InstrumentMarket], None] = _nothing

    def __iter__(self) -> Iterator[Terms]:
        """Every instrument, the most traded first."""
        return iter(sorted(self._terms.values(), key=lambda terms: (-terms.spec.rating, terms.spec.symbol)))

    def find(self, exchange: str, symbol: str, *, exactly: bool = False) -> Terms:
        """The instrument of a name, whatever its case; an exchange ticker will do unless `exactly`.

        Raises:
            UnknownInstrument: There is none.
        """
        key = exchange.upper(), symbol.upper()
        terms = self._terms.get(key) or (None if exactly else self._aliases.get(key))
        if terms is None:
            raise UnknownInstrument(f"{exchange}:{symbol}")
        return terms

    def nearest_future(self, exchange: str, name: str) -> Terms:
        """The future of a contract's name, or the nearest one of a group's name.

        Raises:
            UnknownInstrument: There is none, or it is no future.
        """
        group = [
            terms
            for terms in self
            if terms.spec.is_derivative and (terms.spec.underlying or "").upper() == name.upper()
            if terms.spec.exchange == exchange.upper() and terms.spec.expires_at is not None
        ]
        found = min(group, key=lambda terms: str(terms.spec.expires_at)) if group else self.find(exchange, name)
        if not found.spec.is_derivative:
            raise UnknownInstrument(f"{exchange}:{name}")
        return found

    def market(self, terms: Terms, board: str | None = None) -> InstrumentMarket:
        """The market of an instrument on its primary board, or on another of its boards.

        Raises:
            UnknownInstrument: It is not traded on that board.
        """
        spec = terms.spec
        wanted = (board or spec.board).upper()
        market = self._markets.get((terms, wanted))
        if market is None:
            if wanted not in spec.all_boards:
                raise UnknownInstrument(f"{spec.broker_symbol}:{board}")
            past = self._pasts.get(spec.broker_symbol)
            if past is None:
                past = self._pasts[spec.broker_symbol] = History(terms, self._seed)
            market = InstrumentMarket(terms, wanted, past, opened_us=self._opened_us, seed=self._seed)
            self._markets[terms, wanted] = market
            self.opened(market)
        return market

    @property
    def open_markets(self) -> tuple[InstrumentMarket, ...]:
        """The markets that anybody has looked at."""
        return tuple(self._markets.values())

    def search(
        self,
        query: str = "",
        *,
        exchange: str | None = None,
        board: str | None = None,
        market: Market | None = None,
        cfi_code: str | None = None,
        all_boards: bool = False,
    ) -> list[InstrumentMarket]:
        """The markets of matching instruments, the most traded first."""
        text = query.upper()
        found: list[InstrumentMarket] = []
        for terms in self:
            spec = terms.spec
            names = (spec.symbol, spec.short_name, spec.description, spec.isin or "")
            if not any(text in name.upper() for name in names):
                continue
            if (exchange and spec.exchange != exchange.upper()) or (market and spec.market is not market):
                continue
            if cfi_code and not spec.cfi_code.startswith(cfi_code.upper()):
                continue
            boards = spec.all_boards if all_boards or board else (spec.board,)
            found += [self.market(terms, name) for name in boards if not board or name == board.upper()]
        return found

    def currency_pairs(self) -> tuple[CurrencyPair, ...]:
        """The pairs of the FX market, the most traded first."""
        return currency_pairs(tuple(terms.spec for terms in self))

    def risk_rates(
        self,
        *,
        exchange: str | None = None,
        ticker: str | None = None,
        risk_category_id: int | None = None,
        search: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> RiskRatePage:
        """Margin rates; `ticker` matches symbol or ISIN, `search` is a prefix of either."""
        rates: list[RiskRate] = []
        for number, terms in enumerate(self._terms.values()):
            rate = _risk_rate(_FIRST_RATE_ID + number, terms.spec)
            names = (rate.symbol.upper(), (rate.isin or "").upper())
            if (
                (exchange is None or rate.exchange == exchange.upper())
                and (ticker is None or ticker.upper() in names)
                and (risk_category_id is None or rate.risk_category_id == risk_category_id)
                and (search is None or any(name.startswith(search.upper()) for name in names))
            ):
                rates.append(rate)
        end = None if limit is None else offset + limit
        return RiskRatePage(tuple(rates[offset:end]), len(rates))


def _risk_rate(rate_id: int, spec: InstrumentSpec) -> RiskRate:
    symmetric = ratio(int((spec.rate_up + spec.rate_down) * 100), 200)
    return RiskRate(
        rate_id=rate_id,
        symbol=spec.symbol,
        exchange=spec.exchange,
        risk_category_id=RISK_CATEGORY,
        security_risk_category_id=None if spec.is_derivative else 2,
        asset_type=spec.asset_type,
        underlying_asset=spec.underlying if spec.is_derivative else None,
        set_name=None,
        isin=spec.isin,
        currency_code=spec.currency,
        rate_up=spec.rate_up,
        rate_down=spec.rate_down,
        rate_symmetric=symmetric,
        is_short_sell_possible=spec.is_short_sell_possible,
        is_marginal=spec.is_marginal,
        set_rate=spec.rate_up * 0,
        underlying_sign=spec.underlying_sign,
    )


def _nothing(_market: InstrumentMarket) -> None:
    """Do nothing."""
