"""The tagger of replays: it learns words from a few rows, writes targets as these write them, and says how sure it is."""

import numpy as np
import pytest

from tests.conftest import simple_rows
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.selection.cheap_tagger import WordTagger, format_of
from tunecurve.tasks.lookup import task_of
from tunecurve.tasks.masking import Masking

ROWS = simple_rows(150)
TEXTS = [row["source_text"] for row in ROWS]


def tagger(task, test=TEXTS[100:]):
    return WordTagger(TEXTS[:100], test, format_of(task))


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ("<", ">"), ("{{", "}}")])
def test_it_masks_as_its_training_rows_do(before, after):
    targets = [row["target_text"].replace("[", before).replace("]", after) for row in ROWS]
    task = Masking(find_form(list(zip(TEXTS, targets, strict=True))))
    found = tagger(task).after(range(60), targets[:60])
    right = [answer == target for answer, target in zip(found.test.texts, targets[100:], strict=True)]
    assert np.mean(right) > 0.9
    assert len(found.pool.texts) == 100


def test_what_it_was_not_shown_it_does_not_write():
    no_city = [row["target_text"].replace("[CITY]", "Oslo") for row in ROWS]
    texts = [text for text in TEXTS if "Oslo" in text][:6]
    shown = [no_city[TEXTS.index(text)] for text in texts]
    found = WordTagger(texts, TEXTS, format_of(task_of("masking"))).after(range(6), shown)
    assert not any("CITY" in answer for answer in found.test.texts)
    assert any("[FIRSTNAME]" in answer or "[NAME]" in answer for answer in found.test.texts)


def test_it_is_less_sure_of_words_that_it_has_not_seen_and_not_for_a_texts_length():
    targets = [row["target_text"] for row in ROWS]
    odd, known = "Zzyx qwrt vlorp Kklm wugg Blicket.", TEXTS[0]
    found = tagger(task_of("masking"), [known, odd, f"{known} {known} {known}"]).after(range(60), targets[:60])
    sure = found.test.confidence
    assert ((found.pool.confidence > 0) & (found.pool.confidence <= 1)).all()
    assert sure[1] < sure[0]
    assert sure[1] < sure[2]


def test_entities_are_listed_and_rows_without_any_teach_that():
    task = task_of("ner")
    texts = ["Ada left.", "Bob left.", "Nobody left.", "Ada came."]
    targets = ["person: Ada", "person: Bob", "none", "person: Ada"]
    found = WordTagger(texts, ["Bob came.", "Nobody came."], format_of(task)).after(range(4), targets)
    assert found.test.texts == ["person: Bob", "none"]
    nothing = WordTagger(texts, ["Bob came.", ""], format_of(task)).after([2], ["none"])
    assert nothing.test.texts == ["none", "none"], "of one row without an entity nothing is learnt"
    assert nothing.test.confidence.tolist() == [1.0, 1.0]


def test_a_target_that_is_no_masking_teaches_what_stands_there_instead():
    task = task_of("masking")
    found = WordTagger(TEXTS[:3], [TEXTS[0]], format_of(task)).after(
        [0, 1], ["Something else.", ROWS[1]["target_text"]]
    )
    assert len(found.test.texts) == 1


def test_other_tasks_say_no_spans():
    assert [format_of(task_of(name)) for name in ("classification", "multilabel", "extraction", "generation")] == [
        None
    ] * 4
