"""The encoder's training step without padding: chosen where it gives the numbers that transformers' own modules give.

It is for encoders that are built like BERT (MiniLM, RoBERTa, XLM-R, ...) on the processor. All others, and those for which the
comparison shows other numbers, are trained as transformers computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from tunecurve.learners.encoder.packed_layer import PARAMETERS, LayerWeights, LeftOut, PackedLayer, times
from tunecurve.learners.encoder.packed_rows import Dropout, PackedRows
from tunecurve.learners.torch.backend_choice import REFERENCE, Candidate, Choice, NotUsable, choose, raise_difference

# These count positions from behind that of padding.
ROBERTA = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl")
_EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm")


class PackedEncoder:
    """An encoder that is built like BERT, on packed rows.

    Parameters
    ----------
    backbone : transformers encoder
        Its modules keep the parameters.
    dtype : torch.dtype
        Of the products.

    Raises
    ------
    NotUsable
        Where the encoder is built otherwise.
    """

    def __init__(self, backbone: Any, dtype: torch.dtype) -> None:
        _raise_if_unlike_bert(backbone)
        self._backbone, self._dtype = backbone, dtype
        self._layers = [LayerWeights(layer, dtype) for layer in backbone.encoder.layer]
        padding = backbone.config.pad_token_id or 0
        self._first_position = padding + 1 if backbone.config.model_type in ROBERTA else 0

    def hidden(self, token_ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, PackedRows]:
        """Return the last hidden states of padded rows, packed, float32, and where they stand.

        Dropout is drawn from torch's generator where the encoder is in training mode.
        """
        rows = PackedRows.of(mask)
        dropout = Dropout(int(torch.randint(2**62, ()))) if self._backbone.training else None
        parts = self._backbone.embeddings
        tokens = token_ids.flatten().index_select(0, rows.places)
        positions = functional.embedding(rows.positions + self._first_position, parts.position_embeddings.weight)
        hidden = parts.LayerNorm(parts.word_embeddings(tokens) + parts.token_type_embeddings.weight[0] + positions)
        shape = (int(hidden.shape[0]), int(hidden.shape[1]))
        hidden = times(hidden, dropout.factors(shape, parts.dropout.p) if dropout else None)
        for layer in self._layers:
            layer.refresh()
            left_out = LeftOut.draw(dropout, layer, rows, shape)
            hidden = PackedLayer.apply(hidden, layer, rows, left_out)  # type: ignore[no-untyped-call]
        return hidden, rows


def choose_encoder(backbone: Any, dtype: torch.dtype, texts: Sequence[Sequence[int]], known: set[str]) -> Choice[Any]:
    """Return the packed encoder where it gives the reference's numbers on a few texts, else the reference, None.

    Parameters
    ----------
    backbone : transformers encoder
        Left as it is.
    dtype : torch.dtype
        Of the products; the comparison is in float32.
    texts : sequence of sequence of int
        The pieces of some rows.
    known : set of str
        What has been compared already with these weights; added to.
    """

    def verified() -> PackedEncoder:
        found = PackedEncoder(backbone, dtype)
        if "packed" not in known:
            token_ids, mask = _padded([list(text) for text in texts if text][:4])
            raise_difference(
                _packed_numbers(backbone, token_ids, mask), _own_numbers(backbone, token_ids, mask), torch.float32
            )
            known.add("packed")
        return found

    packed: Candidate[Any] = Candidate("packed", "rows without padding", verified)
    own: Candidate[Any] = Candidate(REFERENCE, "padded rows, stock transformers", lambda: None)
    return choose([packed, own] if backbone.device.type == "cpu" else [own], "hidden states and gradients")


Numbers = tuple[float, dict[str, torch.Tensor]]


def _own_numbers(backbone: Any, token_ids: torch.Tensor, mask: torch.Tensor) -> Numbers:
    hidden = backbone.eval()(input_ids=token_ids, attention_mask=mask).last_hidden_state[mask.bool()]
    return _numbers(backbone, hidden)


def _packed_numbers(backbone: Any, token_ids: torch.Tensor, mask: torch.Tensor) -> Numbers:
    hidden, _ = PackedEncoder(backbone.eval(), torch.float32).hidden(token_ids, mask)
    return _numbers(backbone, hidden)


def _numbers(backbone: Any, hidden: torch.Tensor) -> Numbers:
    """Return a made-up loss of hidden states and its gradients, and leave none behind."""
    weights = torch.linspace(-1.0, 1.0, hidden.numel()).sin().view_as(hidden)
    loss = (hidden.float() * weights).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for name, parameter in backbone.named_parameters():
        gradients[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        parameter.grad = None
    return float(loss.detach()), gradients


def _padded(texts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, texts))
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return torch.tensor([text + [text[0]] * (longest - len(text)) for text in texts]), mask


def _raise_if_unlike_bert(backbone: Any) -> None:
    """Raise `NotUsable` where an encoder has other parts than BERT, or is set to compute otherwise."""
    config = backbone.config
    layers = list(getattr(getattr(backbone, "encoder", None), "layer", ()))
    expected = {
        *(f"embeddings.{part}" for part in _EMBEDDINGS),
        *(f"encoder.layer.{number}.{part}" for number in range(len(layers)) for part in PARAMETERS),
    }
    parts = {name.rpartition(".")[0] for name, _ in backbone.named_parameters()}
    if not layers or parts != expected:
        raise NotUsable(f"{config.model_type} has other parts than BERT")
    said = {"activation": config.hidden_act, "positions": getattr(config, "position_embedding_type", "absolute")}
    if said != {"activation": "gelu", "positions": "absolute"} or getattr(config, "is_decoder", False):
        raise NotUsable(f"{config.model_type} is set to compute otherwise than BERT")
