"""Check digits of the identifiers that have them. Pure functions on strings, no randomness."""

from __future__ import annotations

_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMNPR", (1, 2, 3, 4, 5, 7, 9), strict=True)),
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CODICE_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_CODICE_ODD_REST = (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CODICE_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_CODICE_ODD_DIGITS * 2, *_CODICE_ODD_REST), strict=True)
)


def luhn_digit(digits: str) -> str:
    """Return the Luhn check digit to append to ``digits`` (payment cards, IMEI)."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        doubled = int(character) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def iban_check(country: str, account: str) -> str:
    """Return the two check digits of an IBAN (ISO 7064, mod 97-10) for a country code and national part."""
    number = int("".join(str(int(character, 36)) for character in account + country + "00"))
    return f"{98 - number % 97:02d}"


def vin_check(vin: str) -> str:
    """Return the check character (position 9) of a 17-character VIN; the character now there is ignored."""
    total = sum(_VIN_VALUES[character] * weight for character, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def codice_fiscale_check(first_fifteen: str) -> str:
    """Return the last letter of an Italian codice fiscale."""
    odd = sum(_CODICE_ODD[character] for character in first_fifteen[::2])
    even = sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in first_fifteen[1::2])
    return chr(ord("A") + (odd + even) % 26)
