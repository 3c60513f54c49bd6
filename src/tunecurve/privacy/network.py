"""The promise that nothing leaves this machine, kept by the interpreter: every connection elsewhere is an error."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem

_is_on = False


def stay_on_this_machine() -> None:
    """Make every later connection or name look-up that leads elsewhere raise; cannot be undone in this process.

    Child processes of the package installer and of the model hub are told to stay offline, too.
    """
    global _is_on
    os.environ.update({"PIP_NO_INDEX": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})
    # A proxy would carry calls to this machine's own servers elsewhere, their keys too.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    if not _is_on:
        _is_on = True
        sys.addaudithook(_check)


def stays_on_this_machine() -> bool:
    """Return whether connections elsewhere are refused."""
    return _is_on


def refuse_address(what: str, url: str | None) -> None:
    """Raise, while connections elsewhere are refused, when something would need one.

    Parameters
    ----------
    what : str
        Who would connect.
    url : str or None
        Where to; None: a provider's own address.
    """
    if _is_on and not (url and is_this_machine(urlsplit(url).hostname or "")):
        raise EnvironmentProblem(
            f"--local-only: '{what}' is behind another machine's API; drop --local-only to allow it, or name a local model"
        )


def refuse_fetch(url: str) -> None:
    """Raise, while connections elsewhere are refused, when a file would be fetched from another machine."""
    if _is_on and not is_this_machine(urlsplit(url).hostname or ""):
        raise EnvironmentProblem(
            f"--local-only: '{url}' is on another machine and is not fetched; download it and give the file, or drop --local-only"
        )


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # anything else is a socket of this machine
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host is not None and not is_this_machine(host):
        raise EnvironmentProblem(
            f"--local-only: refused a connection to '{_text(host)}'; drop --local-only to allow it"
        )


def _text(host: Any) -> str:
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


def is_this_machine(host: Any) -> bool:
    """Return whether a host name or address is this machine's own."""
    name = _text(host)
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
