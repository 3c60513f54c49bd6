"""Writing the shipped table: JSON that a person can read, with rows of numbers on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunecurve.curve import priors


def write_table(table: dict[str, Any], path: Path) -> None:
    """Write the table and let the engine read it anew."""
    path.write_text(priors_text(table), encoding="utf-8")
    priors.prior_table.cache_clear()


def priors_text(value: Any, indent: int = 0) -> str:
    """JSON with rows of numbers on one line."""
    pad = " " * indent
    if isinstance(value, dict):
        inner = [f"{pad} {json.dumps(key)}: {priors_text(part, indent + 1)}" for key, part in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{pad}}}" + ("\n" if not indent else "")
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join(f"{pad} {priors_text(part, indent + 1)}" for part in value) + f"\n{pad}]"
    return json.dumps(value)
