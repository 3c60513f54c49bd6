"""The warm start: trained once, in one rename, refused where it has seen the rows; what it knows without any row."""

import json
import shutil

import pytest
import torch

from tests.conftest import simple_rows
from tunecurve.data.synthetic_pii import LABELS, LANGUAGES, generate_rows
from tunecurve.errors import Interrupted, ModelError, SpecError, UsageError
from tunecurve.formats.alignment import align_exactly
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.encoder.warm_labels import ALTERNATIVES, labels_that_map
from tunecurve.learners.encoder.warm_tagger import RenamedTags, WarmTaggerLearner
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import locked_cache
from tunecurve.prompts import PromptRenderer
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.spec.training import EncoderSpec
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.tasks.lookup import task_of

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 2)
RENDERER = PromptRenderer("unused", labels=("NAME", "CITY", "SHOE_SIZE"))
EXAMPLES = [RENDERER.tuning_example(row["source_text"], row["target_text"]) for row in simple_rows(20)]
FEW = {"warm_rows": 32, "epochs": 1}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write_rows(tmp_path):
    def write(rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def warm_tagger(tiny_encoder, **settings):
    return WarmTaggerLearner("tagger:warm", tiny_encoder, FLOAT32, EncoderSpec(**FEW | settings))


def tune(learner, folder, examples=EXAMPLES):
    folder.mkdir(exist_ok=True)
    steps = []
    recipe = learner.resolve_recipe({}, len(examples))
    tuned = learner.fine_tune(TrainingJob(examples, recipe, 0, folder), steps.append)
    return tuned, [step.phase for step in steps]


def test_it_is_trained_once_and_n_counts_the_rows_of_the_study_alone(tiny_encoder, tmp_path, own_cache):
    tuned, phases = tune(warm_tagger(tiny_encoder), tmp_path / "first")
    assert phases.count("warm start") == 6  # 32 rows in 48 windows, 16 a step, 2 epochs
    assert phases.count("") == tuned.record.steps == 2
    assert tuned.record.examples_seen == len(EXAMPLES)
    assert tuned.record.path.startswith("warm: 32 made-up rows of builtin:pii (en) before; 20 of 20 targets")
    again, phases = tune(warm_tagger(tiny_encoder), tmp_path / "second")
    assert "warm start" not in phases
    assert again.record.losses == tuned.record.losses
    assert [path.suffix for path in (own_cache / "models").iterdir()] == [""]  # nothing half done is left


def test_the_start_matters_and_is_part_of_the_identity(tiny_encoder, tmp_path):
    cold = TaggerLearner("tagger", tiny_encoder, FLOAT32, EncoderSpec(**FEW))
    learners = [
        cold,
        *(warm_tagger(tiny_encoder, **more) for more in ({}, {"warm_rows": 48}, {"warm_languages": ["de"]})),
    ]
    assert len({json.dumps(learner.identity(), sort_keys=True) for learner in learners}) == 4
    losses = [tune(learner, tmp_path / str(number))[0].record.losses[0] for number, learner in enumerate(learners[:2])]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("stops", [[1], [2, 4], [5]])
def test_an_interrupted_warm_start_goes_on_to_the_same_bits(tiny_encoder, own_cache, tmp_path, stops):
    whole = warm_tagger(tiny_encoder)
    whole.make_ready(lambda step: None)
    expected = (whole.warm.folder / "model.safetensors").read_bytes()
    shutil.rmtree(own_cache)

    for stop in stops:

        def stop_there(step, stop=stop):
            if step.step == stop:
                raise Interrupted("stopped")

        with pytest.raises(Interrupted):
            warm_tagger(tiny_encoder).make_ready(stop_there)
        assert not warm_tagger(tiny_encoder).warm.is_ready
    seen = []
    again = warm_tagger(tiny_encoder)
    again.make_ready(lambda step: seen.append(step.step))
    assert seen == list(range(stops[-1] + 1, 7))
    assert (again.warm.folder / "model.safetensors").read_bytes() == expected


def test_a_damaged_one_is_said_in_one_line(tiny_encoder, tmp_path):
    learner = warm_tagger(tiny_encoder)
    learner.make_ready(lambda step: None)
    weights = learner.warm.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"damaged; delete that folder and run again"):
        tune(learner, tmp_path / "trial")


def made_up(n, style="[{}]", language="en", seed=9):
    rows = generate_rows(n, seed=seed, language=language)
    for row in rows:
        target = row["target_text"]
        for label in LABELS:
            target = target.replace(f"[{label}]", style.format(label))
        row["target_text"] = target
    return [{name: row[name] for name in ("source_text", "target_text")} for row in rows]


