"""How alike texts are to the built-in encoder: against vectors computed with transformers alone."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tunecurve.learners.encoder import similarity as module
from tunecurve.learners.encoder.similarity import EncoderSimilarity
from tunecurve.learners.encoder.weights import BUILTIN_ENCODER

TEXTS = ["block my card", "I want to block the card, please", "The weather in Köln is fine today.", "block my card"]


@pytest.fixture
def read_by_tiny(tiny_encoder, monkeypatch):
    """The encoder is the tiny one; how often it is looked for."""
    asked = []
    monkeypatch.setattr(module, "resolve_encoder", lambda name, **_: asked.append(name) or tiny_encoder)
    return asked


def expected_vectors(folder, texts):
    """Unit means over a text's pieces, the encoder's own marks left out, each text read alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = []
    for text in texts:
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 1:-1]
        found.append(torch.nn.functional.normalize(hidden.mean(dim=0), dim=0).numpy())
    return np.stack(found)


def test_alikeness_is_the_cosine_of_mean_vectors(tiny_encoder, read_by_tiny):
    found = EncoderSimilarity().scores(TEXTS[:2], TEXTS)
    expected = expected_vectors(tiny_encoder.folder, TEXTS)
    assert found == pytest.approx(expected[:2] @ expected.T, abs=1e-5)
    assert found[0, 0] == found[0, 3] == pytest.approx(1)
    assert found.dtype == np.float64
    assert read_by_tiny == [BUILTIN_ENCODER]


def test_a_text_without_a_known_sign_is_like_none(read_by_tiny):
    assert EncoderSimilarity().scores(["", "card"], ["", "  ", "card"])[0].tolist() == [0, 0, 0]
    assert EncoderSimilarity().scores(["", " "], [""]).tolist() == [[0], [0]]


def test_texts_longer_than_a_window_are_read_to_their_end(read_by_tiny):
    beginning = "block my card " * 30
    found = EncoderSimilarity().scores([beginning + "now"], [beginning + "now", beginning + "in Köln " * 10])
    assert found[0, 0] == pytest.approx(1)
    assert found[0, 1] < 0.999


def test_a_text_is_read_once_and_what_is_read_is_free(read_by_tiny, monkeypatch):
    monkeypatch.setattr(module, "matmul_flops_per_second", lambda device, dtype: 1e9)
    similarity, read = EncoderSimilarity(), []
    plain = similarity._read
    monkeypatch.setattr(similarity, "_read", lambda texts: read.extend(texts) or plain(texts))
    first = similarity.estimate_seconds(["a" * 400, "a" * 400])
    assert first == pytest.approx(module.LOADING_SECONDS + 2 * module.WEIGHTS * 100 / (module.SHARE_OF_PEAK * 1e9))
    similarity.scores(["one", "two"], ["two", "three"])
    similarity.scores(["three"], ["one"])
    assert sorted(read) == ["one", "three", "two"]
    assert similarity.estimate_seconds(["one", "two"]) == 0
    assert similarity.estimate_seconds(["a" * 400]) == pytest.approx(first - module.LOADING_SECONDS), "it is loaded"
    assert len(read_by_tiny) == 1


def test_vectors_are_forgotten_where_there_are_too_many_and_read_again(read_by_tiny, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    similarity = EncoderSimilarity()
    before = similarity.scores(["one"], ["two", "three"])
    assert len(similarity._vectors) == 3
    assert similarity.scores(["one"], ["four", "two"])[0, 1] == pytest.approx(before[0, 0], abs=1e-6)
    assert set(similarity._vectors) == {"one", "four", "two"}


def test_its_identity_is_the_encoder_and_its_weights():
    told = EncoderSimilarity().identity()
    assert told["name"] == BUILTIN_ENCODER
    assert len(told["weights_sha256"]) == 64
