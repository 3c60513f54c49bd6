"""Which of a study's labels stand for which labels of `builtin:pii`; used only where no row of the study was seen.

Names compare without case, blanks and underscores. A label of `builtin:pii` stands for the first of its alternatives that the
study has; what has none is not masked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from tunecurve.data.synthetic_pii import LABELS

_PERSON = ("PERSON", "PER", "NAME", "FULLNAME", "PERSONNAME", "CLIENTNAME", "PATIENT", "PATIENTNAME")
_PLACE = ("LOCATION", "LOC", "GPE", "PLACE", "ADDRESS", "STREETADDRESS")
_STREET = ("STREET", "STREETADDRESS", "ADDRESS", "LOCATION", "LOC")
_DATE = ("DATE", "DATETIME")
_IP = ("IPADDRESS", "IP")
_CRYPTO = ("CRYPTO", "CRYPTOADDRESS", "WALLET")
_ACCOUNT = ("ACCOUNT", "BANKACCOUNT", "ACCOUNTID", "BANKACCOUNTNUMBER")
_JOB = ("JOB", "JOBTITLE", "OCCUPATION", "PROFESSION", "TITLE")

# What a label may be called in other label sets, its own name aside, which comes first.
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "FIRSTNAME": ("GIVENNAME", "FORENAME", *_PERSON),
    "MIDDLENAME": ("FIRSTNAME", "GIVENNAME", *_PERSON),
    "LASTNAME": ("SURNAME", "FAMILYNAME", *_PERSON),
    "PREFIX": ("TITLE",),
    "DATE": ("DATETIME",),
    "TIME": ("DATETIME",),
    "DOB": ("DATEOFBIRTH", "BIRTHDATE", "BIRTHDAY", *_DATE),
    "GENDER": ("SEX",),
    "SEX": ("GENDER",),
    "USERNAME": ("USER", "LOGIN", "USERID"),
    "EMAIL": ("EMAILADDRESS", "MAIL"),
    "PHONENUMBER": ("PHONE", "TELEPHONE", "TELEPHONENUMBER", "TELEPHONENUM", "TEL", "MOBILE"),
    "PHONEIMEI": ("IMEI", "DEVICEID"),
    "URL": ("DOMAINNAME", "DOMAIN", "WEBSITE", "LINK"),
    "IP": _IP,
    "IPV4": _IP,
    "IPV6": _IP,
    "MAC": ("MACADDRESS",),
    "JOBTITLE": _JOB,
    "JOBTYPE": _JOB,
    "COMPANYNAME": ("COMPANY", "ORGANIZATION", "ORGANISATION", "ORG", "EMPLOYER"),
    "STREET": _STREET,
    "BUILDINGNUMBER": _STREET,
    "SECONDARYADDRESS": _STREET,
    "CITY": _PLACE,
    "COUNTY": _PLACE,
    "STATE": _PLACE,
    "ZIPCODE": ("ZIP", "POSTCODE", "POSTALCODE", "ADDRESS", "STREETADDRESS"),
    "ACCOUNTNUMBER": (*_ACCOUNT, "ID"),
    "IBAN": ("IBANCODE", *_ACCOUNT, "ACCOUNTNUMBER"),
    "BIC": ("SWIFT", "BICCODE", "SWIFTCODE"),
    "AMOUNT": ("MONEY", "PRICE"),
    "CREDITCARDNUMBER": ("CREDITCARD", "CARDNUMBER", "CARD"),
    "CREDITCARDCVV": ("CVV",),
    "CREDITCARDISSUER": ("CARDISSUER",),
    "SSN": ("USSSN", "SOCIALSECURITYNUMBER", "SOCIALNUMBER", "SOCIALNUM", "NATIONALID", "IDNUMBER", "ID"),
    "VEHICLEVIN": ("VIN",),
    "VEHICLEVRM": ("LICENSEPLATE", "LICENCEPLATE", "NUMBERPLATE", "PLATE"),
    "BITCOINADDRESS": _CRYPTO,
    "ETHEREUMADDRESS": _CRYPTO,
    "LITECOINADDRESS": _CRYPTO,
}


def labels_that_map(labels: Sequence[str], known: Collection[str] = LABELS) -> dict[str, str]:
    """Return the study's label for every label of `builtin:pii` that has one.

    Parameters
    ----------
    labels : sequence of str
        The study's.
    known : collection of str
        Labels of `builtin:pii` that there are rows of; default: all.

    >>> labels_that_map(["Full_Name", "ORG"])["LASTNAME"]
    'Full_Name'
    """
    own = {_plain(label): label for label in reversed(labels)}
    found = {}
    for label in LABELS:
        name = next((name for name in (label, *ALTERNATIVES.get(label, ())) if name in own), None)
        if name is not None and label in known:
            found[label] = own[name]
    return found


def labels_that_map_alone(labels: Sequence[str], known: Collection[str] = LABELS) -> dict[str, str]:
    """Return those of `labels_that_map` for which the study has but one of the alternatives, or the very name."""
    own = {_plain(label) for label in labels}
    return {
        label: name
        for label, name in labels_that_map(labels, known).items()
        if label in own or len(own & {*ALTERNATIVES.get(label, ())}) == 1
    }


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", "", label).upper()
