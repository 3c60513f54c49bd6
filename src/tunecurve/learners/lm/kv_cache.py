"""Keys and values for decoding many rows behind one shared prefix.

The prefix is read once. Every row's own keys and values lie in one buffer at the row's own positions; a pass takes any
number of tokens of every row, and what turned out to be a wrong guess is simply written over by the next pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch

from tunecurve.learners.lm.attention import attention_with_lse, repeat_heads

# Tokens of a row whose attention is computed together, and padding that costs as much as one more group of rows.
_MOST_TOGETHER, _LITTLE_PADDING = 64, 64
# Places that the buffers grow by, and how many too many make them shrink: what is read in part is copied before every product.
_STEP, _LARGEST_REST = 16, 32
# Rows' tokens are told apart by how many places they see, in bands of as many.
_BAND = 256


class PrefixCache:
    """Reads a prefix and keeps its keys and values, layer by layer: shapes (key heads, width, tokens) and (..., tokens, width)."""

    def __init__(self) -> None:
        self.layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return causal attention within the prefix."""
        self.layers[layer] = key[0].transpose(1, 2).contiguous(), value[0].contiguous()
        n_groups = query.shape[1] // key.shape[1]
        output, _ = attention_with_lse(
            query, repeat_heads(key, n_groups), repeat_heads(value, n_groups), scale, is_causal=True
        )
        return output.transpose(1, 2)


