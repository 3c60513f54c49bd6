"""The GLiNER baseline: by a stand-in for the package always; with the package itself, and random models, where it is installed."""

import importlib.metadata
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.cli.test_commands import invoke
from tests.fakes import gliner_package
from tests.support.gliner_folder import LONGEST, write_folder, write_real_folder
from tunecurve.errors import EnvironmentProblem, ModelError, SpecError, UnknownModel
from tunecurve.formats.placeholders import PlaceholderForm, Style
from tunecurve.learners.base import predict
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.gliner import GlinerSpec

HAS_GLINER = importlib.util.find_spec("gliner") is not None
needs_extra = pytest.mark.skipif(not HAS_GLINER, reason="the extra 'gliner' is not installed")
LABELS = ("FIRSTNAME", "LASTNAME", "PHONENUMBER")
FILLER = " and so on" * 30


def build(folder, **settings):
    name = f"gliner:{folder}"
    return build_learners([name], LearnerOptions(gliner=GlinerSpec(**settings), device="cpu", threads=1))[name]


def masked(learner, *texts, labels=LABELS, **options):
    renderer = PromptRenderer("", labels=labels, **options)
    return [answer.text for answer in predict(learner, [renderer.prompt(text) for text in texts])]


@pytest.fixture(autouse=True)
def own_import_path(monkeypatch):
    """What the package puts on the import path goes with the test: onnxruntime, where it is installed, adds a folder of its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def fake_extra(monkeypatch):
    """The package's stand-in, and its version."""
    gliner_package.install(monkeypatch)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.2.999" if name == "gliner" else version(name))


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "model")


def test_a_missing_extra_is_one_line_with_the_command(monkeypatch, folder):
    monkeypatch.delitem(sys.modules, "gliner", raising=False)
    monkeypatch.setattr("tunecurve.learners.registry.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"'gliner:.*' needs the extra 'gliner'.*pip install '\.\[gliner\]'"):
        build_learners([f"gliner:{folder}"])
    with pytest.raises(UnknownModel, match="'gliner:x': 'x' is no folder"):
        build_learners(["gliner:x"])  # the user's own error comes first


@pytest.mark.usefixtures("fake_extra")
def test_what_the_model_finds_is_masked_in_the_tasks_labels(folder):
    texts = ["Anna Berg met Bob, 555-1234.", "", "nothing"]
    learner = build(folder)
    assert masked(learner, *texts) == ["[FIRSTNAME] [LASTNAME] met [FIRSTNAME], [PHONENUMBER].", "", "nothing"]
    assert masked(learner, texts[0], numbered=True) == [
        "[FIRSTNAME_1] [LASTNAME_1] met [FIRSTNAME_2], [PHONENUMBER_1]."
    ]
    assert masked(learner, texts[0], labels=("PER",)) == ["[PER] met [PER], 555-1234."], "only what is asked for"
    form = PlaceholderForm((Style("<", ">", ("person", "tel")),))
    assert masked(learner, texts[0], labels=("person", "tel"), form=form) == ["<person> met <person>, <tel>."]


@pytest.mark.usefixtures("fake_extra")
def test_placeholders_that_say_no_label_stand_for_whatever_is_found(folder):
    form = PlaceholderForm((Style("", "", ("***",)),))
    assert masked(build(folder), "Anna, 555-1234.", labels=("***",), form=form) == ["***, ***."]


@pytest.mark.usefixtures("fake_extra")
def test_threshold_and_words_are_the_studys(folder):
    text = "Anna Berg, 555-1234, 7"
    assert masked(build(folder, threshold=0.65), text) == ["[FIRSTNAME] [LASTNAME], 555-1234, 7"]
    settings = {"threshold": 0.3, "prompts": {"PHONENUMBER": ["phone number", "number"]}}
    assert masked(build(folder, **settings), text) == ["[FIRSTNAME] [LASTNAME], [PHONENUMBER], [PHONENUMBER]"]


@pytest.mark.usefixtures("fake_extra")
def test_settings_package_and_folder_are_its_identity(folder):
    learner = build(folder)
    told = learner.identity()
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "kind": "gliner",
        "gliner": "0.2.999",
        "weights_sha256": learner.files.weights_sha256,
        "compute": {"device": "cpu", "dtype": "float32", "threads": 1},
        "threshold": 0.5,
        "prompts": {},
        "version": 1,
    }
    words = {"PHONENUMBER": "number", "LASTNAME": ["last name"]}
    assert build(folder, threshold=0.4, prompts=words).identity() == told | {
        "threshold": 0.4,
        "prompts": {"LASTNAME": ["last name"], "PHONENUMBER": ["number"]},
    }


