from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.exchange import Exchange, InvalidQuery, UnknownInstrument
from tests.sandbox.core.support import QUIET, STOCKS, HandClock, limit, market, place

MIDNIGHT_IN_MOSCOW = int(datetime(2026, 3, 17, 21, tzinfo=UTC).timestamp())


def symbols(found: object) -> list[str]:
    return [instrument.spec.symbol for instrument in found]  # type: ignore[attr-defined]


def test_the_instruments_that_users_know(exchange: Exchange) -> None:
    known = symbols(exchange.list_instruments("MOEX"))
    assert {"SBER", "GAZP", "LKOH", "YDEX", "SU26238RMFS4", "TMOS", "Si-6.26", "RTS-6.26", "USD000UTSTOM"} <= set(known)
    assert len(known) == len(set(known)) == 21
    ratings = [instrument.spec.rating for instrument in exchange.list_instruments("MOEX")]
    assert ratings == sorted(ratings, reverse=True)
    assert exchange.list_instruments("SPBX") == ()


def test_searching(exchange: Exchange) -> None:
    assert symbols(exchange.search_instruments("sber"))[0] == "SBER"
    assert symbols(exchange.search_instruments("лукойл")) == ["LKOH"]
    assert symbols(exchange.search_instruments("RU000A107T19")) == ["YDEX"]
    assert symbols(exchange.search_instruments("SiM6")) == ["Si-6.26"]
    assert set(symbols(exchange.search_instruments(sector=Market.CURRENCIES))) == {"USD000UTSTOM", "CNYRUB_TOM"}
    assert set(symbols(exchange.search_instruments(cfi_code="ff"))) == {"Si-6.26", "RTS-6.26", "SBRF-6.26"}
    assert symbols(exchange.search_instruments(board="tqob")) == ["SU26238RMFS4"]
    assert exchange.search_instruments("sber", exchange="SPBX") == ()
    everything = symbols(exchange.search_instruments())
    assert symbols(exchange.search_instruments(limit=3, offset=2)) == everything[2:5]
    boards = exchange.search_instruments("SBERP", include_non_base_boards=True)
    assert [instrument.board for instrument in boards] == ["TQBR", "SMAL", "SPEQ"]


def test_one_instrument(exchange: Exchange) -> None:
    sber = exchange.get_instrument("moex", "sber")
    close = exchange.get_quote("MOEX", "SBER").prev_close_price
    assert (sber.spec.broker_symbol, sber.spec.is_bond) == ("MOEX:SBER", False)
    assert sber.price_min <= close * Decimal("0.8") < close * Decimal("1.199") < sber.price_max
    assert (sber.board, sber.trading_status, sber.margin_buy) == ("TQBR", 17, 0)
    assert exchange.get_instrument("MOEX", "SBER", QUIET).board == QUIET
    assert exchange.list_boards("MOEX", "SBER") == ("TQBR", "SMAL", "SPEQ")
    future = exchange.get_instrument("MOEX", "SiM6")
    assert future.spec.collateral is not None
    assert 0 < future.margin_buy < future.margin_sell
    assert future.margin_rate > 0
    assert future.spec.expires_at == datetime(2026, 6, 18, tzinfo=UTC)
    for exchange_name, symbol, board in (("SPBX", "SBER", None), ("MOEX", "NOSUCH", None), ("MOEX", "SBER", "RFUD")):
        with pytest.raises(UnknownInstrument):
            exchange.get_instrument(exchange_name, symbol, board)


def test_own_instruments_are_added(clock: HandClock) -> None:
    sber = next(spec for spec in default_instruments(date(2026, 3, 18)) if spec.symbol == "SBER")
    mine = replace(sber, symbol="MINE", reference_price=Decimal(50), rating=10**15)
    exchange = Exchange(clock=clock, instruments=[mine, replace(sber, reference_price=Decimal(1_000))])
    assert symbols(exchange.list_instruments("MOEX", limit=1)) == ["MINE"]
    assert 40 < exchange.get_quote("MOEX", "MINE").last_price < 60
    assert 800 < exchange.get_quote("MOEX", "SBER").last_price < 1_200
    assert exchange.check() == []


@pytest.mark.parametrize(
    ("today", "code"),
    [
        (date(2026, 3, 18), "Si-6.26"),
        (date(2026, 6, 11), "Si-6.26"),
        (date(2026, 6, 12), "Si-9.26"),
        (date(2026, 11, 21), "Si-12.26"),
        (date(2026, 12, 20), "Si-3.27"),
    ],
)
def test_futures_are_those_of_the_nearest_quarter(today: date, code: str) -> None:
    assert code in [spec.symbol for spec in default_instruments(today)]