class SlotCache:
    """Keys and values of the rows behind a prefix, and which tokens attend to which in the current pass.

    Every row lives in a slot; a slot whose row is finished can be taken by another one, which writes over it.
    """

    def __init__(self, prefix: PrefixCache | None, n_slots: int) -> None:
        self.prefix, self.n_slots = prefix, n_slots
        # Of shape (slots, key heads, places, width), with about as many places as the longest row needs.
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._n_places = 0

    @torch.inference_mode()
    def move(self, slot: int, to: int) -> None:
        """Let the row in one slot go on in another."""
        for buffers in self._layers.values():
            for buffer in buffers:
                buffer[to] = buffer[slot]

    def start_pass(self, offsets: Sequence[Sequence[int]], device: torch.device, dtype: torch.dtype) -> None:
        """Tell at which offsets in their slots the rows' next tokens lie: one sequence a slot, possibly empty."""
        needed = max(_up(row[-1] + 1) for row in offsets if row)
        if not self._n_places - _LARGEST_REST < needed <= self._n_places:
            self._n_places = needed
        self._slots = torch.tensor([slot for slot, row in enumerate(offsets) for _ in row], device=device)
        self._offsets = torch.tensor([offset for row in offsets for offset in row], device=device)
        parts: list[_Part] = []
        n_before = 0
        for slot, row in enumerate(offsets):
            parts += [
                _Part(slot, n_before + start, row[start : start + _MOST_TOGETHER])
                for start in range(0, len(row), _MOST_TOGETHER)
            ]
            n_before += len(row)
        bands: dict[int, list[_Part]] = {}
        for part in parts:
            bands.setdefault(part.offsets[-1] // _BAND, []).append(part)
        self._bands = [_Band(band, device, dtype) for band in bands.values()]

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Write the new keys and values, and return attention over prefix and rows."""
        keys, values = self._write(layer, key, value)
        before = None if self.prefix is None else self.prefix.layers[layer]
        tokens = query[0].unflatten(0, (len(key[0]), -1)).transpose(1, 2)
        if len(self._bands) == 1:
            return self._bands[0].attend(tokens, keys, values, before, scale)[None]
        output = query.new_empty(query.shape[2], query.shape[1], query.shape[3])
        for band in self._bands:
            output[band.tokens] = band.attend(tokens.index_select(1, band.tokens), keys, values, before, scale)
        return output[None]

    def _write(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        written = self._layers.get(layer)
        if written is None or written[0].shape[2] != self._n_places:
            # Zeros, not empty memory: what is masked is multiplied by 0, and 0 times not-a-number is none.
            buffers = [key.new_zeros(self.n_slots, key.shape[1], self._n_places, key.shape[3]) for _ in range(2)]
            for buffer, before in zip(buffers, written or (), strict=False):
                n_kept = min(self._n_places, before.shape[2])
                buffer[:, :, :n_kept] = before[:, :, :n_kept]
            self._layers[layer] = buffers[0], buffers[1]
        keys, values = self._layers[layer]
        keys[self._slots, :, self._offsets] = key[0].transpose(0, 1)
        values[self._slots, :, self._offsets] = value[0].transpose(0, 1)
        return keys, values


def _up(n_places: int) -> int:
    return -(-n_places // _STEP) * _STEP


class _Part(NamedTuple):
    """Tokens of one row that attend together: its slot, its first token in the pass, and the tokens' offsets in the slot."""

    slot: int
    start: int
    offsets: Sequence[int]


class _Band:
    """Parts that see about as many places: their attention.

    Attributes
    ----------
    tokens : Tensor
        Which tokens of the pass these are.
    """

    def __init__(self, parts: Sequence[_Part], device: torch.device, dtype: torch.dtype) -> None:
        tokens = [part.start + number for part in parts for number in range(len(part.offsets))]
        self.tokens = torch.tensor(tokens, device=device)
        starts = itertools.accumulate((len(part.offsets) for part in parts), initial=0)
        placed = [part._replace(start=start) for part, start in zip(parts, starts, strict=False)]
        self._groups = [_Group(group, len(tokens), device, dtype) for group in _alike(placed)]

    def attend(
        self,
        tokens: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        prefix: tuple[torch.Tensor, torch.Tensor] | None,
        scale: float,
    ) -> torch.Tensor:
        """Return the attention's output, shape (tokens, heads, width), from queries (key heads, tokens, heads of each, width)."""
        asking = torch.mul(tokens, scale, out=tokens.new_empty(tokens.shape))
        n_prefix = 0 if prefix is None else prefix[1].shape[1]
        scores = asking.new_empty(*asking.shape[:3], n_prefix + max(group.n_seen for group in self._groups))
        if len(self._groups) > 1:
            scores[..., n_prefix:].fill_(-torch.inf)
        for group in self._groups:
            group.score(asking, keys, scores[..., n_prefix:])
        if prefix is None:
            shares, output = scores.softmax(-1), torch.zeros_like(asking)
        else:
            for some, key_of, score in zip(asking.flatten(1, 2), prefix[0], scores.flatten(1, 2), strict=True):
                torch.mm(some, key_of, out=score[:, :n_prefix])
            shares = scores.softmax(-1)
            output = torch.bmm(shares.flatten(1, 2)[..., :n_prefix], prefix[1]).view(asking.shape)
        for group in self._groups:
            group.add_values(shares[..., n_prefix:], values, output)
        return output.transpose(0, 1).flatten(1, 2)


def _alike(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Return the parts in groups of about as many tokens each, every group in the order of the pass."""
    groups: list[list[_Part]] = []
    n_padding = 0
    for part in sorted(parts, key=lambda part: (-len(part.offsets), part.start)):
        most = len(groups[-1][0].offsets) if groups else 0
        n_padding += most - len(part.offsets)
        if not groups or n_padding > _LITTLE_PADDING + len(groups[-1]) * most // 8:
            groups.append([])
            n_padding = 0
        groups[-1].append(part)
    return [sorted(group, key=lambda part: part.start) for group in groups]


class _Group:
    """Parts with about as many tokens each: their attention to their rows' own tokens, in one product.

    Attributes
    ----------
    n_seen : int
        Places that are looked at.
    """

    def __init__(self, parts: Sequence[_Part], n_tokens: int, device: torch.device, dtype: torch.dtype) -> None:
        slots = [part.slot for part in parts]
        is_range = slots == list(range(slots[0], slots[0] + len(slots)))
        self._slots = slice(slots[0], slots[-1] + 1) if is_range else torch.tensor(slots, device=device)
        counts = torch.tensor([len(part.offsets) for part in parts])
        self._n_parts, self._most = len(parts), int(counts.max())
        column = torch.arange(self._most)[None]
        is_token = column < counts[:, None]
        last = column.minimum(counts[:, None] - 1)  # padding repeats a part's last token
        padded = torch.tensor([part.start for part in parts])[:, None] + last
        self._is_whole = padded.flatten().tolist() == list(range(n_tokens))
        self._padded, self._tokens = padded.flatten().to(device), padded[is_token].to(device)
        self._kept = is_token.flatten().nonzero()[:, 0].to(device)
        offset = torch.tensor([offset for part in parts for offset in part.offsets])
        self.n_seen = _up(int(offset.max()) + 1)
        hidden = torch.arange(self.n_seen) > offset[:, None]
        self._mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -torch.inf)[:, None].to(device)

    def score(self, asking: torch.Tensor, keys: torch.Tensor, scores: torch.Tensor) -> None:
        """Write this group's scores into those of all tokens, shape (key heads, tokens, heads of each, places)."""
        own = self._product(asking, self._seen(keys).transpose(1, 2))
        if self._is_whole:
            torch.add(own, self._mask, out=scores)
        else:
            scores[:, self._tokens, :, : self.n_seen] = own.index_select(1, self._kept).add_(self._mask)

    def add_values(self, shares: torch.Tensor, values: torch.Tensor, output: torch.Tensor) -> None:
        """Add the values that this group's tokens attend to, shape (key heads, tokens, heads of each, width)."""
        own = self._product(shares[..., : self.n_seen], self._seen(values))
        if self._is_whole:
            output.add_(own)
        else:
            output.index_add_(1, self._tokens, own.index_select(1, self._kept))

    def _seen(self, buffer: torch.Tensor) -> torch.Tensor:
        """Return the keys or values of the slots, shape (parts * key heads, places, width)."""
        return buffer[self._slots, :, : self.n_seen].contiguous().flatten(0, 1)

    def _product(self, heads: torch.Tensor, by_part: torch.Tensor) -> torch.Tensor:
        """Return the product of every part's heads, padded, with its own matrix: (key heads, padded tokens, heads of each, ...)."""
        if not self._is_whole:
            heads = heads.index_select(1, self._padded)
        n_keys, _, n_groups, width = heads.shape
        rows = (
            heads.reshape(n_keys, self._n_parts, self._most * n_groups, width)
            .transpose(0, 1)
            .reshape(-1, self._most * n_groups, width)
        )
        found = torch.bmm(rows, by_part).view(self._n_parts, n_keys, self._most, n_groups, -1)
        return found.transpose(0, 1).reshape(n_keys, -1, n_groups, found.shape[-1])