@pytest.mark.usefixtures("fake_extra")
def test_a_long_text_is_read_whole(folder):
    text = f"Anna{FILLER} Bob Berg{FILLER} 555-1234"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of what is cut off
        assert masked(build(folder), text) == [f"[FIRSTNAME]{FILLER} [FIRSTNAME] [LASTNAME]{FILLER} [PHONENUMBER]"]
    assert len(gliner_package.GLiNER.texts_read) > 8
    words = [len(text.split()) for text in gliner_package.GLiNER.texts_read]
    assert max(words) == LONGEST


@pytest.mark.usefixtures("fake_extra")
def test_a_text_of_long_words_is_read_whole_too_where_the_tokenizer_would_cut_it(folder):
    text = f"{'x' * 300} Anna {'y' * 300} Bob {'z' * 700} 555-1234"
    expected = f"{'x' * 300} [FIRSTNAME] {'y' * 300} [FIRSTNAME] {'z' * 700} [PHONENUMBER]"
    assert masked(build(folder), text) == [expected]


@pytest.mark.usefixtures("fake_extra")
def test_labels_that_leave_no_room_for_a_text_are_refused(folder):
    words = "words that take so many letters that hardly any room is left for what is to be read"
    learner = build(folder, prompts={"NAME": [f"{words} {number}" for number in range(8)]})
    rows = [PromptRenderer("", labels=("NAME",)).tuning_example("Anna", "[NAME]")]
    with pytest.raises(
        ModelError, match=r"reads 512 pieces at once, and what labels are asked for with takes \d+ of them"
    ):
        learner.row_findings(rows)


@pytest.mark.usefixtures("fake_extra")
def test_it_says_what_it_asks_for_and_which_rows_are_long(folder):
    renderer = PromptRenderer("", labels=("FIRSTNAME", "SSN"))
    rows = [renderer.tuning_example(text, text) for text in ("Anna", f"Anna{FILLER}")]
    asked, long = build(folder).row_findings(rows)
    assert "threshold 0.5; asked for first name, social security number (SSN)" in asked.text
    assert (
        "1 of 2 rows looked at are longer than what it reads at once (24 words; 512 tokens, labels among" in long.text
    )
    assert asked.is_note
    assert long.is_note
    assert len(build(folder).row_findings(rows[:1])) == 1
    with pytest.raises(SpecError, match="'SN' is no label of these rows"):
        build(folder, prompts={"SN": "id"}).row_findings(rows)


