"""A model's folder that is not whole is refused in one line, with what is missing; nothing is made up for it."""

import json
import shutil
import types

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tunecurve.errors import ModelError
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.setfit import SetFitLearner
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.torch import whole_models
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import from_folder
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 1)
KINDS = [TaggerLearner, ClassifierLearner, SetFitLearner]
DENSE = "encoder.layer.0.intermediate.dense.weight"
RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("NAME",))


def without(part):
    return lambda weights: {name: weight for name, weight in weights.items() if part not in name}


def under(prefix):
    return lambda weights: {prefix + name: weight for name, weight in weights.items()}


def with_(name, weight):
    return lambda weights: {**weights, name: weight}


def one_value(value):
    weight = torch.zeros(64, 32)
    weight[1, 2] = value
    return with_(DENSE, weight)


@pytest.fixture
def changed(tmp_path):
    """Copy a model's folder, with its weights, its config.json or a file of it changed."""

    def change(files, weights=None, config=None, gone=(), written=None):
        folder = tmp_path / "changed"
        shutil.copytree(files if hasattr(files, "joinpath") else files.folder, folder)
        if weights is not None:
            save_file(weights(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})
        if config is not None:
            known = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(known | config))
        for name in gone:
            (folder / name).unlink()
        for name, text in (written or {}).items():
            (folder / name).write_text(text)
        return from_folder("some/folder", folder, "made for the test")

    return change


def refused(build):
    with pytest.raises(ModelError) as caught:
        build()
    line = str(caught.value)
    assert caught.value.exit_code == 5
    assert "some/folder" in line
    assert "\n" not in line
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_without_a_tokenizer_is_refused(tiny_encoder, changed, kind):
    files = changed(tiny_encoder, gone=["tokenizer.json"])
    for _ in range(2):
        line = refused(lambda: kind("x", files, FLOAT32))
        assert "its folder has no tokenizer (no tokenizer.json" in line
        assert "tokenizer.save_pretrained" in line
        (files.folder / "tokenizer_config.json").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("layer.1."), ["lack 16 of the 37 tensors", "encoder.layer.1.attention.output.LayerNorm.bias, ", ", ..."]),
        (without("word_embeddings"), ["lack 1 of the 37 tensors", "(embeddings.word_embeddings.weight)"]),
        (under("wrong."), ["lack 37 of the 37", "39 others are in the file and not read (wrong.embeddings"]),
        (with_(DENSE, torch.zeros(48, 32)), [DENSE, "48 x 32 in its .safetensors file and 64 x 32 by its config.json"]),
        (with_("pooler.dense.bias", torch.zeros(3)), []),
        (one_value(float("nan")), [f"1 of the 2,048 values of {DENSE} are NaN or infinite", "take others"]),
        (one_value(float("-inf")), [f"1 of the 2,048 values of {DENSE} are NaN or infinite"]),
        (one_value(3e38), []),
        (without("pooler"), []),
        (under("bert."), []),
        (with_("embeddings.position_ids", torch.arange(40)), []),
        (with_("cls.predictions.bias", torch.zeros(30522)), []),
    ],
)  # fmt: skip
def test_weights_that_are_missing_or_wrong_are_named(tiny_encoder, changed, change, said):
    files = changed(tiny_encoder, change)
    if not said:
        assert TaggerLearner("x", files, FLOAT32).backbone.config.hidden_size == 32
        return
    line = refused(lambda: TaggerLearner("x", files, FLOAT32))
    assert [part for part in said if part not in line] == []


def test_a_config_of_more_layers_than_the_file_has_is_refused(tiny_encoder, changed):
    line = refused(lambda: TaggerLearner("x", changed(tiny_encoder, config={"num_hidden_layers": 3}), FLOAT32))
    assert "lack 16 of the 53 tensors" in line


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tokenizer.json", '{"version": ', "a .json file of its folder is damaged or cut off"),
        ("tokenizer.json", "{}", "KeyError"),
        ("model.safetensors", "", "its .safetensors file is damaged or cut off"),
        ("config.json", "{", "not a valid JSON file"),
        ("config.json", "[]", "mapping"),
        ("config.json", '{"model_type": "bert", "hidden_size": "x"}', "expected int"),
        ("config.json", '{"model_type": "bert", "hidden_act": "foo"}', "foo"),
    ],
)
def test_damaged_files_end_in_one_line(tiny_encoder, changed, name, text, said):
    assert said in refused(lambda: TaggerLearner("x", changed(tiny_encoder, written={name: text}), FLOAT32))


def test_a_tokenizer_of_more_pieces_than_the_embedding_is_refused(tiny_encoder, changed):
    smaller = lambda weights: {**weights, WORDS: weights[WORDS][:5101].clone()}  # noqa: E731
    files = changed(tiny_encoder, smaller, {"vocab_size": 5101})
    line = refused(lambda: TaggerLearner("x", files, FLOAT32))
    assert "tokenizer has 30,522 pieces" in line
    assert "5,101 vectors" in line


WORDS = "embeddings.word_embeddings.weight"


