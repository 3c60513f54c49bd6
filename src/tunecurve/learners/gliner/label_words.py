"""The words that a label is asked for with: ``FIRSTNAME`` is "first name". Pure Python: knows labels and words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunecurve.errors import SpecError, did_you_mean
from tunecurve.spec.gliner import GlinerSpec

# What is looked for where a study's placeholders say no label (``***``).
WITHOUT_LABELS = (
    *("person", "address", "location", "email address", "phone number", "date of birth", "username", "password"),
    *("credit card number", "bank account number", "social security number", "identity document number", "passport number"),
    *("ip address", "license plate number"),
)  # fmt: skip
# Names that are no words, or say less than they mean.
_GROUP = "nationality or religious or political group"
_NAMES = {
    "DOB": "date of birth", "GPE": "country or city or state", "IP": "ip address", "LOC": "location", "MAC": "mac address",
    "MISC": "miscellaneous", "NORP": _GROUP, "NRP": _GROUP, "ORG": "organization", "PER": "person", "SSN": "social security number",
    "TEL": "phone number", "VEHICLEVIN": "vehicle identification number", "VEHICLEVRM": "vehicle registration number",
    "VIN": "vehicle identification number", "VRM": "vehicle registration number",
}  # fmt: skip
# Parts of names that are written short.
_SHORT = {
    "acct": "account",
    "addr": "address",
    "cc": "credit card",
    "doc": "document",
    "num": "number",
    "org": "organization",
}
# Words that stand without a blank in the labels of known data sets, such as FIRSTNAME and CREDITCARDNUMBER.
_WORDS = frozenset(
    """
    account address age agent amount area bank bic birth bitcoin birthday building card city client code color coordinate
    company country county credit currency customer cvv date device direction driver drivers education email employee
    employer ethereum expiry eye family first full gender given gps health height iban id identity imei insurance ip issuer
    job last license licence litecoin location mac marital masked medical middle mobile name national nearby number
    occupation of order ordinal organization passport password patient person personal phone pin place plate postal post
    prefix profession registration religion secondary security sex social ssn state status street suffix symbol tax
    telephone time title type url user vehicle vin vrm website zip
    """.split()  # noqa: SIM905
)
_KNOWN = _WORDS | _SHORT.keys() - {"cc"}
# Such as are written in one piece.
_ONE_PIECE = frozenset({"username", "birthday", "website", "postcode"})


def label_words(label: str) -> str:
    """Return the words of a label's name.

    >>> [label_words(label) for label in ("FIRSTNAME", "PHONE_NUMBER", "streetAddress", "DOB", "VORNAME")]
    ['first name', 'phone number', 'street address', 'date of birth', 'vorname']
    """
    known = _NAMES.get(label.upper())
    if known is not None:
        return known
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    parts = [part.lower() for part in re.split(r"[\W_]+", apart) if part]
    words = [_SHORT.get(word, word) for part in parts for word in _run_together(part)]
    return " ".join(words) or label


def _run_together(part: str) -> list[str]:
    """Return the known words that a part is made of, as few as can be; itself where it is not made of such."""
    if part in _ONE_PIECE or part in _KNOWN:
        return [part]
    best: list[list[str] | None] = [[]] + [None] * len(part)
    for end in range(1, len(part) + 1):
        for start in range(end):
            before = best[start]
            if before is None or part[start:end] not in _KNOWN:
                continue
            found = best[end]
            if found is None or len(before) + 1 < len(found):
                best[end] = [*before, part[start:end]]
    return best[-1] or [part]


def words_to_labels(labels: Sequence[str], settings: GlinerSpec) -> dict[str, str]:
    """Return the label for all words that are asked for.

    Parameters
    ----------
    labels : sequence of str
        The study's labels; empty where its placeholders say none.
    settings : GlinerSpec
        With the words that the study gives.

    Raises
    ------
    SpecError
        When words are given for a label that the study has not, or two labels would be asked for with the same words.
    """
    for label in settings.prompts:
        if labels and label not in labels:
            raise SpecError(
                f"gliner.prompts: '{label}' is no label of these rows; expected some of: {', '.join(labels)}."
                f"{did_you_mean(label, labels)}"
            )
    if not labels and not settings.prompts:
        return {words: words.upper().replace(" ", "_") for words in WITHOUT_LABELS}
    found: dict[str, str] = {}
    for label in labels or settings.prompts:
        for words in settings.words_of(label) or [label_words(label)]:
            other = found.setdefault(words, label)
            if other != label:
                raise SpecError(
                    f"gliner.prompts: labels '{other}' and '{label}' would both be asked for as '{words}', and nothing would tell them "
                    f"apart; expected other words for one of them, e.g. gliner: {{prompts: {{{label}: ...}}}}"
                )
    return found
