"""Taggers and classifiers as ONNX: the program that is written beside the file answers as the tuned model does, to the letter."""

import json
import subprocess
import sys

import pytest
import torch

from tests.conftest import simple_rows
from tunecurve.errors import EnvironmentProblem, UsageError
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.encoder import conversion
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.label_set_classifier import LabelSetClassifier
from tunecurve.learners.encoder.tagger import EntityTagger, TaggerLearner
from tunecurve.learners.torch.device import Compute
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.training import EncoderSpec

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 1)
RENDERER = PromptRenderer("unused", labels=("FIRSTNAME", "CITY"))
ROWS = simple_rows(60)
# Longer than a window of the small encoder, blanks around, accents composed and not, no known sign, nothing.
TEXTS = [
    *(row["source_text"] for row in ROWS[40:]), " ".join(row["source_text"] for row in ROWS[:12]), "  Zoë\tand Zoe\u0308 in Köln ",
    "x" * 90 + " Bo", "\u2603", "", " \n ",
]  # fmt: skip


def entities(row):
    kinds = [("person", "[FIRSTNAME]"), ("place", "[CITY]")]
    words = [word.strip(".,:") for word in row["source_text"].split()]
    masked = row["target_text"].replace(",", " ").replace(".", " ").replace(":", " ").split()
    found = [f"{kind}: {word}" for word, mask in zip(words, masked, strict=False) for kind, m in kinds if m == mask]
    return "; ".join(found) or "none"


TARGETS = {
    TaggerLearner: lambda row: row["target_text"],
    EntityTagger: entities,
    ClassifierLearner: lambda row: f"kind {row['kind']}; or so",
    LabelSetClassifier: lambda row: "; ".join(sorted({"a" * (int(row["kind"]) % 3 + 1), row["kind"]})),
}


def tuned(kind, encoder, folder, **settings):
    examples = [RENDERER.tuning_example(row["source_text"], TARGETS[kind](row)) for row in ROWS[:40]]
    learner = kind("tagger", encoder, FLOAT32, EncoderSpec(epochs=15, learning_rate=3e-3, **settings))
    folder.mkdir()
    job = TrainingJob(examples, learner.resolve_recipe({}, len(examples)), 0, folder)
    return learner.fine_tune(job, lambda step: None).learner


@pytest.fixture(scope="module")
def tagger(tiny_encoder, tmp_path_factory):
    return tuned(TaggerLearner, tiny_encoder, tmp_path_factory.mktemp("tagger") / "tuned")


@pytest.mark.parametrize("kind", list(TARGETS))
def test_the_program_beside_the_file_answers_as_the_model(tiny_encoder, tagger, tmp_path, kind):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    learner = tagger if kind is TaggerLearner else tuned(kind, tiny_encoder, tmp_path / "tuned")
    prompts = [RENDERER.prompt(text) for text in TEXTS]
    expected = [answer.text for answer in predict(learner, prompts)]
    assert len(set(expected)) > 2, "a model that answers always the same shows nothing"
    written = learner.convert("onnx", tmp_path)
    assert [answer.text for answer in written.answers(prompts)] == expected
    assert written.notes == []
    with pytest.raises(UsageError, match=r"cannot be written as gguf-f16.*taggers and classifiers"):
        learner.convert("gguf-f16", tmp_path)


def test_the_program_reads_as_the_tagger_where_the_tokenizer_cuts_at_blanks_alone(tiny_e5, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    learner = tuned(TaggerLearner, tiny_e5, tmp_path / "tuned")
    prompts = [RENDERER.prompt(text) for text in [*TEXTS, "(Ann), d'A in Köln.", "Rene\u0301 (5)."]]
    expected = [answer.text for answer in predict(learner, prompts)]
    assert len(set(expected)) > 2
    assert [answer.text for answer in learner.convert("onnx", tmp_path).answers(prompts)] == expected


def test_the_program_needs_nothing_of_this_package(tagger, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    tagger.convert("onnx", tmp_path)
    shown = subprocess.run(
        [sys.executable, "-I", tmp_path / "run.py", TEXTS[0], TEXTS[1]], capture_output=True, text=True, check=True
    )
    expected = [answer.text for answer in predict(tagger, [RENDERER.prompt(text) for text in TEXTS[:2]])]
    assert shown.stdout.splitlines() == expected
    source = (tmp_path / "run.py").read_text()
    assert "tunecurve" not in source
    assert "torch" not in source


def test_what_the_program_does_not_do_is_said(tiny_encoder, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    rows = [("Ann met Bo and Ann", "[NAME_1] met [NAME_2] and [NAME_1]"), ("Bo met Cleo", "[NAME_1] met [NAME_2]")] * 5
    renderer = PromptRenderer("unused", labels=("NAME",), numbered=True, form=find_form(rows))
    examples = [renderer.tuning_example(*row) for row in rows]
    learner = TaggerLearner("tagger", tiny_encoder, FLOAT32, EncoderSpec(epochs=1))
    (tmp_path / "tuned").mkdir()
    job = TrainingJob(examples, learner.resolve_recipe({}, len(examples)), 0, tmp_path / "tuned")
    written = learner.fine_tune(job, lambda step: None).learner.convert("onnx", tmp_path)
    assert [note for note in written.notes if "without the numbers" in note]
    written.answers([RENDERER.prompt("王小明住在北京"), RENDERER.prompt("Bo lives here")])
    assert [note for note in written.notes if note.startswith("1 of the texts asked have a script without blanks")]


def test_without_the_extra_the_way_to_it_is_said(tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    learner = TaggerLearner("tagger", tiny_encoder, FLOAT32)
    with pytest.raises(EnvironmentProblem, match=r"pip install '\.\[onnx\]'"):
        learner.convert("onnx", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_settings_hold_no_text_of_a_row(tagger, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    tagger.convert("onnx", tmp_path)
    told = json.loads((tmp_path / "settings.json").read_text())
    assert told["labels"] == ["CITY", "FIRSTNAME"]
    assert told["placeholders"] == {"CITY": "[CITY]", "FIRSTNAME": "[FIRSTNAME]"}
    assert set(told) == {
        "labels", "threshold", "joined", "filled", "placeholders", "strips_ends", "marks", "longest_window", "step",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "most"), [(TaggerLearner, 90), (ClassifierLearner, 25)])
def test_the_program_is_short_enough_to_be_read(kind, most):
    program = (conversion.RUNNERS / f"{kind.kind}.py").read_text()
    code = [line for line in program.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(code) <= most
