"""Training the vectors of those pieces alone that the rows have: of most words of a language no row has any.

The gradient of all others is 0, but in one whole table it is as large as the table and the optimizer passes over all of it at
every step: with MiniLM half of all weights, with a multilingual encoder nine tenths. What is trained ends as it does in
the whole table, bit for bit; the others stay exactly as they are, where weight decay would shrink them a little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional


class FewWordVectors(torch.nn.Module):
    """Stands for a table of word vectors, and has those of some pieces.

    Parameters
    ----------
    whole : torch.nn.Embedding
        The table.
    pieces : sequence of int
        Which of its rows, in rising order.
    """

    def __init__(self, whole: torch.nn.Embedding, pieces: list[int]) -> None:
        super().__init__()
        chosen = torch.tensor(pieces, device=whole.weight.device)
        self.weight = torch.nn.Parameter(whole.weight.detach()[chosen])
        places = torch.full((whole.num_embeddings,), len(pieces), device=chosen.device)  # of others: out of range
        places[chosen] = torch.arange(len(pieces), device=chosen.device)
        self.register_buffer("places", places, persistent=False)
        self.padding_idx = None if whole.padding_idx is None else pieces.index(whole.padding_idx)

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors of pieces."""
        places: Any = self.places
        return functional.embedding(places[token_ids], self.weight, self.padding_idx)


@contextmanager
def only_vectors_of(backbone: Any, pieces: Collection[int]) -> Iterator[None]:
    """Let an encoder have no other word vectors than those of some pieces inside this context; it reads no others there.

    Tables of an unusual kind, or shared with another part, stay whole.
    """
    whole = backbone.get_input_embeddings()
    holders = [
        (module, name) for module in backbone.modules() for name, part in module.named_children() if part is whole
    ]
    if len(holders) != 1 or not _is_plain(whole, backbone):
        yield
        return
    known = sorted({*pieces} | ({whole.padding_idx} - {None}))
    [(holder, name)] = holders
    few = FewWordVectors(whole, known)
    setattr(holder, name, few)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[torch.tensor(known, device=whole.weight.device)] = few.weight
        setattr(holder, name, whole)


def _is_plain(whole: Any, backbone: torch.nn.Module) -> bool:
    if type(whole) is not torch.nn.Embedding or whole.max_norm is not None or whole.scale_grad_by_freq or whole.sparse:
        return False
    uses = [one for module in backbone.modules() for one in module.parameters(recurse=False) if one is whole.weight]
    return len(uses) == 1
