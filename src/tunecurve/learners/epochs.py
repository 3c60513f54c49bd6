"""How many epochs a recipe makes; the same rule for local and hosted tuning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

USUAL_STEPS = 150


def epochs_for(settings: Mapping[str, Any], n_examples: int, batch_size: int) -> int:
    """Return the number of epochs.

    Small sizes get more of them, so that steps and data are not confounded: with a fixed number 50 rows would get a handful
    of optimizer steps, and the curve would show the lack of steps, not of data.

    Parameters
    ----------
    settings : mapping
        The study's recipe section without unset values.
    n_examples, batch_size : int
        Training rows; rows a step.

    Notes
    -----
    ``epochs`` if given; 2 for the recipe ``article``; else ``clip(ceil(min_steps * batch / n), 2, max_epochs)``, with
    150 steps and 20 epochs by default.
    """
    if "epochs" in settings:
        return int(settings["epochs"])
    if settings.get("name") == "article":
        return 2
    wanted = math.ceil(settings.get("min_steps", USUAL_STEPS) * batch_size / n_examples)
    return min(max(wanted, 2), settings.get("max_epochs", 20))