@pytest.mark.parametrize(
    "rows",
    [
        made_up(60),
        made_up(60, style="<{}>"),
        made_up(60, style="[PII_{}]"),
        made_up(60, language=["de", "it"]),
        simple_rows(100) + made_up(20),
        [{name: text.upper() for name, text in row.items()} for row in made_up(60)],
        [{name: f"Hello. {text} Thanks!" for name, text in row.items()} for row in made_up(60)],
    ],
)
def test_rows_of_the_built_in_data_are_refused(tiny_encoder, tmp_path, write_rows, rows):
    path = write_rows(rows)
    values = {"data": {"source": str(path)}, "split": {"test_size": 10}, "train_sizes": [10], "shots": []}
    spec = {**values, "models": ["tagger:warm"], "encoder": FEW}
    with pytest.raises(UsageError, match="hold a template of builtin:pii, which its warm start has seen; use 'tagger'"):
        prepare_study(spec, StudyOptions(out=tmp_path / "run", learners={"tagger:warm": warm_tagger(tiny_encoder)}))


def test_a_study_of_its_own_rows_is_measured_and_said(tiny_encoder, tmp_path, write_rows, monkeypatch):
    assert not warm_tagger(tiny_encoder).warm.is_ready
    values = {
        "data": {"source": str(write_rows(simple_rows(80)))}, "split": {"test_size": 20, "method": "random"}, "train_sizes": [16],
        "shots": [0], "models": ["tagger:warm"], "encoder": FEW,
    }  # fmt: skip
    learners = {"tagger:warm": warm_tagger(tiny_encoder)}
    monkeypatch.setattr(learners["tagger:warm"], "preparation_seconds", lambda: 1e9)
    planned = prepare_study(values, StudyOptions(out=tmp_path / "run", learners=learners))
    seconds = planned.estimated_seconds()
    assert [seconds[item.trial] > 1e9 for item in planned.planned if item.trial.learner != "floor"] == [True, False]
    monkeypatch.undo()
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    assert learners["tagger:warm"].preparation_seconds() > 0
    results = run_study(values, out=tmp_path / "run", learners=learners).results
    points = {point.strategy: point for point in results.points if point.learner == "tagger:warm"}
    assert set(points) == {"zero-shot", "fine-tune"}
    assert points["fine-tune"].train_size == 16
    said = {finding.code: finding.text for finding in results.findings}
    assert (
        "warm: 32 made-up rows of builtin:pii (en) before the rows of the study, and again beside these"
        in said["warm-start"]
    )
    assert "knows 2 of 2 labels" in said["warm-start-labels"]
    assert learners["tagger:warm"].preparation_seconds() == 0


def test_without_rows_it_writes_the_labels_that_map_and_no_others(tiny_encoder):
    texts = [row["source_text"] for row in simple_rows(30)]
    learner = warm_tagger(tiny_encoder, warm_rows=96)
    answers = [answer.text for answer in predict(learner, [RENDERER.prompt(text) for text in texts])]
    for text, answer in zip(texts, answers, strict=True):
        spans = align_exactly(text, answer)
        assert spans is not None
        assert {label for span in spans for label in span.labels} <= {"NAME", "CITY"}
    other = PromptRenderer("unused", labels=("SHOE_SIZE",))
    assert [answer.text for answer in predict(learner, [other.prompt(text) for text in texts])] == texts


@pytest.mark.parametrize(
    ("labels", "mapped"),
    [
        (["PERSON", "STREET_ADDRESS"], {"FIRSTNAME": "PERSON", "LASTNAME": "PERSON", "CITY": "STREET_ADDRESS"}),
        (["Full Name", "e-mail"], {"LASTNAME": "Full Name", "EMAIL": "e-mail"}),
        (["FIRST_NAME", "LAST_NAME"], {"FIRSTNAME": "FIRST_NAME", "LASTNAME": "LAST_NAME", "MIDDLENAME": "FIRST_NAME"}),
        (["NAME", "DATE", "DATE_OF_BIRTH"], {"DOB": "DATE_OF_BIRTH", "DATE": "DATE"}),
        (["FOO", "BAR"], {}),
        ([], {}),
    ],
)
def test_labels_map_by_what_they_are_called(labels, mapped):
    found = labels_that_map(labels)
    assert mapped.items() <= found.items()
    assert set(found.values()) <= set(labels)
    assert bool(found) == bool(mapped)


def test_the_table_of_names_names_labels_that_exist():
    assert set(ALTERNATIVES) <= set(LABELS)
    assert labels_that_map(LABELS) == {label: label for label in LABELS}


def test_probabilities_of_tags_with_one_name_add_up():
    class Fixed(torch.nn.Module):
        def forward(self, batch):
            return batch

    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    renamed = RenamedTags(Fixed(), [0, 2, 2, 0, 1], 3)(logits).softmax(dim=-1)
    shares = logits.softmax(dim=-1)
    expected = torch.stack([shares[:, 0] + shares[:, 3], shares[:, 4], shares[:, 1] + shares[:, 2]], dim=1)
    torch.testing.assert_close(renamed, expected)


