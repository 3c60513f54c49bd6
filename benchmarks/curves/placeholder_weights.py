"""What it brings a language model to let placeholders weigh more in its loss, or hard tokens (focal): paired with the loss as it is.

    python benchmarks/curves/placeholder_weights.py --data FOLDER --out FOLDER --sets presidio_synthetic --sizes 50,200

Most tokens of a masked text are copied. `3` multiplies the weight of every token that is part of a placeholder, from its opening
bracket to its closing one, by three; `focal` multiplies a token's loss by the square of what its own share lacks of 1 (Lin et al. 2017).
Every step's loss is divided by the sum of its tokens' weights (`focal`: by their number). Test rows, training rows, first weights, steps
and rates are the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import torch
from label_weights import measure_and_print
from recipes import options_of_a_table
from torch.nn import functional

from tunecurve.learners.lm.training import backends, packed
from tunecurve.learners.torch.weights import resolve_model
from tunecurve.learners.torch.whole_models import load_tokenizer

MODEL = "constrained:smollm2-135m-instruct"
# The first one is what the others are compared with.
LOSSES = ("1", "3", "focal")


def inside_placeholders(texts: Sequence[str]) -> list[bool]:
    """Return of every token's text whether it is part of a placeholder."""
    is_open, found = False, []
    for text in texts:
        opens, closes = text.rfind("["), text.rfind("]")
        found.append(is_open or opens >= 0)
        if max(opens, closes) >= 0:
            is_open = opens > closes
    return found


def weighted_loss(nats: torch.Tensor, way: str, inside: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of tokens, shape (tokens,), weighted in a way."""
    if way == "focal":
        return ((1.0 - torch.exp(-nats)) ** 2 * nats).mean()
    weights = torch.where(inside, float(way), 1.0)
    return (weights * nats).sum() / weights.sum()


@cache
def _texts_of_tokens() -> list[str]:
    tokenizer = load_tokenizer(resolve_model(MODEL.partition(":")[2]))
    return [tokenizer.decode([number]) for number in range(len(tokenizer))]


@contextmanager
def loss_called(way: str) -> Iterator[None]:
    """Let language models be trained on a processor with a loss inside this context; a trial's folder says so, not its identity."""
    if way == "1":
        yield
        return

    def answer_loss(hidden: torch.Tensor, head: torch.nn.Linear, labels: torch.Tensor) -> torch.Tensor:
        texts = _texts_of_tokens()
        inside = torch.tensor(inside_placeholders([texts[number] for number in labels.tolist()]))
        nats = functional.cross_entropy(functional.linear(hidden, head.weight).float(), labels, reduction="none")
        return weighted_loss(nats, way, inside)

    # The check against stock transformers would find another loss, which is what is wanted here.
    with patch.object(packed, "answer_loss", answer_loss), patch.object(backends, "raise_difference"):
        yield


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = options_of_a_table(__doc__, sizes="50,200", seeds=1)
    parser.add_argument("--losses", default=",".join(LOSSES), help="those to measure")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print the table."""
    options = parse_options(arguments)
    measure_and_print(options, options.losses.split(","), LOSSES, loss_called, model=MODEL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
