"""The instruments that are there out of the box: names that users know, with plausible facts.

The figures are near enough to the real ones to be believed, and are not kept up to date. Futures are those of the
nearest quarter that has at least a week to live on the day the exchange opens.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from alor_async.sandbox.core.entities import Collateral, CurrencyPair, InstrumentSpec
from alor_async.sandbox.core.enums import ClientType, Market

EXCHANGE = "MOEX"
STOCK_BOARDS = ("TQBR", "SMAL", "SPEQ")

# symbol, short name, full name, kind, CFI, ISIN, lot, face, step, price, day's lots, day's range (bp), rate up, down, shares
_STOCKS = """
SBER|Сбербанк|Сбербанк России ПАО ао|CS|ESXXXX|RU0009029540|10|3|0.01|305|3200000|160|24.81|18.27|21586948000
SBERP|Сбербанк-п|Сбербанк России ПАО ап|PS|EPXXXX|RU0009029557|10|3|0.01|304|260000|160|25.10|18.60|1000000000
GAZP|ГАЗПРОМ ао|"Газпром" (ПАО) ао|CS|ESXXXX|RU0007661625|10|5|0.01|128|3900000|200|29.40|21.80|23673512900
LKOH|ЛУКОЙЛ|НК ЛУКОЙЛ (ПАО) - ао|CS|ESXXXX|RU0009024277|1|0.025|0.5|6250|1100000|170|25.90|19.10|692865762
YDEX|ЯНДЕКС|МКПАО "Яндекс"|CS|ESXXXX|RU000A107T19|1|1|0.5|4180|820000|190|30.20|22.70|390468884
ROSN|Роснефть|ПАО НК Роснефть|CS|ESXXXX|RU000A0J2Q06|1|0.01|0.05|446|4600000|180|26.30|19.90|10598177817
GMKN|ГМКНорНик|ГМК "Нор.Никель" ПАО ао|CS|ESXXXX|RU0007288411|10|0.01|0.02|132|2700000|210|28.70|21.40|15286339700
VTBR|ВТБ ао|ао ПАО Банк ВТБ|CS|ESXXXX|RU000A0JP5V6|1|50|0.01|74|42000000|220|33.10|24.90|6454000000
T|Т-Техно ао|МКПАО "Т-Технологии" ао|CS|ESXXXX|RU000A107UL4|1|1|0.2|3140|1050000|200|31.80|23.60|268275000
MGNT|Магнит ао|"Магнит" ПАО ао|CS|ESXXXX|RU000A0JKQU8|1|0.01|0.5|3620|240000|190|34.00|25.20|101911355
NVTK|Новатэк ао|ПАО "НОВАТЭК" ао|CS|ESXXXX|RU000A0DKVS5|1|0.1|0.2|1135|1900000|210|29.90|22.10|3036306000
TATN|Татнфт 3ао|ПАО "Татнефть" ао|CS|ESXXXX|RU0009033591|1|1|0.1|642|1500000|190|28.20|20.70|2178690700
PLZL|Полюс|ПАО "Полюс" ао|CS|ESXXXX|RU000A0JNAA8|1|1|0.2|2080|1700000|200|30.60|22.50|1360693440
TMOS|Индекс МБ|БПИФ Индекс МосБиржи|MF|EUXXXX|RU000A101X76|1|0|0.01|6.4|9000000|120|100|16.50|0
"""


def default_instruments(today: date) -> tuple[InstrumentSpec, ...]:
    """Everything there is on a day."""
    return (*_stocks(), *_bonds(), *_futures(today), *_currencies())


def currency_pairs(specs: tuple[InstrumentSpec, ...]) -> tuple[CurrencyPair, ...]:
    """The pairs among some instruments."""
    return tuple(
        CurrencyPair(spec.underlying or spec.symbol[:3], spec.currency, spec.symbol)
        for spec in specs
        if spec.market is Market.CURRENCIES
    )


def _stocks() -> tuple[InstrumentSpec, ...]:
    specs: list[InstrumentSpec] = []
    for number, line in enumerate(_STOCKS.strip().splitlines()):
        symbol, short, full, kind, cfi, isin, lot, face, step, price, volume, spread, up, down, shares = line.split("|")
        is_fund = kind == "MF"
        specs.append(
            InstrumentSpec(
                symbol=symbol,
                exchange=EXCHANGE,
                board="TQTF" if is_fund else "TQBR",
                boards=() if is_fund else STOCK_BOARDS,
                market=Market.STOCKS,
                short_name=short,
                description=full,
                kind=kind,
                cfi_code=cfi,
                isin=isin,
                lot_size=int(lot),
                face_value=Decimal(face),
                price_step=Decimal(step),
                step_value=Decimal(step),
                decimals=_decimals(step),
                reference_price=Decimal(price),
                day_volume=int(volume),
                volatility_bp=int(spread),
                rating=int(int(volume) * int(lot) * Decimal(price)),
                shares_issued=int(shares),
                rate_up=Decimal(up),
                rate_down=Decimal(down),
                is_short_sell_possible=not is_fund,
                is_marginal=True,
                asset_type="fund" if is_fund else "stock",
                listed=date(2014, 1, 6 + number % 5),
            )
        )
    return tuple(specs)


def _decimals(step: str) -> int:
    return len(step.partition(".")[2])


def _bonds() -> tuple[InstrumentSpec, ...]:
    government = InstrumentSpec(
        symbol="SU26238RMFS4",
        exchange=EXCHANGE,
        board="TQOB",
        boards=("TQOB", "PSOB"),
        market=Market.STOCKS,
        short_name="ОФЗ 26238",
        description="ОФЗ-ПД 26238 15/05/2041",
        kind="EUSOV",
        cfi_code="DBXXXX",
        isin="RU000A1038V6",
        face_value=Decimal(1000),
        price_step=Decimal("0.001"),
        step_value=Decimal("0.01"),
        decimals=3,
        reference_price=Decimal("58.12"),
        day_volume=900_000,
        volatility_bp=60,
        rating=5_200_000,
        shares_issued=750_000_000,
        expires_at=datetime(2041, 5, 15, tzinfo=UTC),
        bond_yield=Decimal("13.86"),
        accrued_interest=Decimal("13.42"),
        rate_up=Decimal("14.20"),
        rate_down=Decimal("9.80"),
        is_marginal=True,
        asset_type="bond",
        listed=date(2021, 6, 16),
    )
    corporate = InstrumentSpec(
        symbol="RU000A106K43",
        exchange=EXCHANGE,
        board="TQCB",
        boards=("TQCB", "PSEO"),
        market=Market.STOCKS,
        short_name="РЖД 1Р-26R",
        description="РЖД БО 001P-26R",
        kind="CORP",
        cfi_code="DBXXXX",
        isin="RU000A106K43",
        face_value=Decimal(1000),
        price_step=Decimal("0.01"),
        step_value=Decimal("0.1"),
        decimals=2,
        reference_price=Decimal("96.4"),
        day_volume=30_000,
        volatility_bp=40,
        rating=28_920,
        shares_issued=30_000_000,
        expires_at=datetime(2030, 7, 25, tzinfo=UTC),
        complex_product_category="800",
        bond_yield=Decimal("15.10"),
        accrued_interest=Decimal("7.26"),
        asset_type="bond",
        listed=date(2023, 8, 1),
    )
    return government, corporate


def _currencies() -> tuple[InstrumentSpec, ...]:
    def pair(symbol: str, base: str, name: str, price: str, step: str, volume: int) -> InstrumentSpec:
        return InstrumentSpec(
            symbol=symbol,
            exchange=EXCHANGE,
            board="CETS",
            boards=("CETS",),
            market=Market.CURRENCIES,
            short_name=symbol,
            description=name,
            kind="FOR",
            cfi_code="MRCXXX",
            lot_size=1_000,
            price_step=Decimal(step),
            step_value=Decimal(step),
            decimals=4,
            reference_price=Decimal(price),
            day_volume=volume,
            volatility_bp=90,
            rating=volume * 1_000,
            rate_up=Decimal("12.40"),
            rate_down=Decimal("11.60"),
            is_short_sell_possible=True,
            is_marginal=True,
            asset_type="currency",
            underlying=base,
            base_swap_price=Decimal(price),
        )

    return (
        pair("USD000UTSTOM", "USD", "USDRUB_TOM - USD/РУБ", "91.75", "0.0025", 600_000),
        pair("CNYRUB_TOM", "CNY", "CNYRUB_TOM - CNY/РУБ", "12.64", "0.0005", 4_000_000),
    )


def _futures(today: date) -> tuple[InstrumentSpec, ...]:
    year, month, expiry = _nearest_quarter(today)
    code, short_code = f"{month}.{year % 100:02d}", f"{'HMUZ'[month // 3 - 1]}{year % 10}"

    def future(
        group: str, letters: str, price: str, step: str, step_value: str, size: int, volume: int, margin: str
    ) -> InstrumentSpec:
        return InstrumentSpec(
            symbol=f"{group}-{code}",
            exchange=EXCHANGE,
            board="RFUD",
            boards=("RFUD",),
            market=Market.DERIVATIVES,
            short_name=f"{letters}{short_code}",
            description=f"{letters}{short_code}",
            kind=f"Фьючерсный контракт {group}-{code}",
            cfi_code="FFXCSX",
            face_value=Decimal(size),
            price_step=Decimal(step),
            step_value=Decimal(step_value),
            decimals=0,
            reference_price=Decimal(price),
            day_volume=volume,
            volatility_bp=130,
            rating=volume,
            expires_at=expiry,
            complex_product_category="2",
            settle_days=0,
            limit_percent=9,
            asset_type="future",
            underlying=group,
            underlying_sign=1,
            is_short_sell_possible=True,
            is_marginal=True,
            collateral=_collateral(Decimal(margin)),
            listed=expiry.date() - timedelta(days=450),
        )

    return (
        future("Si", "Si", "92400", "1", "1", 1_000, 1_400_000, "13820.50"),
        future("RTS", "RI", "108500", "10", "18.34962", 1, 180_000, "31240.18"),
        future("SBRF", "SR", "31300", "1", "1", 100, 260_000, "4988.40"),
    )


def _collateral(base: Decimal) -> dict[ClientType, Collateral]:
    """Safer clients put down more for the same contract; shorts a little more than longs."""
    cent = Decimal("0.01")
    factors = {
        ClientType.LOW_RISK: Decimal("2.486"),
        ClientType.STANDARD_RISK: Decimal("1.764"),
        ClientType.HIGH_RISK: Decimal(1),
        ClientType.SPECIAL: Decimal(1),
    }
    return {
        client: Collateral((base * factor).quantize(cent), (base * factor * Decimal("1.0036")).quantize(cent))
        for client, factor in factors.items()
    }


def _nearest_quarter(today: date) -> tuple[int, int, datetime]:
    """Year, month and expiry (the third Thursday) of the nearest quarterly contract with a week to live."""
    year, month = today.year, (today.month + 2) // 3 * 3
    while True:
        first = date(year, month, 1)
        expiry = first + timedelta(days=(3 - first.weekday()) % 7 + 14)
        if expiry - today >= timedelta(days=7):
            return year, month, datetime(expiry.year, expiry.month, expiry.day, tzinfo=UTC)
        year, month = (year + 1, 3) if month == 12 else (year, month + 3)