@pytest.mark.parametrize("task", ["ner", "classification"])
def test_it_masks_and_does_nothing_else(task):
    with pytest.raises(UsageError, match=r"'tagger:warm'"):
        build_learners(["tagger:warm"], LearnerOptions(task=task_of(task)))


@pytest.mark.parametrize(
    "settings",
    [
        {"warm_languages": []},
        {"warm_languages": ["es"]},
        {"warm_languages": ["en", "fr", "en"]},
        {"warm_rows": 0},
        {"warm_rows": 200_001},
    ],
)
def test_settings_out_of_range_are_errors_of_the_study_file(settings):
    with pytest.raises(SpecError, match=next(iter(settings))):
        parse_spec({"encoder": settings}, "study")
    assert {*LANGUAGES} == {*EncoderSpec(warm_languages=list(LANGUAGES)).warm_languages}


def test_labels_without_a_training_row_keep_what_they_are_called(tiny_encoder, tmp_path):
    """EMAIL and PERSON are in the study's list and in no training row; FOO nobody knows by name."""
    renderer = PromptRenderer("unused", labels=("NAME", "CITY", "EMAIL_ADDRESS", "FOO"))
    rows = [renderer.tuning_example(row["source_text"], row["target_text"]) for row in simple_rows(20)]
    learner = warm_tagger(tiny_encoder)
    learner.make_ready(lambda step: None)
    head = learner.prepare(rows)
    named = {
        label
        for row in simple_rows(20)
        for label in ("NAME", "FIRSTNAME", "CITY")
        if f"[{label}]" in row["target_text"]
    }
    assert set(head.known_labels) == named | {"NAME", "CITY", "EMAIL_ADDRESS"}
    warm, warm_head = learner.warm.load()
    model = learner.initial_model(rows, head, 0)
    for position in "BI":
        mine = head.classes.index(f"{position}-EMAIL_ADDRESS")
        theirs = warm_head.classes.index(f"{position}-EMAIL")
        torch.testing.assert_close(model.head.weight[mine], warm.head.weight[theirs])
        torch.testing.assert_close(model.head.bias[mine], warm.head.bias[theirs])
    torch.testing.assert_close(model.head.weight[0], warm.head.weight[0])
    tuned, _ = tune(learner, tmp_path / "trial", rows)
    assert tuned.learner.model_for([])[1].known_labels == head.known_labels


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 17, 120])
def test_with_few_made_up_rows_it_knows_the_labels_that_these_have(tiny_encoder, tmp_path, n_rows):
    learner = warm_tagger(tiny_encoder, warm_rows=n_rows)
    said_before = learner.warm.labels
    renderer = PromptRenderer("unused", labels=LABELS)
    rows = [renderer.tuning_example(row["source_text"], row["target_text"]) for row in simple_rows(20)]
    finding = learner.row_findings(rows)[1].text
    tuned, _ = tune(learner, tmp_path / "trial", rows)
    head = learner.warm.load()[1]
    assert said_before == {*head.known_labels} & {*LABELS}
    assert len(said_before) < len(LABELS)
    assert said_before <= {*tuned.learner.model_for([])[1].known_labels}
    zero = f"knows {len(said_before)} of 56 labels" if said_before else "knows no label of this study by name"
    assert zero in finding
    missed = ", ".join(label for label in LABELS if label not in said_before)
    assert f"none of its made-up rows has {missed}: raise encoder.warm_rows" in finding
    model, zero_head = warm_tagger(tiny_encoder, warm_rows=n_rows).model_for([row.prompt for row in rows])
    assert {*zero_head.known_labels} == said_before
    assert model.head.out_features == 1 + 2 * len(said_before)


def test_all_labels_are_known_from_enough_made_up_rows(tiny_encoder):
    assert warm_tagger(tiny_encoder, warm_rows=1000).warm.labels == {*LABELS}


def test_a_process_waits_for_the_one_that_trains(tiny_encoder):
    """While another holds the lock the wait is told, and may be ended; afterwards nothing is trained twice."""
    first, second = warm_tagger(tiny_encoder), warm_tagger(tiny_encoder)
    told = []

    def stop(step):
        told.append((step.step, step.phase))
        raise Interrupted("stopped")

    with locked_cache(f"warm-{first.warm.key}"), pytest.raises(Interrupted):
        second.make_ready(stop)
    assert told == [(0, "warm start: another process trains it")]
    first.make_ready(lambda step: None)
    second.make_ready(stop)  # never called
    assert second.warm.is_ready
    assert len(told) == 1
