"""Made-up rows that are read again beside a study's: what their labels are there, and what is left open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.learners.encoder.test_warm_tagger import EXAMPLES, tune, warm_tagger
from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder import rehearsal, tagger
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.rehearsal import (
    N_ROWS,
    NOT_KNOWN,
    labels_to_rehearse,
    n_beside,
    rehearsed_tags,
    rows_to_rehearse,
)
from tunecurve.learners.encoder.tagger import tag_weights
from tunecurve.learners.encoder.tags import tag_names
from tunecurve.learners.encoder.words import Words

WARM = ["AGE", "CITY", "CREDITCARDNUMBER", "FIRSTNAME", "JOBAREA", "STREET"]


def head(labels):
    return Head(tag_names(labels), list(labels))


def rehearsed(labels, tags=(), read=None):
    shares = np.zeros(1 + 2 * len(WARM))
    for name, n_words in (read or {}).items():
        shares[1 + 2 * WARM.index(name) :][:2] += n_words / 2
    return labels_to_rehearse(head(WARM), head(labels), tags, shares)


def test_labels_that_no_row_has_are_rehearsed_where_names_tell_them():
    labels = ["CARD", "PERSON", "PLACE", "SECRET"]
    assert rehearsed(labels) == {"CREDITCARDNUMBER": "CARD", "FIRSTNAME": "PERSON", "CITY": "PLACE"}
    assert rehearsed(labels, [0, 4, 0, 7]) == {"CREDITCARDNUMBER": "CARD", "CITY": "PLACE"}
    assert rehearsed(labels, [1, 3, 6]) == {}


def test_what_the_rows_call_otherwise_is_not_rehearsed():
    labels = ["ADDRESS", "CITY", "PERSON"]
    assert rehearsed(labels, [1, 2], {"CITY": 0.9}) == {"CITY": "CITY", "FIRSTNAME": "PERSON"}
    assert rehearsed(labels, [1, 2], {"CITY": 1.0}) == {"FIRSTNAME": "PERSON"}


def test_names_that_leave_a_choice_say_nothing():
    assert rehearsed(["LOCATION", "GPE"]) == {"STREET": "LOCATION"}  # GPE is no name of streets
    assert rehearsed(["LOCATION"]) == {"CITY": "LOCATION", "STREET": "LOCATION"}
    assert rehearsed(["CITY", "GPE"]) == {"CITY": "CITY"}


def words_of(text):
    starts, ends, place = [], [], 0
    for word in text.split(" "):
        starts.append(place)
        ends.append(place + len(word))
        place += len(word) + 1
    return Words(tuple(starts), tuple(ends), (), ())


def test_what_cannot_be_told_of_a_made_up_row_counts_in_no_loss():
    text = "Ann Lee , Bo of Rome is 40 or 50"
    labels = {"Ann": "FIRSTNAME", "Lee": "FIRSTNAME", "Bo": "FIRSTNAME", "Rome": "CITY", "40": "AGE", "50": "JOBAREA"}
    spans = [LabelledSpan(text.index(value), text.index(value) + len(value), label) for value, label in labels.items()]
    tags = rehearsed_tags(
        text, words_of(text), spans, {"FIRSTNAME": "PERSON", "CITY": "PLACE"}, {"PERSON": 0, "PLACE": 1}
    )
    assert tags == [
        1,
        *[NOT_KNOWN] * 4,
        3,
        *[NOT_KNOWN] * 4,
    ]  # Ann and Rome; whether Lee and Bo begin a span is not known
    loss = torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([NOT_KNOWN, 1]), weight=torch.ones(3))
    assert float(loss) == pytest.approx(np.log(3))


def test_a_pass_reads_sixteen_made_up_rows_and_no_more_than_rows_of_the_study():
    assert [n_beside(n, n) for n in (1, 10, 16)] == [1, 10, 16]
    assert [n_beside(16, 25), n_beside(9, 25)] == [11, 6]
    assert [n_beside(16, 200), n_beside(16, 6400)] == [2, 1]


def test_all_words_beside_weigh_as_much_as_those_of_the_rows():
    own = [[0, 0, 1]]
    alone = tag_weights(own, [], 3)
    assert tag_weights(own, [[NOT_KNOWN]], 3) == alone
    assert alone[2] == 0
    beside = tag_weights(own, [[0] * 4 + [2] * 2] * 50, 3)
    counts = [2 + 2, 1, 1]
    ratios = [counts[0] ** -0.25 / counts[1] ** -0.25, 1.0]
    assert [beside[0] / beside[1], beside[2] / beside[1]] == pytest.approx(ratios)


@pytest.fixture
def nothing_read(monkeypatch):
    """A warm model of 32 rows reads every label a little in every row: let that say nothing."""
    monkeypatch.setattr(rehearsal, "WORDS_THAT_SAY", np.inf)


def with_labels(*labels):
    """Return rows with first names and cities, of a study with these labels."""
    return tuple(replace(example, prompt=replace(example.prompt, labels=labels)) for example in EXAMPLES)


def test_rows_with_the_label_alone_are_read_again_and_those_of_the_study_are_counted(
    tiny_encoder, tmp_path, monkeypatch, nothing_read
):
    learner = warm_tagger(tiny_encoder)
    learner.make_ready(lambda step: None)
    examples = with_labels("FIRSTNAME", "CITY", "SHOE_SIZE", "EMAIL")
    beside = learner.beside(learner.tagged(examples, made := learner.prepare(examples)), made)
    assert len(beside.texts) == len(rows_to_rehearse(learner.warm.examples, {"EMAIL"})) > 0
    assert {made.classes[tag] for tags in beside.tags for tag in tags if tag != NOT_KNOWN} <= {"B-EMAIL", "I-EMAIL"}
    assert all(any(tag != NOT_KNOWN for tag in tags) for tags in beside.tags)
    tuned, _ = tune(warm_tagger(tiny_encoder), tmp_path / "beside", examples)
    assert tuned.record.examples_seen == len(examples)
    assert "made-up rows of builtin:pii (en) before, those with EMAIL beside, too; " in tuned.record.path
    again, _ = tune(warm_tagger(tiny_encoder), tmp_path / "again", examples)
    assert again.record.losses == tuned.record.losses
    monkeypatch.setattr(tagger, "n_beside", lambda n_rows, n_all: 0)
    alone, _ = tune(warm_tagger(tiny_encoder), tmp_path / "alone", examples)
    assert alone.record.losses != tuned.record.losses


def test_where_rows_have_all_labels_nothing_is_read_beside_them(tiny_encoder):
    learner = warm_tagger(tiny_encoder)
    learner.make_ready(lambda step: None)
    examples = with_labels("FIRSTNAME", "CITY", "SHOE_SIZE")
    made = learner.prepare(examples)
    assert learner.beside(learner.tagged(examples, made), made).texts == []
    assert rows_to_rehearse(learner.warm.examples, ()) == []


def test_losses_of_development_rows_are_theirs_alone(tiny_encoder, nothing_read):
    learner = warm_tagger(tiny_encoder)
    learner.make_ready(lambda step: None)
    examples = with_labels("FIRSTNAME", "CITY", "SHOE_SIZE", "EMAIL")
    made = learner.prepare(examples)
    model = learner.initial_model(examples, made, 0).eval()
    task = learner.training_task(model, examples, made)
    with torch.no_grad():
        assert len({float(task.loss_of([0, 1])) for _ in range(3)}) == 1
    torch.manual_seed(0)
    assert len({float(task.loss_of([0, 1]).detach()) for _ in range(9)}) > 1
    assert len(task.lengths) == len(examples) < len(task.texts) <= len(examples) + N_ROWS