@pytest.mark.usefixtures("fake_extra")
def test_weights_that_are_not_whole_are_refused(folder):
    save_file({"weight": torch.ones(4, 4)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks 1 of the 2 tensors .*\(bias\), and random numbers"):
        build(folder)
    save_file({"weight": torch.full((4, 4), torch.nan), "bias": torch.zeros(4)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="16 of the 16 values of weight are NaN"):
        build(folder)


@pytest.mark.usefixtures("fake_extra")
def test_weights_of_another_shape_are_named(folder):
    save_file({"weight": torch.ones(4, 5), "bias": torch.zeros(4)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"cannot load the GLiNER model .* size mismatch for weight"):
        build(folder)
    (folder / "model.safetensors").write_bytes(b"{}")
    with pytest.raises(ModelError, match="damaged or cut off"):
        build(folder)


@pytest.mark.usefixtures("fake_extra")
def test_rows_that_its_tokenizer_does_not_know_and_words_that_are_too_long_are_said(folder):
    renderer = PromptRenderer("", labels=("FIRSTNAME",))
    rows = [renderer.tuning_example(text, text) for text in ("Anna", "z" * 700)]
    findings = build(folder).row_findings(rows)
    assert [finding.code for finding in findings] == ["gliner-prompts", "gliner-long-words"]
    assert "1 of 2 rows looked at have a word of more than the " in findings[1].text
    with pytest.raises(ModelError, match="its tokenizer knows next to nothing of 2 rows"):
        build(folder).row_findings([renderer.tuning_example(text, text) for text in ("Άννα", "Μπομπ")])


@pytest.mark.usefixtures("fake_extra")
def test_it_travels_to_a_worker_without_the_loaded_model(folder):
    learner = build(folder)
    again = pickle.loads(pickle.dumps(learner))  # noqa: S301
    assert again._loaded is None
    assert masked(again, "Anna") == ["[FIRSTNAME]"]


@pytest.mark.usefixtures("fake_extra")
def test_it_teaches_a_tagger(folder):
    name = f"tagger+2x:gliner:{folder}"
    learner = build_learners([name], LearnerOptions(device="cpu", threads=1))[name]
    assert learner.teacher.identity()["kind"] == "gliner"


@pytest.mark.slow
@pytest.mark.usefixtures("fake_extra")
def test_a_study_file_sets_it_and_plan_and_report_say_so(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        (f"Anna {word}, 555-{number}", f"[FIRSTNAME] {word}, [PHONENUMBER]")
        for word in ("called", "wrote")
        for number in range(1000, 1020)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"input": one, "target": two}) + "\n" for one, two in rows))
    study = {
        "models": [f"gliner:{folder}"], "shots": [0], "train_sizes": [], "task": "masking",
        "data": {"source": "rows.jsonl"}, "split": {"test_size": 20, "method": "random"},
        "gliner": {"threshold": 0.55, "prompts": {"PHONENUMBER": ["phone number", "telephone"]}},
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    code, stdout, _ = invoke("plan", "study.yaml", "--out", "out")
    assert code == 0
    assert "\ngliner: threshold 0.55; asked for PHONENUMBER as phone number or telephone.\n" in stdout
    assert invoke("run", "study.yaml", "--out", "out", "--yes")[0] == 0
    scores = json.loads((tmp_path / "out/results.json").read_text())
    (trial,) = [trial for trial in scores["trials"] if trial["learner"] != "floor"]
    assert trial["scores"]["exact_match"] == 100
    page = (tmp_path / "out/report.html").read_text()
    assert "; gliner 0.2.999; threshold 0.55; asked for PHONENUMBER as phone number or telephone<" in page
    (tmp_path / "study.yaml").write_text(json.dumps(study | {"gliner": {"prompts": {"PHONE": "phone"}}}))
    code, _, stderr = invoke("plan", "study.yaml", "--out", "other")
    assert code == 4
    assert stderr.startswith(
        "tunecurve: study.yaml: gliner.prompts: 'PHONE' is no label of these rows; expected some of"
    )
    (tmp_path / "study.yaml").write_text(json.dumps(study | {"models": ["gliner:nothing"]}))
    code, _, stderr = invoke("plan", "study.yaml", "--out", "other")
    assert code == 4
    assert "tunecurve: study.yaml: models: 'gliner:nothing': 'nothing' is no folder; expected gliner:FOLDER" in stderr


@needs_extra
@pytest.mark.parametrize(("span_mode", "apart"), [("markerV0", False), ("token_level", False), ("markerV0", True)])
def test_real_models_of_every_kind_read_long_texts_whole(tmp_path, span_mode, apart):
    folder = write_real_folder(tmp_path / "model", span_mode, reads_labels_apart=apart)
    learner = build(folder, threshold=0.0 if span_mode == "token_level" else 0.4)
    text = f"Anna{FILLER} Bob Berg, 555-1234. {'z' * 600} end"
    renderer = PromptRenderer("", labels=LABELS)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Sentence of length")
        found = learner.find(renderer.prompt(text))
    assert {one.entity_type for one in found} <= set(LABELS)
    assert all(0 <= one.start < one.end <= len(text) and one.score > 0 for one in found)
    if span_mode != "token_level":
        assert max(one.end for one in found) > len(text) - 5, (
            "random weights find something everywhere, at the end, too"
        )
    (answer,) = predict(learner, [renderer.prompt(text)])
    (again,) = predict(build(folder, threshold=learner.settings.threshold), [renderer.prompt(text)])
    assert answer.text == again.text
    assert learner.identity()["gliner"] == importlib.metadata.version("gliner")


@needs_extra
def test_what_a_window_finds_is_what_the_package_finds_in_that_text(tmp_path):
    learner = build(write_real_folder(tmp_path / "model"), threshold=0.4)
    text = "Anna met Bob, 555-1234."
    found = learner.find(PromptRenderer("", labels=LABELS).prompt(text))
    package = learner._model().package
    theirs = package.predict_entities(text, ["first name", "last name", "phone number"], threshold=0.4)
    assert [(one.start, one.end, one.score) for one in found] == [
        (one["start"], one["end"], pytest.approx(one["score"], abs=1e-6)) for one in theirs
    ]
    assert found


@needs_extra
def test_a_real_folder_that_lacks_weights_is_refused(tmp_path):
    folder = write_real_folder(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "rnn" in name)
    save_file({key: value for key, value in weights.items() if key != name}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks 1 of the \d+ tensors"):
        build(folder)


@needs_extra
def test_nothing_is_asked_of_the_network_and_nothing_written_in_the_home(tmp_path):
    folder = write_real_folder(tmp_path / "model")
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import sys\n"
        "def forbid(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        print('ATTEMPT', event, arguments, flush=True)\n"
        "        raise OSError(event)\n"
        "sys.addaudithook(forbid)\n"
        "from tunecurve.learners.registry import build_learners\n"
        "from tunecurve.prompts import PromptRenderer\n"
        f"name = 'gliner:{folder}'\n"
        "prompt = PromptRenderer('', labels=('NAME',)).prompt('Anna met Bob ' * 20)\n"
        "print(len(build_learners([name])[name].find(prompt)))\n"
    )
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "ATTEMPT" not in done.stdout + done.stderr
    assert int(done.stdout) > 0
    assert done.stderr == ""
    assert list(home.rglob("*")) == []