def test_currency_pairs_and_risk_rates(exchange: Exchange) -> None:
    pairs = {(pair.first_code, pair.second_code, pair.symbol_tom) for pair in exchange.list_currency_pairs()}
    assert pairs == {("USD", "RUB", "USD000UTSTOM"), ("CNY", "RUB", "CNYRUB_TOM")}
    everything = exchange.list_risk_rates()
    assert everything.total == len(everything.rates) == 21
    (sber,) = exchange.list_risk_rates(ticker="sber", exchange="moex", risk_category_id=1).rates
    assert (sber.rate_up, sber.rate_down, sber.rate_symmetric) == (
        Decimal("24.81"),
        Decimal("18.27"),
        Decimal("21.54"),
    )
    assert exchange.list_risk_rates(ticker="RU0009029540").rates == (sber,)
    assert {rate.symbol for rate in exchange.list_risk_rates(search="sbe").rates} == {"SBER", "SBERP"}
    page = exchange.list_risk_rates(limit=2, offset=1)
    assert (page.rates, page.total) == (everything.rates[1:3], 21)
    assert exchange.list_risk_rates(risk_category_id=2).total == 0
    assert exchange.list_risk_rates(exchange="SPBX").total == 0


def test_quotes_agree_with_the_tape_and_the_book(exchange: Exchange) -> None:
    tape = exchange.list_market_trades("MOEX", "SBER")
    quote = exchange.get_quote("MOEX", "SBER")
    book = exchange.get_book("MOEX", "SBER", depth=50)
    prices = [trade.price for trade in tape]
    assert (quote.open_price, quote.high_price, quote.low_price, quote.last_price) == (
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
    )
    assert quote.volume == 10 * sum(trade.lots for trade in tape)
    assert quote.lot_value == quote.last_price * 10
    assert (quote.bid, quote.bid_volume) == (book.bids[0].price, book.bids[0].lots)
    assert (quote.ask, quote.ask_volume) == (book.asks[0].price, book.asks[0].lots)
    assert quote.total_ask_volume >= sum(level.lots for level in book.asks)
    assert quote.change == quote.last_price - quote.prev_close_price
    assert quote.change_percent == (quote.change * 100 / quote.prev_close_price).quantize(Decimal("0.01"))
    assert quote.last_price_timestamp == tape[-1].timestamp_ms // 1_000
    assert (quote.open_interest, quote.book_timestamp_ms, quote.prev_settle_price) == (None, None, None)
    assert len(book.bids) == len(book.asks) == 50
    assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)
    assert len(exchange.get_book("MOEX", "SBER").bids) == 20


def test_futures_quotes(exchange: Exchange) -> None:
    quote = exchange.get_futures_quote("MOEX", "si")
    assert quote == exchange.get_futures_quote("MOEX", "SiM6") == exchange.get_quote("MOEX", "Si-6.26")
    assert quote.open_interest
    assert quote.book_timestamp_ms == int(exchange.now().timestamp() * 1_000)
    assert quote.prev_settle_price == quote.prev_close_price
    for name in ("SBER", "NOSUCH"):
        with pytest.raises(UnknownInstrument):
            exchange.get_futures_quote("MOEX", name)


def test_bonds_show_their_yield_and_pay_their_accrued_interest(exchange: Exchange) -> None:
    quote = exchange.get_quote("MOEX", "SU26238RMFS4")
    assert quote.accrued_interest == Decimal("13.42")
    assert exchange.get_book("MOEX", "SU26238RMFS4").bids[0].bond_yield == quote.bond_yield
    before = exchange.get_summary(STOCKS).buying_power
    place(exchange, market(Side.BUY, 1, symbol="SU26238RMFS4", board=None))
    (trade,) = exchange.list_trades(STOCKS)
    assert trade.value == trade.price * 10
    assert trade.accrued_interest == Decimal("13.42")
    assert trade.commission is not None
    assert before - exchange.get_summary(STOCKS).buying_power == trade.value + Decimal("13.42") + trade.commission


