"""What libraries would tell their makers of this machine, and how that is turned off before they are imported."""

from __future__ import annotations

import os


def silence_onnxruntime() -> None:
    """Turn off onnxruntime's telemetry for this process: its import alone writes a device id and what it would send into the user's cache.

    A value that the user has set stays.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
