"""Encoders of several architectures, small and with random weights: a tagger of each is trained and loses nothing of a text."""

from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    MPNetConfig,
    XLMRobertaConfig,
)

from tests.learners.encoder.test_encoder import EXAMPLES, RENDERER, tiny_tagger, tune
from tunecurve.formats.alignment import align_exactly
from tunecurve.learners.base import predict
from tunecurve.learners.torch.weights import from_folder

SIZES: Any = {
    "vocab_size": 30522,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
AS_V3: Any = {
    "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
    "share_att_key": True, "position_biased_input": False,
}  # fmt: skip
CONFIGS = {
    "mpnet": MPNetConfig(**SIZES, max_position_embeddings=40, pad_token_id=0),
    "xlm-roberta": XLMRobertaConfig(**SIZES, max_position_embeddings=40, pad_token_id=0),
    "deberta-v2": DebertaV2Config(**SIZES, **AS_V3, max_position_embeddings=40, pad_token_id=0),
    "modernbert": ModernBertConfig(**SIZES, max_position_embeddings=40, pad_token_id=0, cls_token_id=101, sep_token_id=102),
    "distilbert": DistilBertConfig(vocab_size=30522, dim=32, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=40),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_tagger_is_trained_and_the_text_around_its_labels_stays(minilm, tmp_path, kind):
    torch.manual_seed(0)
    AutoModel.from_config(CONFIGS[kind]).save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(minilm.folder).save_pretrained(tmp_path / "model")
    tagger = tiny_tagger(from_folder(kind, tmp_path / "model", "made for the test"), epochs=1)
    learner, record = tune(tagger, tmp_path / "tuned", EXAMPLES[:20])
    assert record.path.startswith("20 of 20 targets are spans of their inputs")
    for text in ["Ann met Bo in Köln.", "", "long " * 60 + "end", "漢字 😀"]:
        (answer,) = predict(learner, [RENDERER.prompt(text)])
        assert align_exactly(text, answer.text) is not None