def test_an_empty_side_has_no_price(exchange: Exchange) -> None:
    place(exchange, limit(Side.BUY, 1, "290"))
    book = exchange.get_book("MOEX", "SBER", board=QUIET)
    assert (len(book.bids), len(book.asks)) == (1, 0)
    bids = exchange.get_book("MOEX", "TMOS", depth=50).bids
    place(exchange, limit(Side.SELL, 2_000, bids[0].price, symbol="TMOS", board=None))
    while (ask := exchange.get_quote("MOEX", "RU000A106K43").ask) is not None:
        lots = exchange.get_quote("MOEX", "RU000A106K43").ask_volume
        assert exchange._broker.matching.crowd_take(
            exchange._market("MOEX", "RU000A106K43"),
            Side.BUY,
            exchange._market("MOEX", "RU000A106K43").terms.ticks(ask) or 0,
            lots,
        )
        exchange._market("MOEX", "RU000A106K43").note_top(exchange._timeline.now_us)
    quote = exchange.get_quote("MOEX", "RU000A106K43")
    assert (quote.ask, quote.ask_volume, quote.total_ask_volume) == (None, 0, 0)


def test_market_trades_are_filtered(exchange: Exchange) -> None:
    tape = exchange.list_market_trades("MOEX", "SBER")
    middle = tape[len(tape) // 2]

    def found(**filters: object) -> tuple[object, ...]:
        return exchange.list_market_trades("MOEX", "SBER", **filters)  # type: ignore[arg-type]

    assert found(from_id=middle.trade_id) == tape[len(tape) // 2 :]
    assert found(to_id=middle.trade_id) == tape[: len(tape) // 2 + 1]
    at = middle.timestamp_ms // 1_000
    assert found(start=at, end=at) == tuple(trade for trade in tape if trade.timestamp_ms // 1_000 == at)
    assert found(side=Side.SELL) == tuple(trade for trade in tape if trade.side is Side.SELL)
    assert found(lots_from=100, lots_to=200) == tuple(trade for trade in tape if 100 <= trade.lots <= 200)
    assert found(price_from=middle.price, price_to=middle.price) == tuple(
        trade for trade in tape if trade.price == middle.price
    )
    assert found(descending=True, offset=1, limit=2) == tape[-2:-4:-1]
    assert exchange.list_market_trades("MOEX", "SBER", board=QUIET) == ()


def test_the_market_trades_of_earlier_days(exchange: Exchange) -> None:
    def page(limit: int, offset: int = 0, start: int | None = None, end: int | None = None):
        return exchange.list_market_trades_history("MOEX", "SBER", start=start, end=end, limit=limit, offset=offset)

    start, end = MIDNIGHT_IN_MOSCOW - 3 * 86_400, MIDNIGHT_IN_MOSCOW - 1
    whole = page(50_000, start=start, end=end)
    assert whole.total == len(whole.trades)
    walked: list[object] = []
    while len(walked) < whole.total:
        walked += page(1_999, len(walked), start, end).trades
    assert tuple(walked) == whole.trades
    assert page(10, whole.total, start, end).trades == ()
    first = whole.trades[0]
    second = first.timestamp_ms // 1_000
    assert page(10, start=second, end=second).trades[0] == first
    everything = page(1)
    assert everything.total > 20 * 3_000
    assert everything.trades[0].timestamp_ms // 1_000 >= MIDNIGHT_IN_MOSCOW - 30 * 86_400
    assert page(1, start=0, end=1).total == 0
    for wrong in ({"start": MIDNIGHT_IN_MOSCOW}, {"end": MIDNIGHT_IN_MOSCOW}):
        with pytest.raises(InvalidQuery, match="From and To must be less than today"):
            page(1, **wrong)
    for limit_, offset in ((0, 0), (50_001, 0), (1, -1)):
        with pytest.raises(InvalidQuery, match="Limit"):
            page(limit_, offset)


def test_trades_that_happened_here_become_history(exchange: Exchange, clock: HandClock) -> None:
    place(exchange, market(Side.BUY, 1, board=None))
    last = exchange.list_market_trades("MOEX", "SBER", descending=True, limit=1)[0]
    today = exchange.list_market_trades("MOEX", "SBER")
    clock.forward(days=1)
    found = exchange.list_market_trades_history(
        "MOEX", "SBER", start=MIDNIGHT_IN_MOSCOW, end=MIDNIGHT_IN_MOSCOW + 86_399, limit=50_000
    )
    assert found.trades == today
    assert found.trades[-1] == last
    quiet = exchange.list_market_trades_history("MOEX", "SBER", start=None, end=None, limit=5, board=QUIET)
    assert quiet.total == 0
