"""Which program made a file: part of everything that another start may continue."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("torch", "transformers", "peft")


@cache
def own_version() -> str:
    """Return the version of this program, as it was installed."""
    return version("tunecurve")


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = [("tunecurve", own_version())]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def made_by() -> dict[str, str]:
    """Return the versions of this program and of the packages that compute for it."""
    return dict(_installed())


def difference(before: object) -> str | None:
    """Return in words how the versions of a file differ from today's; None when they do not."""
    then, now = (before if isinstance(before, dict) else {}), made_by()
    changed = [
        f"{name} {then.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    return ", ".join(changed) or None
