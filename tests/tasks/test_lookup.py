"""What kind of task data look like, and what each kind brings along."""

import pytest

from tests.conftest import simple_rows
from tunecurve.learners.base import predict
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.reading import parse_spec
from tunecurve.tasks.floors import FirstSentence, Floor, MostFrequent, Nothing, first_sentence
from tunecurve.tasks.lookup import TASK_NAMES, suggest_task, task_of

LONG = "A first sentence about the long paper that nobody has read so far. " * 5


@pytest.mark.parametrize(
    ("pairs", "task"),
    [
        ([(row["source_text"], row["target_text"]) for row in simple_rows(60)], "masking"),
        ([(f"row {n} of Ann{n}", f"row {n} of {f'Ann{n}' if n % 6 else '[NAME]'}") for n in range(60)], "masking"),
        ([(f"the {n} boat", f"THE {n} BOAT") for n in range(60)], "generation"),
        ([(f"text number {n}", "yes" if n % 3 else "no") for n in range(60)], "classification"),
        (
            [(f"patient {n} feels unwell", ("GENHX", "ALLERGY", "PASTMEDICALHX")[n % 3]) for n in range(60)],
            "classification",
        ),
        ([(f"pay {n} now", ("CARD_LOST", "PAY", "GREETING")[n % 3]) for n in range(60)], "classification"),
        ([(f"feels {n}", ("[POS]", "[NEG]")[n % 2]) for n in range(60)], "classification"),
        ([(f"Ann{n}", "[NAME]") if n % 2 else (f"ask Ann{n}", "ask [NAME]") for n in range(60)], "masking"),
        ([(f"Ann{n} lives here", f"person: Ann{n}" if n % 2 else "none") for n in range(60)], "ner"),
        ([(f"{n} {LONG}", f"A short summary of paper number {n}.") for n in range(60)], "summarization"),
        ([(f"translate {n}", f"traduire {n} s'il vous plaît") for n in range(60)], "generation"),
    ],
)
def test_the_kind_of_task_is_seen_in_the_data(pairs, task):
    suggested, why = suggest_task(pairs)
    assert suggested == task
    assert why


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_kind_has_metrics_models_and_a_floor(task):
    spec = parse_spec({"task": task})
    assert spec.metric_names == list(task_of(task).metrics)
    assert task_of(task).second_metric in spec.metric_names
    assert spec.models == list(task_of(task).models)
    assert spec.system_prompt == task_of(task).instruction
    assert parse_spec({"task": task, "models": ["tfidf"]}).models == ["tfidf"]


def test_labels_are_found_by_kind():
    assert task_of("masking").find_labels([("b and a", "[B] and [A_2]")]) == ("A", "B")
    assert task_of("classification").find_labels([("", " yes"), ("", "no"), ("", "yes")]) == ("no", "yes")
    assert task_of("ner").find_labels([("", "person: Ann; city: Bern"), ("", "none")]) == ("city", "person")
    assert task_of("summarization").find_labels([("", "whatever")]) == ()


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        (Floor(), "One two three four. Five."),
        (MostFrequent(), "b"),
        (Nothing(), "none"),
        (FirstSentence(), "One two three four."),
    ],
)
def test_floors(rule, answer):
    floor = FloorLearner(rule, ["b", "a", "b "])
    (found,) = predict(floor, [PromptRenderer("").prompt("One two three four. Five.")])
    assert found.text == answer


def test_of_equally_frequent_classes_the_first_is_the_floor():
    assert FloorLearner(MostFrequent(), ["b", "a"]).learnt == "a"


def test_first_sentences_are_not_ended_by_a_title():
    assert first_sentence("Dr. Who is here today. He left.") == "Dr. Who is here today."
    assert first_sentence("no end at all") == "no end at all"
