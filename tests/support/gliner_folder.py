"""Folders of GLiNER models as the package saves them: for its stand-in, and small random ones that the package itself makes."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,@-_'!?:/()[]"
LONGEST, MOST_PIECES = 24, 512


def letters_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer whose pieces are letters."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=2000))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=MOST_PIECES,
    )  # fmt: skip


def write_folder(folder: Path, **settings: Any) -> Path:
    """Write what the stand-in for the package reads; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = {"model_type": "bert", "max_position_embeddings": MOST_PIECES + 2}
    config = {"model_name": "owner/encoder", "encoder_config": encoder, "max_len": LONGEST, "max_width": 6, **settings}
    (folder / "gliner_config.json").write_text(json.dumps(config))
    save_file({"weight": torch.ones(4, 4), "bias": torch.zeros(4)}, folder / "model.safetensors")
    letters_tokenizer().save_pretrained(folder)
    return folder


def write_real_folder(folder: Path, span_mode: str = "markerV0", *, reads_labels_apart: bool = False) -> Path:
    """Let the package make and save a small model with random weights; return the folder."""
    from gliner import GLiNER, GLiNERConfig

    tokenizer = letters_tokenizer()
    encoder: dict[str, Any] = {
        "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
        "vocab_size": len(tokenizer), "max_position_embeddings": MOST_PIECES,
    }  # fmt: skip
    source = folder.parent / f"{folder.name}-encoder"
    tokenizer.save_pretrained(source)
    BertConfig(**{key: value for key, value in encoder.items() if key != "model_type"}).save_pretrained(source)
    apart = {"labels_encoder": str(source), "labels_encoder_config": dict(encoder)} if reads_labels_apart else {}
    torch.manual_seed(0)
    config = GLiNERConfig(
        model_name=str(source), encoder_config=encoder, hidden_size=32, span_mode=span_mode, max_len=LONGEST, max_width=6, **apart
    )  # fmt: skip
    model = GLiNER.from_config(config, backbone_from_pretrained=False, local_files_only=True)
    model.save_pretrained(folder, safe_serialization=True)
    return folder
