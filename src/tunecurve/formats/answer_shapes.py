"""What an answer may be, as training rows show it: for models that are held to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunecurve.formats.json_shapes import JsonShape
from tunecurve.formats.mask_shapes import MaskShape

AnswerShape = JsonShape | MaskShape


def shape_from_json(parts: Mapping[str, Any]) -> AnswerShape:
    """Return the shape that its `to_json` wrote."""
    return MaskShape.from_json(parts) if "most_bytes" in parts else JsonShape.from_json(parts)
