"""Models of folders, loaded whole: weights or words that transformers would fill with chance are refused in one line.

Missing weights become random numbers there, a missing tokenizer an empty one; both train, and say nothing. Models whose hash this program
knows are not looked at again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunecurve.errors import ModelError
from tunecurve.learners.model_files import ModelFiles
from tunecurve.wording import first_of

# What a tokenizer may be read from; vocab.json needs its merges.txt.
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "tekken.json", "*.model", "*.tiktoken")
MOST_NAMED = 3
_NUMBERS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_BAD_FILES = (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError, IndexError)
# What no answer depends on, by the beginning of its name: a backbone without it is whole.
POOLER = ("pooler.",)
# Hashes of weights that are numbers: every training of a process reads them again.
_LOOKED_AT: set[str] = set()


@contextmanager
def loading(files: ModelFiles, kind: str = "model") -> Iterator[None]:
    """Say in one line why a model's files cannot be read, whatever a library raises.

    Raises
    ------
    ModelError
        With the model's name and the library's first line.
    """
    try:
        yield
    except SafetensorError as error:
        line = f"its .safetensors file is damaged or cut off ({_first_line(error)}); copy or download it again"
        raise ModelError(f"cannot load the {kind} '{files.name}': {line}") from None
    except json.JSONDecodeError as error:
        line = f"a .json file of its folder is damaged or cut off ({error}); copy or download it again"
        raise ModelError(f"cannot load the {kind} '{files.name}': {line}") from None
    except _BAD_FILES as error:
        raise ModelError(f"cannot load the {kind} '{files.name}': {_first_line(error)}") from None
    except Exception as error:  # configurations are validated by a class of the hub's client
        if not type(error).__module__.startswith("huggingface_hub"):
            raise
        raise ModelError(f"cannot load the {kind} '{files.name}': {' '.join(str(error).split())[:200]}") from None


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [""])[0][:200]
    says_little = isinstance(error, KeyError | TypeError | AttributeError | IndexError) or not line
    return f"{type(error).__name__}: {line}" if says_little else line


def load_tokenizer(files: ModelFiles, kind: str = "model") -> Any:
    """Return the tokenizer of a model's folder.

    Raises
    ------
    ModelError
        When there is none, or it cannot be read.
    """
    if not _has_tokenizer(files.folder):
        raise ModelError(
            f"cannot load the {kind} '{files.name}': its folder has no tokenizer (no tokenizer.json; nor vocab.txt, vocab.json with "
            "merges.txt, or a SentencePiece .model file), and no word can be read without one; copy the tokenizer's files that belong to "
            "these weights there, or save it with tokenizer.save_pretrained"
        )
    with loading(files, kind):
        return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False)


def _has_tokenizer(folder: Path) -> bool:
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return True
    return any(path.is_file() for pattern in _TOKENIZER_FILES for path in folder.glob(pattern))


def load_weights(
    auto_class: Any, files: ModelFiles, dtype: torch.dtype, kind: str = "model", may_lack: tuple[str, ...] = ()
) -> Any:
    """Return a model with every weight from its files, on the processor.

    Parameters
    ----------
    auto_class : type
        Of transformers: ``AutoModel`` or ``AutoModelForCausalLM``.
    files : ModelFiles
        Where it lies.
    dtype : torch.dtype
        Precision of the weights.
    kind : str, default "model"
        What it is called in messages.
    may_lack : tuple of str
        How names begin of what is not used.

    Raises
    ------
    ModelError
        When the files cannot be read, lack weights, or hold some of another shape or that are no numbers.
    """
    model = _read(auto_class, files, kind, may_lack, dtype=dtype)
    if not files.is_known and files.weights_sha256 not in _LOOKED_AT:
        why = why_no_numbers(model, may_lack)
        if why:
            raise ModelError(f"cannot load the {kind} '{files.name}': {why}")
    _LOOKED_AT.add(files.weights_sha256)
    return model


def check_headers(auto_class: Any, files: ModelFiles, kind: str = "model") -> None:
    """Refuse a model whose files lack weights or hold some of another shape, by their headers: no weight is read.

    Raises
    ------
    ModelError
        As `load_weights` does, but for values.
    """
    _read(auto_class, files, kind, (), device_map="meta")


def _read(auto_class: Any, files: ModelFiles, kind: str, may_lack: tuple[str, ...], **options: Any) -> Any:
    with loading(files, kind):
        model, info = auto_class.from_pretrained(
            files.folder,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # said below, with name and shapes
            **options,
        )
    why = _why_not_whole(model, info, may_lack)
    if why:
        raise ModelError(f"cannot load the {kind} '{files.name}': {why}")
    return model


def read_gguf(path: Path) -> tuple[Any, Any]:
    """Return (model, tokenizer) of a GGUF file as transformers reads them, weights in float32.

    Raises
    ------
    ModelError
        When it lacks weights that its architecture has, or holds some of another shape: random numbers would stand for them.
    """
    with tempfile.TemporaryDirectory() as alone:  # other files beside it would be read, too
        (Path(alone) / path.name).symlink_to(path.resolve())
        auto_class: Any = AutoModelForCausalLM
        model, info = auto_class.from_pretrained(
            alone,
            gguf_file=path.name,
            **_dequantised(),
            dtype=torch.float32,
            trust_remote_code=False,
            output_loading_info=True,
        )
        why = _why_not_whole(model, info, ())
        if why:
            raise ModelError(f"cannot read '{path.name}': {why}")
        return model, AutoTokenizer.from_pretrained(alone, gguf_file=path.name, trust_remote_code=False)


def _dequantised() -> dict[str, Any]:
    """Return what lets transformers write out a file's packed weights.

    Without it versions that have `GgufConfig` flag the model as quantized, which can be neither trained nor saved; those before it (5.16
    has none) know no other way than to write them out.
    """
    config_class = getattr(transformers, "GgufConfig", None)
    return {} if config_class is None else {"quantization_config": config_class(dequantize=True)}


def _why_not_whole(model: Any, info: dict[str, Any], may_lack: tuple[str, ...]) -> str:
    """Return in words what of the weights is not from the files; empty where all are."""
    wrong = sorted((name, tuple(stored), tuple(wanted)) for name, stored, wanted in info["mismatched_keys"])
    wrong = [entry for entry in wrong if not entry[0].startswith(may_lack)]
    if wrong:
        name, stored, wanted = wrong[0]
        others = f" ({len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        return (
            f"{name} is {_shape(stored)} in its .safetensors file and {_shape(wanted)} by its config.json{others}; take weights and "
            "config.json that belong together"
        )
    missing = sorted(name for name in info["missing_keys"] if not name.startswith(may_lack))
    if missing:
        used = {name for name, _ in model.named_parameters() if not name.startswith(may_lack)} | {*missing}
        unread = sorted(info["unexpected_keys"])
        others = f"; {len(unread)} others are in the file and not read ({first_of(unread, 1)})" if unread else ""
        return (
            f"its .safetensors files lack {len(missing)} of the {len(used)} tensors that config.json describes "
            f"({first_of(missing, MOST_NAMED)}{others}), and random numbers would stand for them; copy or save the whole model again"
        )
    return " ".join(str(message) for message in info.get("error_msgs") or ())[:200]


def why_no_numbers(model: Any, may_lack: tuple[str, ...]) -> str:
    """Return in words which weights are NaN or infinite; empty where all are numbers. A sum is no number where a part is none."""
    bad = []
    for name, weight in model.named_parameters():
        if weight.dtype not in _NUMBERS or name.startswith(may_lack):
            continue
        with torch.no_grad():
            if not weight.sum(dtype=torch.float32).isfinite() and not weight.isfinite().all():
                bad.append((name, int((~weight.isfinite()).sum()), weight.numel()))
    if not bad:
        return ""
    name, n_bad, n_all = bad[0]
    others = f", and {len(bad) - 1} more tensors hold such" if len(bad) > 1 else ""
    return (
        f"{n_bad:,} of the {n_all:,} values of {name} are NaN or infinite{others}; the weights are damaged, or of a training that "
        "diverged: take others"
    )


def _shape(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes)) or "one number"


def check_vocabulary(
    files: ModelFiles, tokenizer: Any, n_vectors: int, marks: Collection[int | None], kind: str
) -> None:
    """Refuse a tokenizer of more pieces than the model has vectors; `marks` are those that stand around texts.

    Other tokens that were added to it may be beyond: some models have such, and no text holds them.

    Raises
    ------
    ModelError
        With both numbers.
    """
    largest = max((mark for mark in marks if mark is not None), default=-1)
    if tokenizer.vocab_size <= n_vectors and largest < n_vectors:
        return
    raise ModelError(
        f"cannot load the {kind} '{files.name}': its tokenizer has {max(tokenizer.vocab_size, largest + 1):,} pieces, the model's "
        f"embedding {n_vectors:,} vectors; take the tokenizer that belongs to these weights"
    )
