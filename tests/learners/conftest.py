"""What tests of encoders share."""

import pytest
import torch

from tunecurve.learners.torch.weights import from_folder


@pytest.fixture(scope="module")
def tiny_encoder(minilm, tmp_path_factory):
    """A two-layer BERT with random weights and the real tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-encoder")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(minilm.folder).save_pretrained(folder)
    return from_folder("tiny", folder, "made for the test")
