"""Values of where and when: addresses, coordinates, dates and clock times, plus the decoys that are never masked."""

from __future__ import annotations

from collections.abc import Callable

from tunecurve.data.synthetic_pii.row_state import RowState
from tunecurve.data.synthetic_pii.stable_random import StableRandom


def coordinate(rng: StableRandom) -> str:
    """Return a latitude and longitude on land-rich latitudes, in one of the usual notations."""
    latitude, longitude = rng.random() * 110 - 45, rng.random() * 300 - 130
    form = rng.below(4)
    if form == 0:
        return f"{latitude:.4f}, {longitude:.4f}"
    if form == 1:
        return f"{latitude:.6f},{longitude:.6f}"
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    if form == 2:
        return f"{abs(latitude):.3f}°{north}, {abs(longitude):.3f}°{east}"
    return f"{north} {abs(latitude):.2f} {east} {abs(longitude):.2f}"


def _ordinal(day: int) -> str:
    suffix = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _date(row: RowState, section: str, first_year: int, last_year: int) -> str:
    rng, words = row.rng, row.pools.words
    day, month, year = rng.between(1, 28), rng.between(1, 12), rng.between(first_year, last_year)
    return row.word(section).format(
        d=day,
        d0=f"{day:02d}",
        dth=_ordinal(day),
        m=month,
        m0=f"{month:02d}",
        month=words["month"][month - 1],
        mon=words["mon"][month - 1],
        Y=year,
        y=f"{year % 100:02d}",
    )


def clock_time(row: RowState, index: int) -> str:
    rng = row.rng
    hour, minute = rng.between(0, 23), rng.pick((rng.below(60), rng.below(12) * 5))
    return row.word("time").format(
        H=f"{hour:02d}",
        H1=hour,
        M=f"{minute:02d}",
        S=rng.digits(1).rjust(2, "4"),
        h=hour % 12 or 12,
        hword=row.pools.words["hourword"][hour % 12],
    )


PLACES_AND_TIMES: dict[str, Callable[[RowState, int], str]] = {
    "DATE": lambda row, index: _date(row, "date", 1996, 2027),
    "DOB": lambda row, index: _date(row, "dob", 1932, 2009),
    "TIME": clock_time,
    "STREET": lambda row, index: row.rng.pick(row.pools.streets),
    "SECONDARYADDRESS": lambda row, index: row.pattern("secondary"),
    "BUILDINGNUMBER": lambda row, index: str(row.rng.between(1, 10 ** row.rng.between(2, 4) - 1)),
    "CITY": lambda row, index: row.rng.pick(row.pools.cities),
    "COUNTY": lambda row, index: row.word("county"),
    "STATE": lambda row, index: row.rng.pick(row.pools.states),
    "ZIPCODE": lambda row, index: row.pattern("zip"),
    "NEARBYGPSCOORDINATE": lambda row, index: coordinate(row.rng),
    "ORDINALDIRECTION": lambda row, index: row.word("direction"),
}


def _temperature(row: RowState, index: int) -> str:
    degrees = row.rng.between(-9, 41)
    return row.rng.pick(
        (f"{degrees} °C", f"{degrees}°C", f"{degrees} degrees" if row.pools.language == "en" else f"{degrees}°")
    )


DECOY_VALUES: dict[str, Callable[[RowState, int], str]] = {
    "quantity": lambda row, index: str(row.rng.between(2, row.rng.pick((12, 60, 400, 2500)))),
    "minutes": lambda row, index: str(row.rng.between(3, 59)),
    "year": lambda row, index: str(row.rng.between(1961, 2025)),
    "percent": lambda row, index: f"{row.rng.between(2, 98)}{'%' if row.pools.language == 'en' else ' %'}",
    "score": lambda row, index: f"{row.rng.below(7)}{row.rng.pick('-:')}{row.rng.below(7)}",
    "temperature": _temperature,
    "items": lambda row, index: row.word("items"),
    "brand": lambda row, index: row.word("brand"),
    "weekday": lambda row, index: row.word("weekday"),
    "month": lambda row, index: row.word("month"),
    "sku": lambda row, index: row.pattern("sku"),
    "order": lambda row, index: row.pattern("order"),
    "ticket": lambda row, index: row.pattern("ticket"),
    "version": lambda row, index: row.pattern("version"),
    "room": lambda row, index: row.pattern("room"),
}
