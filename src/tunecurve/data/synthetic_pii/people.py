"""Values about persons: names, looks, work, and the names and secrets they log in with."""

from __future__ import annotations

from collections.abc import Callable

from tunecurve.data.synthetic_pii.check_digits import codice_fiscale_check
from tunecurve.data.synthetic_pii.row_state import RowState, slug
from tunecurve.data.synthetic_pii.stable_random import UPPERCASE

_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")
_LOWERCASE = UPPERCASE.lower()
_PASSWORD_ALPHABET = _LOWERCASE + UPPERCASE + "0123456789" * 2 + "!#$%&*+-=?@^_~"


def prefix(row: RowState, index: int) -> str:
    return row.word("prefix_f" if row.person(index).feminine else "prefix_m")


def middle_name(row: RowState, index: int) -> str:
    if row.rng.chance(0.2):
        return row.rng.pick(UPPERCASE) + "."
    person = row.person(index)
    pool = row.pools.feminine if person.feminine else row.pools.masculine
    name = row.rng.pick(pool)
    while name == person.first:
        name = row.rng.pick(pool)
    return name


def height(row: RowState, index: int) -> str:
    centimetres = row.rng.between(149, 203)
    feet, inches = divmod(round(centimetres / 2.54), 12)
    metres, rest = divmod(centimetres, 100)
    parts = {"feet": feet, "inches": inches, "cm": centimetres, "m": metres, "rest": f"{rest:02d}"}
    return row.word("height").format(**parts)


def user_name(row: RowState, index: int) -> str:
    """Return a user name in one of several common forms, most of them made of the person's own names."""
    rng, person = row.rng, row.person(index)
    first, last = slug(person.first), slug(person.last)
    handle, other = row.word("handle"), row.word("handle")
    forms = (
        lambda: f"{first}.{last}",
        lambda: f"{first}{rng.between(2, 99)}",
        lambda: f"{first[0]}{last}",
        lambda: f"{handle}_{other}",
        lambda: f"{handle}{rng.between(1, 2010)}",
        lambda: f"{person.first}{last[:1].upper()}_{rng.digits(2)}",
        lambda: f"{last[:5]}{first[:2]}",
        lambda: f"xX{handle.capitalize()}{other.capitalize()}Xx",
        lambda: f"the_{handle}_{first}",
        lambda: f"{handle.capitalize()}.{person.first}",
        lambda: f"{rng.text(_LOWERCASE, 2)}{rng.digits(5)}",
        lambda: f"{handle}-{rng.text(_LOWERCASE, 3)}",
    )
    return rng.pick(forms)()


def password(row: RowState, index: int) -> str:
    rng, handle = row.rng, row.word("handle")
    form = rng.below(4)
    if form == 0:
        return f"{handle.capitalize()}{rng.between(1, 2025)}{rng.pick('!?*#$')}"
    if form == 1:
        return f"{handle}-{row.word('handle')}-{rng.digits(2)}"
    if form == 2:
        return f"{row.person(index).first}{rng.digits(4)}"
    # Never ends in punctuation: nobody could tell where it stops before a full stop or question mark.
    return rng.text(_PASSWORD_ALPHABET, rng.between(7, 11)) + rng.digits(1)


def email(row: RowState, index: int) -> str:
    rng, person = row.rng, row.person(index)
    first, last = slug(person.first), slug(person.last)
    local = rng.pick((f"{first}.{last}", f"{first[0]}.{last}", f"{first}{rng.digits(2)}", f"{last}_{first}", ""))
    return f"{local or user_name(row, index).lower()}@{host(row)}"


def host(row: RowState) -> str:
    """Return a host name under a domain reserved for examples (RFC 2606)."""
    rng = row.rng
    if rng.chance(0.35):
        return rng.pick(_HOSTS)
    return f"{slug(_stem(row)) or 'host'}.{rng.pick(('example', 'test', 'example', 'invalid'))}"


def _stem(row: RowState) -> str:
    pool = row.rng.pick((row.pools.surnames, row.pools.companies, row.pools.words["handle"]))
    word = row.rng.pick(pool)
    return word.split(",")[0].split(" ")[0] if len(word) > 14 else word


def job_title(row: RowState, index: int) -> str:
    form = row.word("jobtitle")
    for key in ("level", "area", "type"):
        if "{" + key + "}" in form:
            word = row.word("job" + key)
            form = form.replace("{" + key + "}", word[0].upper() + word[1:] if row.pools.language == "en" else word)
    return form


def job_type(row: RowState, index: int) -> str:
    word = row.word("jobtype")
    return word.capitalize() if row.pools.language == "en" and row.rng.chance(0.3) else word


def social_security_number(row: RowState, index: int) -> str:
    """Return a number of the language's main country; the Italian one ends in a valid check letter."""
    if row.pools.language != "it":
        return row.pattern("ssn")
    rng, person = row.rng, row.person(index)
    name = "".join((slug(text).upper() + "XXX")[:3] for text in (person.last, person.first))
    day = rng.between(1, 28) + 40 * person.feminine
    code = f"{name}{rng.digits(2)}{rng.pick('ABCDEHLMPRST')}{day:02d}{rng.pick(UPPERCASE)}{rng.digits(3)}"
    return code + codice_fiscale_check(code)


PEOPLE: dict[str, Callable[[RowState, int], str]] = {
    "PREFIX": prefix,
    "FIRSTNAME": lambda row, index: row.person(index).first,
    "MIDDLENAME": middle_name,
    "LASTNAME": lambda row, index: row.person(index).last,
    "AGE": lambda row, index: str(row.rng.between(18, 93)),
    "GENDER": lambda row, index: row.word("gender"),
    "SEX": lambda row, index: row.word("sex"),
    "HEIGHT": height,
    "EYECOLOR": lambda row, index: row.word("eyecolor"),
    "USERNAME": user_name,
    "PASSWORD": password,
    "PIN": lambda row, index: row.rng.digits(row.rng.pick((4, 4, 4, 5, 6, 6))),
    "EMAIL": email,
    "JOBAREA": lambda row, index: row.word("jobarea"),
    "JOBTYPE": job_type,
    "JOBTITLE": job_title,
    "COMPANYNAME": lambda row, index: row.rng.pick(row.pools.companies),
    "SSN": social_security_number,
}
