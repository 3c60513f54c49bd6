"""Training steps on packed rows: the numbers of transformers' own modules, and those modules where an encoder is built otherwise."""

import pytest
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, XLMRobertaConfig, XLMRobertaModel

from tests.learners.encoder.test_encoder import EXAMPLES, RENDERER, tiny_tagger, tune
from tunecurve.errors import Interrupted
from tunecurve.learners.encoder import learner as learner_module
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.packed import PackedEncoder, choose_encoder
from tunecurve.learners.encoder.packed_rows import Dropout, PackedRows
from tunecurve.learners.encoder.setfit import SetFitLearner
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.torch.backend_choice import Choice, NotUsable, raise_difference

TEXTS = [[3, 4, 5, 6, 7], [8, 9], [10, 11, 12, 3, 3, 3, 4], [5]]
SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def bert(kind=BertModel, config=BertConfig, **options):
    torch.manual_seed(0)
    model = kind(config(**SIZES, **options), add_pooling_layer=False)
    for parameter in model.parameters():  # also biases and norms, which begin as 0 and 1
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def padded(texts, pad=1):
    longest = max(map(len, texts))
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return torch.tensor([text + [pad] * (longest - len(text)) for text in texts]), mask


def numbers(model, hidden):
    model.zero_grad()
    loss = (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).square().sum()
    loss.backward()
    return float(loss.detach()), {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("kind", [(BertModel, BertConfig), (XLMRobertaModel, XLMRobertaConfig)])
@pytest.mark.parametrize("texts", [TEXTS, [[3, 4]], [[7], [8], [9]], [list(range(3, 40)), [5, 6]]])
def test_hidden_states_and_gradients_are_those_of_transformers(kind, texts):
    model = bert(*kind)
    token_ids, mask = padded(texts)
    expected = numbers(model, model(token_ids, attention_mask=mask).last_hidden_state[mask.bool()])
    for _ in range(2):  # a second step leaves no trace of the first
        hidden, rows = PackedEncoder(model, torch.float32).hidden(token_ids, mask)
        assert rows.positions.tolist() == [place for text in texts for place in range(len(text))]
        found = numbers(model, hidden)
        assert found[0] == pytest.approx(expected[0], rel=1e-5)
        for name, gradient in expected[1].items():
            scale = float(gradient.abs().max()) + 1e-3
            torch.testing.assert_close(found[1][name] / scale, gradient / scale, rtol=1e-3, atol=1e-4, msg=name)


def test_gradients_of_two_passes_add_up():
    model = bert()
    encoder = PackedEncoder(model, torch.float32)
    first, second = padded(TEXTS[:2]), padded(TEXTS[2:])
    alone = [numbers(model, encoder.hidden(*one)[0])[1] for one in (first, second)]
    model.zero_grad()
    for one in (first, second):
        hidden, _ = encoder.hidden(*one)
        (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, alone[0][name] + alone[1][name], rtol=1e-4, atol=1e-4)


def test_bfloat16_is_as_near_to_float32_as_automatic_casting_is():
    model = bert()
    token_ids, mask = padded(TEXTS)

    def own():
        return model(token_ids, attention_mask=mask).last_hidden_state[mask.bool()].float()

    exact = numbers(model, own())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = numbers(model, own())
        found = numbers(model, PackedEncoder(model, torch.bfloat16).hidden(token_ids, mask)[0])

    def apart(of):
        return sum(float((of[1][name] - gradient).square().sum()) for name, gradient in exact[1].items()) ** 0.5

    assert apart(found) < 1.5 * apart(cast)
    raise_difference(found, exact, torch.bfloat16)


def test_dropout_leaves_out_its_share_keeps_the_mean_and_is_drawn_anew():
    dropout = Dropout(7)
    first, second = dropout.factors((300, 401), 0.1), dropout.factors((300, 401), 0.1)
    for factors in (first, second):
        assert float((factors == 0).float().mean()) == pytest.approx(0.1, abs=0.005)
        assert float(factors.mean()) == pytest.approx(1.0, abs=0.005)
        assert len(factors.unique()) == 2
    assert 0.005 < float(((first == 0) & (second == 0)).float().mean()) < 0.015, "independent of each other"
    assert torch.equal(Dropout(7).factors((300, 401), 0.1), first)
    assert not torch.equal(Dropout(8).factors((300, 401), 0.1), first)
    assert dropout.factors((3, 4), 0.0) is None
    assert set(dropout.factors((40, 5), 0.5).unique().tolist()) == {0.0, 2.0}


def test_with_dropout_gradients_are_those_of_the_loss():
    """Central differences in a random direction, the same values left out on both sides."""
    model = bert(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3).train()
    encoder = PackedEncoder(model, torch.float32)
    token_ids, mask = padded(TEXTS)
    weights = torch.linspace(-1, 1, sum(map(len, TEXTS)) * 16).view(-1, 16)

    def loss():
        torch.manual_seed(5)
        return (encoder.hidden(token_ids, mask)[0] * weights).sum()

    loss().backward()
    named = dict(model.named_parameters())
    direction = {name: torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) for name, p in named.items()}
    slope = sum(float((p.grad * direction[name]).sum()) for name, p in named.items())
    values = []
    with torch.no_grad():
        for step in (1e-3, -2e-3):
            for name, parameter in named.items():
                parameter.add_(step * direction[name])
            values.append(float(loss()))
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(slope, rel=0.05, abs=0.5)


