"""A GLiNER model's folder: whether it holds all that is needed, so that nothing is fetched, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tunecurve.errors import ModelError, UnknownModel
from tunecurve.learners.model_files import ModelFiles
from tunecurve.storage.files import sha256_of

CONFIG, WEIGHTS, TOKENIZER, LABELS_TOKENIZER = (
    "gliner_config.json",
    "model.safetensors",
    "tokenizer_config.json",
    "labels_tokenizer",
)
_HASHED_SUFFIXES = (".json", ".jinja", ".model", ".txt")
_SAVE = "GLiNER.from_pretrained('ID').save_pretrained('FOLDER', safe_serialization=True)"
HOW_TO_SAVE = f"save a whole one where the hub can be reached: {_SAVE}"
# Numbers of the configuration that texts are cut and spans are made by.
_COUNTS = ("max_len", "max_width", "hidden_size")
# By the key of the configuration that makes a model one of them.
_OTHER_KINDS = {
    "labels_decoder": "writes labels of its own",
    "decoder_config": "reads a text as it comes in",
    "relations_layer": "looks for relations, too",
    "precomputed_prompts_mode": "has its labels built in",
}


def resolve_gliner(name: str, place: str) -> ModelFiles:
    """Return a GLiNER model's folder.

    Parameters
    ----------
    name : str
        The model's, as the user wrote it.
    place : str
        The folder.

    Raises
    ------
    UnknownModel
        When there is no such folder.
    ModelError
        When it is none of a GLiNER model that can be asked for labels, or something is missing that would have to be fetched.
    """
    try:
        folder = Path(place).expanduser()
        is_there = bool(place) and folder.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long a name, or the home of nobody
        is_there = False
    if not is_there:
        what = f"'{place[:100]}' is no folder" if place else "no folder is named"
        raise UnknownModel(
            f"'{name[:120]}': {what}; expected gliner:FOLDER, the folder of a GLiNER model on this machine; {HOW_TO_SAVE}"
        )
    if not (folder / CONFIG).is_file():
        raise ModelError(f"'{name}': the folder has no {CONFIG}; expected that of a GLiNER model; {HOW_TO_SAVE}")
    _check_whole(name, folder)
    return ModelFiles(name, folder, _hash_of(folder), "local folder")


def _check_whole(name: str, folder: Path) -> None:
    settings = _json(name, folder / CONFIG)
    for key, what in _OTHER_KINDS.items():
        if settings.get(key):
            raise ModelError(
                f"'{name}': its {CONFIG} sets {key}: this model {what}; expected a GLiNER model that finds spans of given labels"
            )
    for key in _COUNTS:
        if key not in settings:
            continue
        if isinstance(value := settings[key], bool) or not isinstance(value, int) or value < 1:
            raise ModelError(
                f"'{name}': its {CONFIG} has {key} {json.dumps(value)[:50]}; expected a whole number from 1 on; {HOW_TO_SAVE}"
            )
    splitter = settings.get("words_splitter_type") or "whitespace"
    if splitter != "whitespace":
        raise ModelError(
            f"'{name}': its {CONFIG} has words_splitter_type '{splitter}', which takes further packages and may fetch files; expected "
            "whitespace"
        )
    if not (folder / WEIGHTS).is_file():
        other = "; pytorch_model.bin can run code and is not read" if (folder / "pytorch_model.bin").is_file() else ""
        raise ModelError(f"'{name}': the folder has no {WEIGHTS}{other}; {HOW_TO_SAVE}")
    reads_labels_apart = bool(settings.get("labels_encoder"))
    encoders = ("encoder_config", *(("labels_encoder_config",) if reads_labels_apart else ()))
    for key in encoders:
        if not isinstance(settings.get(key), Mapping):
            raise ModelError(
                f"'{name}': its {CONFIG} has no {key}, which would have to be fetched from the hub ({settings.get('model_name')}); "
                f"{HOW_TO_SAVE}"
            )
    for needed in (TOKENIZER, *((f"{LABELS_TOKENIZER}/{TOKENIZER}",) if reads_labels_apart else ())):
        if not (folder / needed).is_file():
            raise ModelError(
                f"'{name}': the folder has no {needed}: the tokenizer would have to be fetched from the hub; {HOW_TO_SAVE}"
            )
    for path in _read_files(folder):
        if path.suffix == ".json" and _names_code(_json(name, path)):
            raise ModelError(
                f"'{name}': {path.relative_to(folder)} names code (auto_map), which is never run; expected a model without code of its own"
            )


def _json(name: str, path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"'{name}': {path.name} cannot be read ({' '.join(str(error).split())[:150]}); copy or save the model again"
        ) from None
    return content if isinstance(content, Mapping) else {}


def _names_code(value: object) -> bool:
    """Return whether a configuration, or one within it, names a class of a file that comes with the model."""
    if not isinstance(value, Mapping):
        return False
    return "auto_map" in value or any(_names_code(part) for part in value.values())


def _read_files(folder: Path) -> Iterator[Path]:
    """Yield the files beside the weights that GLiNER may read."""
    for place in (folder, folder / LABELS_TOKENIZER):
        if place.is_dir():
            yield from sorted(path for path in place.iterdir() if path.suffix in _HASHED_SUFFIXES and path.is_file())


def _hash_of(folder: Path) -> str:
    """Return the hash over the weights and over what stands beside them."""
    files = [folder / WEIGHTS, *_read_files(folder)]
    listing = [(path.relative_to(folder).as_posix(), sha256_of(path)) for path in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()
