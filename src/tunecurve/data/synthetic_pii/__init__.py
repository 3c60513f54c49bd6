"""Synthetic rows for masking personal data: the built-in data set ``builtin:pii``.

Hand-written templates (`templates_<language>.txt`) are filled with made-up values. The values are seeded and hold
where real ones must: IBAN, card, IMEI and VIN carry valid check digits; phones, hosts and addresses come from ranges
reserved for examples where there are such ranges. Nothing here describes a real person.

What is masked, and which label it gets, follows from the text alone. Where the value does not decide, the words
around it do:

=============================  ========================================================================================
DATE / DOB                     DOB when the date is somebody's birth ("born", "birthday"); any other full date is DATE.
                               A bare year, month or weekday is never masked.
TIME                           a clock time; durations ("20 minutes") and general times ("noon", "midnight") are not.
FIRSTNAME, LASTNAME,           people. The same words are COMPANYNAME when a firm acts, and ACCOUNTNAME when they
COMPANYNAME, ACCOUNTNAME       name a bank account. Famous names in sayings ("Murphy's law") are not masked.
PIN / CREDITCARDCVV            CVV is the card's printed security code; any other secret number typed in is a PIN.
ZIPCODE / BUILDINGNUMBER       the number beside the city, and the number beside the street.
CITY / COUNTY / STATE          by role: "the county of Durham", "the state of Washington"; otherwise a CITY.
SEX / GENDER                   SEX where the text says sex or quotes a document's sex field; GENDER otherwise.
IP / IPV4 / IPV6               IPV4 or IPV6 where the text names the version (or an AAAA record); otherwise IP.
CURRENCY / CURRENCYNAME /      CURRENCY when money is counted or handed over in it ("pay 20 euros"); CURRENCYNAME when
CURRENCYCODE / CURRENCYSYMBOL  the currency itself is spoken of ("base currency: Euro"); three letters are a code.
                               Tickers of coins ("BTC") are product names and not masked.
JOBAREA / JOBTYPE / JOBTITLE   the department; a person's bare profession; the full title as on a business card. Parts
                               played in the scene ("the driver", "your trainer") are not masked.
AGE / HEIGHT / EYECOLOR        of a person; the same numbers and colours of pets and things are not masked.
AMOUNT                         a sum of money without its currency, which has its own label.
ACCOUNTNUMBER / IBAN           IBAN where it starts with a country code; MASKEDNUMBER where digits are starred out.
=============================  ========================================================================================

Quantities, product and ticket numbers, versions, temperatures, room numbers, percentages and scores are never
masked: about one template in five holds nothing but such near misses.
"""

from tunecurve.data.synthetic_pii.generate import generate_rows
from tunecurve.data.synthetic_pii.labels import LABELS, LANGUAGES

__all__ = ["LABELS", "LANGUAGES", "generate_rows"]
