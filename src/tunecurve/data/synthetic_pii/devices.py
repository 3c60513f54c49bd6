"""Values of machines: network addresses, phones, user agents, vehicles, and coin wallets.

Network addresses come from the ranges reserved for documentation (RFC 5737, RFC 3849) and from private ones; phone
numbers from ranges that regulators keep free for fiction, listed in the word files.
"""

from __future__ import annotations

from collections.abc import Callable

from tunecurve.data.synthetic_pii.check_digits import luhn_digit, vin_check
from tunecurve.data.synthetic_pii.people import host
from tunecurve.data.synthetic_pii.row_state import RowState
from tunecurve.data.synthetic_pii.stable_random import StableRandom

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "023456789acdefghjklmnpqrstuvwxyz"
_HEX = "0123456789abcdef"
_VIN_MAKERS = ("WVW", "WBA", "1HG", "VF1", "ZFA", "JT2", "5YJ", "SAL", "TMB", "3FA", "KMH", "VSS")
_VIN_ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


def ipv4(rng: StableRandom) -> str:
    """Return an IPv4 address for documentation or private use."""
    low, high = rng.between(0, 255), rng.between(1, 254)
    nets = ("192.0.2", "198.51.100", "203.0.113", f"192.168.{low}", f"172.{16 + low % 16}.{high}")
    return f"{rng.pick((*nets, f'10.{low}.{rng.below(256)}', f'100.{64 + low % 64}.{high}'))}.{rng.between(1, 254)}"


def ipv6(rng: StableRandom) -> str:
    """Return an IPv6 address for documentation or private use, written in full or shortened."""
    group = [f"{rng.below(65536):x}" for _ in range(6)]
    return rng.pick(
        (
            f"2001:db8:{group[0]}:{group[1]}::{group[2]}",
            f"2001:db8::{group[0]}",
            "2001:0db8:" + ":".join(rng.text(_HEX, 4) for _ in range(6)),
            f"fd{rng.text(_HEX, 2)}:{':'.join(group[:4])}::{rng.between(1, 9)}",
            f"fe80::{':'.join(group[:4])}",
            f"2001:DB8:{group[0]}::{group[1]}:{group[2]}".upper(),
        )
    )


def mac(rng: StableRandom) -> str:
    """Return a locally administered MAC address, which no maker ever assigned."""
    octets = [rng.pick("02468ace") + rng.pick("26ae"), *(rng.text(_HEX, 2) for _ in range(5))]
    form = rng.below(4)
    if form == 3:
        joined = "".join(octets)
        return f"{joined[:4]}.{joined[4:8]}.{joined[8:]}"
    text = (":", ":", "-")[form].join(octets)
    return text.upper() if form else text


def imei(rng: StableRandom) -> str:
    """Return an IMEI with a valid Luhn digit."""
    body = rng.pick(("35", "86", "01", "99")) + rng.digits(12)
    number = body + luhn_digit(body)
    forms = (
        number,
        f"{number[:2]}-{number[2:8]}-{number[8:14]}-{number[14]}",
        f"{number[:8]} {number[8:14]} {number[14]}",
    )
    return rng.pick(forms)


def vin(rng: StableRandom) -> str:
    """Return a vehicle identification number with a valid check character."""
    body = rng.pick(_VIN_MAKERS) + rng.text(_VIN_ALPHABET, 5)
    tail = rng.text(_VIN_ALPHABET, 2) + rng.digits(6)
    return body + vin_check(body + "0" + tail) + tail


def url(row: RowState, index: int) -> str:
    rng, name = row.rng, host(row)
    start = rng.pick(("https://", "http://", "https://www.", "www.", ""))
    if not start or rng.chance(0.65):
        # "?" is a letter to the pattern, so the word file writes "&" where a query begins.
        name = f"{name}/{row.pattern('path').lower().replace('&', '?')}"
    return start + name


def bitcoin(rng: StableRandom) -> str:
    form = rng.below(3)
    if form == 2:
        return "bc1q" + rng.text(_BECH32, 38)
    return "13"[form] + rng.text(_BASE58, rng.between(32, 33))


def litecoin(rng: StableRandom) -> str:
    return rng.pick(("L", "M", "ltc1q")) + rng.text(_BECH32.replace("0", "1"), 33)


DEVICES: dict[str, Callable[[RowState, int], str]] = {
    "PHONENUMBER": lambda row, index: row.pattern("phone"),
    "PHONEIMEI": lambda row, index: imei(row.rng),
    "URL": url,
    "IP": lambda row, index: ipv6(row.rng) if row.rng.chance(0.35) else ipv4(row.rng),
    "IPV4": lambda row, index: ipv4(row.rng),
    "IPV6": lambda row, index: ipv6(row.rng),
    "MAC": lambda row, index: mac(row.rng),
    "USERAGENT": lambda row, index: row.pattern("useragent"),
    "VEHICLEVIN": lambda row, index: vin(row.rng),
    "VEHICLEVRM": lambda row, index: row.pattern("vrm"),
    "BITCOINADDRESS": lambda row, index: bitcoin(row.rng),
    "ETHEREUMADDRESS": lambda row, index: "0x" + row.rng.text(_HEX, 40),
    "LITECOINADDRESS": lambda row, index: litecoin(row.rng),
}
