"""Which proxy calls go by."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tunecurve.privacy.redact import redact


def proxy_in_words(url: str) -> str | None:
    """Return the proxy that a client of the environment's uses for an address, without credentials; None: none."""
    there, proxies = urlsplit(url), getproxies()
    used = proxies.get(there.scheme) or proxies.get("all")
    if not used or proxy_bypass(there.hostname or ""):
        return None
    variable = f"{there.scheme}_proxy" if there.scheme in proxies else "all_proxy"
    return f"the proxy {redact(used)} (${variable.upper()})"
