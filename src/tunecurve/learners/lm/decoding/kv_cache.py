"""Keys and values for decoding many rows behind one shared prefix.

The prefix is read once. Every row's own keys and values lie in one buffer at the row's own positions; a pass takes any
number of tokens of every row, and what turned out to be a wrong guess is simply written over by the next pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tunecurve.learners.lm.attention import attention_with_lse, merge_attention, repeat_heads
from tunecurve.learners.torch.device import cpu_flags

# Rows that read their prompt in a pass and rows that write are kept apart: padding them to one length would cost more.
_FEW_TOKENS = 24


def attention_dtype(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the precision that keys, values and scores have in attention.

    On a CPU without matrix units float32: PyTorch's kernel for bfloat16 takes longer there (on a Zen 5, within rows), and
    rounds more.
    """
    return dtype if device.type != "cpu" or "amx_bf16" in cpu_flags() else torch.float32


class PrefixCache:
    """Reads a prefix and keeps its keys and values, layer by layer."""

    def __init__(self) -> None:
        self.layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Return causal attention within the prefix."""
        asked = query
        query, key, value = (heads.to(attention_dtype(heads.dtype, heads.device)) for heads in (query, key, value))
        self.layers[layer] = key.contiguous(), value.contiguous()
        n_groups = query.shape[1] // key.shape[1]
        output, _ = attention_with_lse(
            query, repeat_heads(key, n_groups), repeat_heads(value, n_groups), scale, is_causal=True
        )
        return output.transpose(1, 2).to(asked.dtype)


class SlotCache:
    """Keys and values of the rows behind a prefix, and which tokens attend to which in the current pass.

    Every row lives in a slot; a slot whose row is finished can be taken by the next one, which writes over it.

    Parameters
    ----------
    prefix : PrefixCache or None
        What all rows start with.
    n_slots, n_places : int
        Rows at a time, and the most tokens one of them can come to.
    """

    def __init__(self, prefix: PrefixCache | None, n_slots: int, n_places: int) -> None:
        self.prefix = prefix
        self.n_slots, self.n_places = n_slots, n_places
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def start_pass(self, offsets: Sequence[Sequence[int]], device: torch.device, dtype: torch.dtype) -> None:
        """Tell at which offsets in their slots the rows' next tokens lie: one sequence a slot, possibly empty."""
        dtype = attention_dtype(dtype, device)
        counts = [len(row) for row in offsets]
        starts = torch.tensor([0, *counts]).cumsum(0).tolist()
        self._slots = torch.arange(len(offsets)).repeat_interleave(torch.tensor(counts)).to(device)
        self._offsets = torch.tensor([offset for row in offsets for offset in row], device=device)
        few = [slot for slot, count in enumerate(counts) if 0 < count <= _FEW_TOKENS]
        many = [slot for slot, count in enumerate(counts) if count > _FEW_TOKENS]
        self._groups = [
            _SlotGroup(slots, [offsets[slot] for slot in slots], [starts[slot] for slot in slots], device, dtype)
            for slots in (few, many)
            if slots
        ]

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Write the new keys and values, and return attention over prefix and rows."""
        asked = query
        query, key, value = (heads.to(attention_dtype(heads.dtype, heads.device)) for heads in (query, key, value))
        n_heads, n_tokens, width = query.shape[1:]
        n_keys = key.shape[1]
        keys, values = self._write(layer, key, value)
        output = query.new_empty(n_heads, n_tokens, width)
        weight = torch.empty(n_heads, n_tokens, dtype=torch.float32, device=query.device)
        for group in self._groups:
            group.attend(query[0], keys, values, scale, output, weight)
        if self.prefix is not None:
            prefix_key, prefix_value = self.prefix.layers[layer]
            grouped = query.reshape(1, n_keys, -1, width)
            over_prefix, prefix_weight = attention_with_lse(grouped, prefix_key, prefix_value, scale)
            output, _ = merge_attention(
                (over_prefix.reshape(n_heads, n_tokens, width), prefix_weight.reshape(n_heads, n_tokens)),
                (output, weight),
            )
        return output.transpose(0, 1)[None].to(asked.dtype)

    def _write(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if layer not in self._layers:
            shape = (self.n_slots, key.shape[1], self.n_places, key.shape[-1])
            # Zeros, not empty memory: what is masked is multiplied by 0, and 0 times not-a-number is none.
            self._layers[layer] = key.new_zeros(shape), value.new_zeros(shape)
        keys, values = self._layers[layer]
        keys[self._slots, :, self._offsets] = key[0].transpose(0, 1)
        values[self._slots, :, self._offsets] = value[0].transpose(0, 1)
        return keys, values


class _SlotGroup:
    """Slots with about as many tokens in a pass each: their attention over their own tokens, in one product."""

    def __init__(
        self,
        slots: Sequence[int],
        offsets: Sequence[Sequence[int]],
        starts: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._slots = torch.tensor(slots, device=device)
        counts = torch.tensor([len(row) for row in offsets])
        self._most = int(counts.max())
        column = torch.arange(self._most)[None]
        is_token = column < counts[:, None]
        last = column.minimum(counts[:, None] - 1)  # padding repeats a row's last token
        self._tokens = (torch.tensor(starts)[:, None] + last).flatten().to(device)
        flat = torch.tensor([offset for row in offsets for offset in row])
        offset = flat[(counts.cumsum(0) - counts)[:, None] + last]
        self._n_seen = int(offset.max()) + 1
        hidden = torch.arange(self._n_seen)[None, None] > offset[..., None]
        self._mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -torch.inf).to(device)
        self._is_token = is_token.flatten().nonzero()[:, 0].to(device)
        self._grouped_mask: torch.Tensor | None = None

    def attend(
        self,
        query: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        scale: float,
        output: torch.Tensor,
        weight: torch.Tensor,
    ) -> None:
        """Write attention output and log-sum-exp of this group's tokens into (heads, tokens, ...)."""
        n_heads, _, width = query.shape
        n_rows, n_keys = len(self._slots), keys.shape[1]
        n_groups = n_heads // n_keys
        if self._grouped_mask is None:
            self._grouped_mask = self._mask[:, None, None].expand(-1, 1, n_groups, -1, -1).flatten(2, 3)
        padded = query.index_select(1, self._tokens).view(n_keys, n_groups, n_rows, self._most, width)
        grouped = padded.permute(2, 0, 1, 3, 4).reshape(n_rows, n_keys, -1, width)
        if n_rows < len(keys):
            keys, values = (buffer[:, :, : self._n_seen].index_select(0, self._slots) for buffer in (keys, values))
        own, own_weight = attention_with_lse(
            grouped, keys[:, :, : self._n_seen], values[:, :, : self._n_seen], scale, mask=self._grouped_mask
        )
        tokens = self._tokens[self._is_token]
        output[:, tokens] = self._unpad(own, n_heads)
        weight[:, tokens] = self._unpad(own_weight[..., None], n_heads)[..., 0]

    def _unpad(self, grouped: torch.Tensor, n_heads: int) -> torch.Tensor:
        """Return (heads, tokens, width) from (rows, key heads, groups * most, width)."""
        width = grouped.shape[-1]
        padded = grouped.reshape(len(self._slots), n_heads, self._most, width).transpose(0, 1).flatten(1, 2)
        return padded.index_select(1, self._is_token)
