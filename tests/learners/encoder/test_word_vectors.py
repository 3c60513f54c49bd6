"""Word vectors of the rows alone: the same training as in the whole table, and every other vector left as it is."""

from contextlib import nullcontext

import pytest
import torch
from transformers import BertConfig, BertModel

from tests.learners.encoder.test_encoder import EXAMPLES, tiny_tagger, tune
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.label_set_classifier import LabelSetClassifier
from tunecurve.learners.encoder.setfit import SetFitLearner
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.encoder.word_vectors import FewWordVectors, only_vectors_of

TABLE = "backbone.embeddings.word_embeddings.weight"


def weights_of(learner):
    return learner._load()[0].state_dict()


@pytest.mark.parametrize("kind", [TaggerLearner, ClassifierLearner, LabelSetClassifier, SetFitLearner])
@pytest.mark.parametrize("share", [None, 0.2])
def test_training_ends_as_it_does_in_the_whole_table(tiny_encoder, tmp_path, monkeypatch, kind, share):
    options = {"learning_rate": 1e-3, "development_share": share}
    options |= {"min_steps": 12, "epochs": 2} if kind is not SetFitLearner else {"min_steps": 8}
    examples = (
        EXAMPLES
        if kind is TaggerLearner
        else [
            # few classes, or few labels
            type(example)(example.prompt, "ab"[number % 2])
            for number, example in enumerate(EXAMPLES)
        ]
    )
    few, record = tune(tiny_tagger(tiny_encoder, kind, **options), tmp_path / "few", examples)
    monkeypatch.setattr("tunecurve.learners.encoder.learner.only_vectors_of", lambda backbone, pieces: nullcontext())
    whole, expected = tune(tiny_tagger(tiny_encoder, kind, **options), tmp_path / "whole", examples)
    assert record.losses == expected.losses
    assert record.development == expected.development
    first = BertModel.from_pretrained(tiny_encoder.folder).embeddings.word_embeddings.weight
    found, wanted = weights_of(few), weights_of(whole)
    is_trained = (found[TABLE] != first).any(dim=1)
    assert 0 < is_trained.sum() < len(first) / 2, "rows have some of the pieces"
    for name, tensor in wanted.items():
        if name == TABLE:
            assert torch.equal(found[name][is_trained], tensor[is_trained])
            assert torch.equal(found[name][~is_trained], first[~is_trained])
            torch.testing.assert_close(found[name], tensor, rtol=1e-2, atol=1e-6)  # decayed
        else:
            assert torch.equal(found[name], tensor), name


def small_encoder(**options):
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 50,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    return BertModel(BertConfig(**sizes, **options), add_pooling_layer=False)


@pytest.mark.parametrize("pieces", [{3}, {49, 0, 7, 8}, set(range(50))])
@pytest.mark.parametrize("padding", [0, 5, None])
def test_the_encoder_reads_the_same_and_gets_its_table_back(pieces, padding):
    model = small_encoder(pad_token_id=padding)
    table = model.get_input_embeddings()
    before = table.weight.detach().clone()
    ids = torch.tensor([sorted(pieces)])
    expected = model.eval()(ids).last_hidden_state
    with only_vectors_of(model, pieces):
        few = model.get_input_embeddings()
        assert isinstance(few, FewWordVectors)
        assert len(few.weight) == len(pieces | ({padding} - {None}))
        found = model(ids).last_hidden_state
        assert torch.equal(found, expected)
        found.square().sum().backward()
        with torch.no_grad():
            few.weight -= few.weight.grad
    assert model.get_input_embeddings() is table
    changed = (table.weight != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == sorted(pieces - {padding}), "that of padding is never trained"


def test_a_piece_that_was_not_announced_is_an_error_and_never_another_ones_vector():
    model = small_encoder()
    with only_vectors_of(model, {1, 2}), pytest.raises(IndexError):
        model(torch.tensor([[1, 3]]))


@pytest.mark.parametrize("change", ["shared", "norm", "subclass"])
def test_unusual_tables_stay_whole(change):
    model = small_encoder()
    table = model.get_input_embeddings()
    if change == "shared":
        model.output = torch.nn.Linear(8, 50, bias=False)
        model.output.weight = table.weight
    if change == "norm":
        table.max_norm = 1.0
    if change == "subclass":
        table.__class__ = type("Scaled", (torch.nn.Embedding,), {})
    with only_vectors_of(model, {1, 2}):
        assert model.get_input_embeddings() is table
