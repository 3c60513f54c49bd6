"""The closed lists everything else is checked against: labels of personal data, and languages."""

from __future__ import annotations

LABELS: tuple[str, ...] = (
    *("PREFIX", "FIRSTNAME", "MIDDLENAME", "LASTNAME", "DATE", "TIME", "DOB", "AGE", "GENDER", "SEX", "HEIGHT"),
    *("EYECOLOR", "USERNAME", "PASSWORD", "PIN", "EMAIL", "PHONENUMBER", "PHONEIMEI", "URL", "IP", "IPV4", "IPV6"),
    *("MAC", "USERAGENT", "JOBAREA", "JOBTYPE", "JOBTITLE", "COMPANYNAME", "STREET", "SECONDARYADDRESS"),
    *("BUILDINGNUMBER", "CITY", "COUNTY", "STATE", "ZIPCODE", "NEARBYGPSCOORDINATE", "ORDINALDIRECTION"),
    *("ACCOUNTNAME", "ACCOUNTNUMBER", "IBAN", "BIC", "AMOUNT", "CURRENCY", "CURRENCYNAME", "CURRENCYCODE"),
    *("CURRENCYSYMBOL", "CREDITCARDNUMBER", "CREDITCARDCVV", "CREDITCARDISSUER", "MASKEDNUMBER", "SSN"),
    *("VEHICLEVIN", "VEHICLEVRM", "BITCOINADDRESS", "ETHEREUMADDRESS", "LITECOINADDRESS"),
)

DECOYS: tuple[str, ...] = (
    *("quantity", "items", "sku", "order", "ticket", "version", "room", "percent", "temperature", "minutes"),
    *("weekday", "month", "year", "brand", "score"),
)
"""Placeholders that are filled but never masked: they look like personal data, or stand beside it, and are not."""

LANGUAGES: tuple[str, ...] = ("en", "fr", "de", "it")