@pytest.mark.parametrize("change", ["distilbert", "relu", "relative", "extra part"])
def test_encoders_that_are_built_otherwise_are_computed_by_transformers(change):
    model = bert(hidden_act="relu") if change == "relu" else bert()
    if change == "distilbert":
        model = DistilBertModel(DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=2, hidden_dim=32))
    if change == "relative":
        model.config.position_embedding_type = "relative_key"
    if change == "extra part":
        model.encoder.layer[0].gate = torch.nn.Linear(16, 16)
    with pytest.raises(NotUsable):
        PackedEncoder(model, torch.float32)
    way = choose_encoder(model, torch.float32, TEXTS, set())
    assert way.chosen is None
    assert "padded rows, stock transformers; not packed" in way.said


def test_an_encoder_with_other_numbers_is_computed_by_transformers_and_keeps_no_gradient():
    model = bert()
    model.encoder.layer[1].output.forward = lambda hidden, residual: hidden @ torch.ones(32, 16)  # of another kind
    known = set()
    way = choose_encoder(model, torch.float32, TEXTS, known)
    assert way.chosen is None
    assert "not packed: another loss" in way.said
    assert not known
    assert all(parameter.grad is None for parameter in model.parameters())
    good = choose_encoder(bert(), torch.float32, TEXTS, known)
    assert isinstance(good.chosen, PackedEncoder)
    assert known == {"packed"}


@pytest.mark.parametrize("kind", [TaggerLearner, ClassifierLearner, SetFitLearner])
def test_training_is_the_same_both_ways_within_rounding(tiny_encoder, tmp_path, monkeypatch, kind):
    examples = EXAMPLES
    if kind is not TaggerLearner:
        examples = [type(one)(one.prompt, "ab"[number % 2]) for number, one in enumerate(EXAMPLES)]
    load = learner_module.load_backbone

    def load_without_dropout(*of):
        backbone, tokenizer = load(*of)
        for part in backbone.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        backbone.config.attention_probs_dropout_prob = 0.0
        return backbone, tokenizer

    monkeypatch.setattr(learner_module, "load_backbone", load_without_dropout)
    options = {"min_steps": 12} if kind is SetFitLearner else {"epochs": 3}
    _, fast = tune(tiny_tagger(tiny_encoder, kind, **options), tmp_path / "fast", examples)
    assert "; packed: rows without padding; hidden states and gradients equal the reference's" in fast.path
    reference = Choice("reference", None, "reference: padded rows", is_fastest=True)
    monkeypatch.setattr(learner_module, "choose_encoder", lambda *of: reference)
    _, plain = tune(tiny_tagger(tiny_encoder, kind, **options), tmp_path / "plain", examples)
    assert plain.path.endswith("reference: padded rows")
    # The head's own dropout is torch's, and drawn alike only before anything else is: the first loss is exact.
    assert fast.losses[0] == pytest.approx(plain.losses[0], rel=0.05)
    assert fast.losses[-1] == pytest.approx(plain.losses[-1], rel=0.2, abs=0.02)


def test_texts_without_a_known_sign_do_not_choose_the_way(tiny_encoder, tmp_path):
    """Else a stopped run, which has compared already, and one that goes on would train in two ways."""
    empty = [RENDERER.tuning_example(" " * number, " " * number) for number in range(1, 9)]
    _, record = tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path, [*empty, *EXAMPLES])
    assert "; packed: rows without padding" in record.path


def test_a_training_that_was_stopped_does_not_go_on_another_way(tiny_encoder, tmp_path, monkeypatch):
    def stop(step):
        if step.step == 3:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path / "run", on_step=stop)
    reference = Choice("reference", None, "reference: padded rows", is_fastest=True)
    monkeypatch.setattr(learner_module, "choose_encoder", lambda *of: reference)
    with pytest.raises(Exception, match="other rows, recipe or precision"):
        tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path / "run")


def test_rows_are_packed_in_their_order():
    rows = PackedRows.of(torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]]))
    assert rows.places.tolist() == [0, 1, 3, 6, 7, 8]
    assert rows.tokens.tolist() == [0, 1, 0, 2, 0, 0, 3, 4, 5]
    assert rows.positions.tolist() == [0, 1, 0, 0, 1, 2]
    packed = torch.arange(1.0, 7.0)[:, None]
    assert rows.padded(packed).flatten().tolist() == [1, 2, 0, 3, 0, 0, 4, 5, 6]
