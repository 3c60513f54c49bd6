"""Folders of GLiNER models: whole ones are taken, of others one line says what is missing. No package is needed for that."""

import json

import pytest

from tests.support.gliner_folder import write_folder
from tunecurve.errors import ModelError, UnknownModel
from tunecurve.learners.gliner.folder import resolve_gliner


def change(folder, **settings):
    path = folder / "gliner_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def refused(folder):
    with pytest.raises(ModelError) as error:
        resolve_gliner(f"gliner:{folder}", str(folder))
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_a_whole_folder_is_taken_and_its_hash_covers_weights_settings_and_tokenizer(tmp_path):
    folder = write_folder(tmp_path / "model")
    first = resolve_gliner("gliner:x", str(folder))
    assert (first.name, first.folder) == ("gliner:x", folder)
    (folder / "README.md").write_text("# Model")
    assert resolve_gliner("gliner:x", str(folder)).weights_sha256 == first.weights_sha256
    hashes = {first.weights_sha256}
    for name in ("gliner_config.json", "tokenizer.json"):
        (folder / name).write_text((folder / name).read_text() + "\n")
        hashes.add(resolve_gliner("gliner:x", str(folder)).weights_sha256)
    change(folder, threshold=1)
    hashes.add(resolve_gliner("gliner:x", str(folder)).weights_sha256)
    assert len(hashes) == 4


@pytest.mark.parametrize("place", ["", "nothing/here", "~nobody-of-that-name/x", "a" * 5000])
def test_what_is_no_folder_is_an_unknown_model(place):
    with pytest.raises(UnknownModel, match=r"expected gliner:FOLDER, .*save_pretrained\('FOLDER', safe"):
        resolve_gliner(f"gliner:{place}", place)


def test_what_would_have_to_be_fetched_is_refused(tmp_path):
    folder = write_folder(tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    assert "has no tokenizer_config.json: the tokenizer would have to be fetched" in refused(folder)
    change(folder, encoder_config=None)
    assert (
        "has no encoder_config, which would have to be fetched from the hub (owner/encoder); save a whole"
        in refused(folder)
    )
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "has no model.safetensors; pytorch_model.bin can run code and is not read; save" in refused(folder)
    (folder / "gliner_config.json").unlink()
    assert "has no gliner_config.json; expected that of a GLiNER model" in refused(folder)


def test_labels_that_are_read_apart_need_their_own_tokenizer(tmp_path):
    folder = write_folder(tmp_path / "model", labels_encoder="owner/labels")
    assert "has no labels_encoder_config" in refused(folder)
    change(folder, labels_encoder_config={"model_type": "bert"})
    assert "has no labels_tokenizer/tokenizer_config.json" in refused(folder)
    (folder / "labels_tokenizer").mkdir()
    (folder / "labels_tokenizer/tokenizer_config.json").write_text("{}")
    assert resolve_gliner("gliner:x", str(folder)).weights_sha256


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"labels_decoder": "owner/decoder"}, "sets labels_decoder: this model writes labels of its own"),
        ({"relations_layer": "biaffine"}, "sets relations_layer: this model looks for relations"),
        ({"precomputed_prompts_mode": True}, "sets precomputed_prompts_mode: this model has its labels built in"),
        ({"words_splitter_type": "stanza"}, "words_splitter_type 'stanza', which takes further packages and may fetch"),
        (
            {"encoder_config": {"model_type": "x", "auto_map": {"AutoModel": "code.Model"}}},
            "gliner_config.json names code (auto_map), which is never run",
        ),
    ],
)
def test_other_kinds_of_models_and_code_are_refused(tmp_path, settings, expected):
    assert expected in refused(write_folder(tmp_path / "model", **settings))


def test_a_damaged_file_is_named(tmp_path):
    folder = write_folder(tmp_path / "model")
    (folder / "gliner_config.json").write_text("{")
    assert "gliner_config.json cannot be read" in refused(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("max_len", "abc"), ("max_len", -5), ("max_width", 0), ("max_width", True), ("hidden_size", 1.5)]
)
def test_numbers_that_texts_are_cut_by_are_whole_and_above_0(tmp_path, key, value):
    folder = write_folder(tmp_path / "model")
    change(folder, **{key: value})
    assert f"has {key} {json.dumps(value)}; expected a whole number from 1 on" in refused(folder)
