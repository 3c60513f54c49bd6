"""From Presidio's findings to a masked text in the task's own labels. Pure Python: knows texts, spans and labels.

The task's label set decides the names. Presidio's entity types are mapped to the first of their alternatives that the
set holds. A type without any: identifiers (an e-mail address, a card number, a name) are masked all the same, under
Presidio's own name, because a leak is worse than an odd label; general words (dates, places, groups, organizations,
ages) are left standing, because a label set without any word for them shows that the task does not mask them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tunecurve.formats.alignment import label_class
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.learners.baselines.masked_text import Finding, resolve_overlaps, write_masked

# Labels compare without case and underscores: FULLNAME is FULL_NAME.
ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    "PERSON": (
        *("PERSON", "PER", "NAME", "FULL_NAME", "PERSON_NAME", "CLIENT_NAME", "FIRST_NAME", "GIVEN_NAME"),
        *("LAST_NAME", "SURNAME", "PATIENT"),
    ),
    "LOCATION": (
        *("LOCATION", "LOC", "GPE", "PLACE", "CITY", "COUNTRY", "STATE", "ADDRESS", "STREET_ADDRESS", "STREET"),
        "COUNTY",
    ),
    "ORGANIZATION": ("ORGANIZATION", "ORGANISATION", "ORG", "COMPANY", "COMPANY_NAME", "EMPLOYER"),
    "DATE_TIME": ("DATE_TIME", "DATE", "TIME", "DOB", "DATE_OF_BIRTH", "BIRTH_DATE"),
    "NRP": ("NRP", "NORP", "NATIONALITY", "RELIGION"),
    "AGE": ("AGE",),
    "EMAIL_ADDRESS": ("EMAIL_ADDRESS", "EMAIL", "MAIL"),
    "PHONE_NUMBER": ("PHONE_NUMBER", "PHONE", "TELEPHONE", "TELEPHONE_NUMBER", "TELEPHONE_NUM", "TEL", "MOBILE", "FAX"),
    "CREDIT_CARD": ("CREDIT_CARD", "CREDIT_CARD_NUMBER", "CARD_NUMBER", "CARD"),
    "IBAN_CODE": ("IBAN_CODE", "IBAN", "BANK_ACCOUNT", "ACCOUNT_NUMBER", "ACCOUNT"),
    "US_BANK_NUMBER": ("US_BANK_NUMBER", "BANK_ACCOUNT", "ACCOUNT_NUMBER", "ACCOUNT"),
    "CRYPTO": ("CRYPTO", "BITCOIN_ADDRESS", "CRYPTO_ADDRESS", "WALLET"),
    "IP_ADDRESS": ("IP_ADDRESS", "IP", "IPV4", "IPV6"),
    "MAC_ADDRESS": ("MAC_ADDRESS", "MAC"),
    "URL": ("URL", "DOMAIN_NAME", "DOMAIN", "WEBSITE", "LINK"),
    "US_SSN": ("US_SSN", "SSN", "SOCIAL_SECURITY_NUMBER", "SOCIAL_NUMBER", "SOCIAL_NUM", "NATIONAL_ID", "ID_NUMBER"),
    "US_ITIN": ("US_ITIN", "ITIN", "TAX_ID", "TAX_NUMBER", "TAX_NUM"),
    "US_PASSPORT": ("US_PASSPORT", "PASSPORT", "PASSPORT_NUMBER", "PASSPORT_NUM"),
    "US_DRIVER_LICENSE": (
        *("US_DRIVER_LICENSE", "DRIVER_LICENSE", "DRIVERS_LICENSE", "DRIVER_LICENSE_NUMBER", "DRIVER_LICENSE_NUM"),
        "DRIVERS_LICENSE_NUM",
    ),
    "MEDICAL_LICENSE": ("MEDICAL_LICENSE",),
    "UK_NHS": ("UK_NHS", "NHS", "NHS_NUMBER", "HEALTH_ID"),
    "UUID": ("UUID", "GUID"),
    "ID": ("ID", "ID_NUMBER"),
}
GENERAL_TYPES = frozenset({"LOCATION", "ORGANIZATION", "DATE_TIME", "NRP", "AGE"})
# What Presidio itself finds when nothing is asked for: its configuration leaves organizations out, as too often wrong.
NOT_FOUND_BY_DEFAULT = frozenset({"ORGANIZATION"})


@dataclass(frozen=True)
class LabelNames:
    """The task's labels as names for Presidio's types."""

    classes: tuple[str, ...]
    """Label classes without numbers, in the label set's order; empty: the task names no labels."""
    is_numbered: bool
    """Whether the label set has numbers (``NAME_1``): then every label is numbered."""

    @classmethod
    def of(cls, labels: Iterable[str]) -> LabelNames:
        """Return the names for a label set, e.g. ``("NAME_1", "EMAIL_1")``."""
        given = tuple(labels)
        classes = tuple(dict.fromkeys(label_class(label) for label in given))
        return cls(classes, any(label_class(label) != label for label in given))

    def name(self, entity_type: str) -> str | None:
        """Return the label for one of Presidio's types; None: the task does not mask this kind."""
        if not self.classes:
            return None if entity_type in NOT_FOUND_BY_DEFAULT else entity_type
        known = {_plain(label): label for label in reversed(self.classes)}
        for alternative in (*ALTERNATIVES.get(entity_type, ()), entity_type):
            if _plain(alternative) in known:
                return known[_plain(alternative)]
        return None if entity_type in GENERAL_TYPES else entity_type


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", "", label).casefold()


def mask_text(text: str, findings: Iterable[Finding], labels: Sequence[str], form: PlaceholderForm = CLASSIC) -> str:
    """Return the text with every finding replaced by a placeholder.

    Parameters
    ----------
    text : str
        The input.
    findings : iterable of Finding
        May overlap, in any order.
    labels : sequence of str
        The task's label set; with numbers in it, labels are numbered by order of first appearance, and a value that
        comes again under a label keeps its number (or as the form counts).
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.
    """
    names = LabelNames.of(labels)
    masked = resolve_overlaps(finding for finding in findings if names.name(finding.entity_type) is not None)
    named = [replace(finding, entity_type=names.name(finding.entity_type) or "") for finding in masked]
    return write_masked(text, named, form, is_numbered=names.is_numbered)
