"""Values of banking: accounts, cards, amounts and currencies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from tunecurve.data.synthetic_pii.check_digits import iban_check, luhn_digit
from tunecurve.data.synthetic_pii.row_state import RowState
from tunecurve.data.synthetic_pii.stable_random import UPPERCASE, StableRandom

# Country -> shape of the national part of its IBAN: '?' a letter, '#' a digit.
_IBAN_SHAPES = {
    "GB": "????" + "#" * 14,
    "IE": "????" + "#" * 14,
    "DE": "#" * 18,
    "AT": "#" * 16,
    "CH": "#" * 17,
    "FR": "#" * 23,
    "BE": "#" * 12,
    "LU": "#" * 16,
    "IT": "?" + "#" * 22,
    "SM": "?" + "#" * 22,
    "ES": "#" * 20,
    "NL": "????" + "#" * 10,
}
# Issuer prefixes with the length of the whole number.
_CARDS = (("4", 16), ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("36", 14))
_SEPARATORS = {"en": (",", "."), "fr": (" ", ","), "de": (".", ","), "it": (".", ",")}


def iban(row: RowState, index: int) -> str:
    country = row.word("iban")
    account = row.rng.fill(_IBAN_SHAPES[country])
    number = country + iban_check(country, account) + account
    if row.rng.chance(0.5):
        return number
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def bic(row: RowState, index: int) -> str:
    code = row.rng.text(UPPERCASE, 4) + row.word("iban") + row.rng.text(UPPERCASE + "123456789", 2)
    return code + row.rng.pick(("", "", "XXX", row.rng.text(UPPERCASE + "0123456789", 3)))


def card_number(rng: StableRandom) -> str:
    """Return a payment card number with a valid Luhn digit, plain or grouped."""
    start, length = rng.pick(_CARDS)
    body = start + rng.digits(length - len(start) - 1)
    number = body + luhn_digit(body)
    separator = rng.pick(("", " ", "-", ""))
    if not separator:
        return number
    cuts = (0, 4, 8, 12, 16) if length == 16 else (0, 4, 10, length)
    return separator.join(number[start:end] for start, end in pairwise(cuts))


def masked_number(rng: StableRandom) -> str:
    last = rng.digits(4)
    star = rng.pick("*xX•*")
    return rng.pick(
        (f"{star * 4} {last}", f"{star * 12}{last}", f"{star * 4}-{star * 4}-{star * 4}-{last}", f"{star * 2}{last}")
    )


def amount(row: RowState, index: int) -> str:
    """Return an amount between about 3 and 90,000, as people of the language write it."""
    rng = row.rng
    thousands, decimal = _SEPARATORS[row.pools.language]
    value = 3 * 10 ** (4.5 * rng.random())
    whole, cents = int(value), rng.below(100)
    grouped = f"{whole:,}".replace(",", thousands)
    form = rng.below(6)
    if form == 0:
        return f"{whole}{decimal}{cents:02d}"
    if form == 1:
        return str(round(whole, -2) if whole > 1000 else whole)
    if form == 2 and whole > 2000:
        return f"{whole // 1000}{decimal}{whole // 100 % 10}k" if rng.chance(0.6) else f"{whole // 1000}k"
    if form == 3:
        return grouped
    return f"{grouped}{decimal}{cents:02d}"


def account_name(row: RowState, index: int) -> str:
    form = row.word("accountname")
    person, other = row.person(index + 20), row.person(index + 30)
    names = {"first": person.first, "last": person.last, "first2": other.first}
    return form.format(**names, city=row.rng.pick(row.pools.words["city"]))


def currency(row: RowState, index: int) -> str:
    # The same words serve both labels now and then: what is said about them decides.
    known = row.currency(index)
    return known.name if row.rng.chance(0.15) else known.colloquial


def currency_name(row: RowState, index: int) -> str:
    known = row.currency(index)
    return known.colloquial if row.rng.chance(0.2) else known.name


MONEY: dict[str, Callable[[RowState, int], str]] = {
    "ACCOUNTNAME": account_name,
    "ACCOUNTNUMBER": lambda row, index: row.rng.digits(row.rng.between(7, 12)),
    "IBAN": iban,
    "BIC": bic,
    "AMOUNT": amount,
    "CURRENCY": currency,
    "CURRENCYNAME": currency_name,
    "CURRENCYCODE": lambda row, index: row.currency(index).code,
    "CURRENCYSYMBOL": lambda row, index: row.currency(index).symbol,
    "CREDITCARDNUMBER": lambda row, index: card_number(row.rng),
    "CREDITCARDCVV": lambda row, index: row.rng.digits(4 if row.rng.chance(0.15) else 3),
    "CREDITCARDISSUER": lambda row, index: row.word("issuer"),
    "MASKEDNUMBER": lambda row, index: masked_number(row.rng),
}