def tokenizer_of(words):
    """Return a tokenizer of whole words, to which all others are unknown."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def rows(texts):
    return [RENDERER.tuning_example(text, text) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_that_knows_no_word_of_the_rows_is_refused(tiny_encoder, changed, kind):
    files = changed(tiny_encoder)
    tokenizer_of(["we", "met"]).save_pretrained(files.folder)
    learner = kind("some/folder", files, FLOAT32)
    line = refused(lambda: learner.row_findings(rows(["Anna lives here", "Bo does not"] * 400)))
    assert "2,400 of 2,400" not in line  # of so many, some are looked at
    assert "its tokenizer knows next to nothing of 400 rows: 1,200 of 1,200 pieces are unknown ([UNK])" in line
    assert learner.row_findings(rows(["we met", " ", "met we we met we met we"])) == []
    [finding] = learner.row_findings(rows(["we met Bo", "met"]))
    assert "1 of 4 pieces of 2 rows (25 %) are unknown to its tokenizer ([UNK])" in finding.text
    assert finding.kind == "warning"


def test_a_token_added_beyond_the_embedding_is_refused_where_a_row_holds_it(tiny_encoder, changed):
    files = changed(tiny_encoder)
    tokenizer = TaggerLearner("x", files, FLOAT32).tokenizer
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(files.folder)
    learner = TaggerLearner("some/folder", files, FLOAT32)
    assert learner.row_findings(rows(["We met Bo."])) == []
    line = refused(lambda: learner.row_findings(rows(["We met <new> Bo."])))
    assert "a piece of number 30,522" in line
    assert "vectors for 30,522 pieces" in line


def test_a_tokenizer_without_marks_is_refused(tiny_encoder, changed):
    files = changed(tiny_encoder)
    plain = tokenizer_of(["we"])
    plain.cls_token = plain.sep_token = None
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (files.folder / name).unlink()
    plain.save_pretrained(files.folder)
    assert "expected cls_token and sep_token" in refused(lambda: TaggerLearner("x", files, FLOAT32))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("layers.1."), "lack 9 of the 20 tensors that config.json describes (model.layers.1."),
        (with_("model.norm.weight", torch.zeros(16)), "model.norm.weight is 16 in its .safetensors file and 32 by its"),
    ],
)
def test_a_language_model_that_is_not_whole_is_refused_before_a_weight_is_read(
    tiny_model_folder, changed, change, said
):
    files = changed(tiny_model_folder, change)
    assert said in refused(lambda: LocalLearner(files, FLOAT32))


def test_a_language_model_with_weights_that_are_no_numbers_is_refused_when_it_is_loaded(tiny_model_folder, changed):
    files = changed(tiny_model_folder, with_("model.norm.weight", torch.full((32,), torch.nan)))
    assert "32 of the 32 values of model.norm.weight are NaN" in refused(LocalLearner(files, FLOAT32).load_base)


def test_a_head_that_is_not_the_embedding_may_not_be_missing(tiny_model_folder, changed):
    files = changed(tiny_model_folder, config={"tie_word_embeddings": False})
    said = refused(lambda: LocalLearner(files, FLOAT32))
    assert "lack 1 of the 21 tensors that config.json describes (lm_head.weight)" in said


def words_of(words):
    """Return a tokenizer of whole words with an end, for language models."""
    tokenizer = tokenizer_of(words)
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    return tokenizer


def test_a_language_model_with_the_tokenizer_of_another_is_refused(tiny_model_folder, changed):
    files = changed(tiny_model_folder)
    n_vectors = json.loads((files.folder / "config.json").read_text())["vocab_size"]
    words_of([f"w{number}" for number in range(n_vectors)]).save_pretrained(files.folder)
    line = refused(lambda: LocalLearner(files, FLOAT32))
    assert f"embedding {n_vectors:,} vectors; take the tokenizer that belongs to these weights" in line


def test_a_language_model_whose_tokenizer_knows_no_word_of_the_rows_is_refused(tiny_model_folder, changed):
    files = changed(tiny_model_folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (files.folder / name).unlink()
    words_of(["we", "met"]).save_pretrained(files.folder)
    learner = LocalLearner(files, FLOAT32)
    learner.name = "some/folder"
    line = refused(lambda: learner.row_findings(rows(["Anna lives here", "Bo does not"])))
    assert "its tokenizer knows next to nothing of 2 rows: 6 of 6 pieces are unknown ([UNK])" in line
    assert "multilingual-e5" not in line, "an encoder is no remedy for a language model"
    assert learner.row_findings(rows(["we met"])) == []
    [finding] = learner.row_findings(rows(["we met Bo", "met"]))
    assert "1 of 4 pieces of 2 rows (25 %) are unknown to its tokenizer" in finding.text


def test_a_language_model_without_a_tokenizer_is_refused(tiny_model_folder, changed):
    files = changed(tiny_model_folder, gone=["tokenizer.json"])
    assert "its folder has no tokenizer" in refused(lambda: LocalLearner(files, FLOAT32))


def test_packed_weights_are_written_out_by_versions_of_transformers_that_have_no_word_for_it(monkeypatch):
    monkeypatch.setattr(whole_models, "transformers", types.SimpleNamespace())
    assert whole_models._dequantised() == {}
    with_config = types.SimpleNamespace(GgufConfig=lambda **options: options)
    monkeypatch.setattr(whole_models, "transformers", with_config)
    assert whole_models._dequantised() == {"quantization_config": {"dequantize": True}}
