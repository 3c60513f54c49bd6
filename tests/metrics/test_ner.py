import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.preprocessing import MultiLabelBinarizer

from tunecurve.formats.entities import format_entities, parse_entities
from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.ner import EntityF1, EntityF1Partial, EntityPrecision, EntityRecall, TypeRecall

ENTITY = st.tuples(
    st.sampled_from(["person", "place"]),
    st.lists(st.sampled_from(["Ada", "New", "York", "Li", "St."]), min_size=1, max_size=3).map(" ".join),
)
ENTITIES = st.lists(ENTITY, max_size=5)
ALL = [EntityF1(), EntityF1Partial(), EntityPrecision(), EntityRecall(), TypeRecall(["person", "place"])]


def score(metric, prediction, reference):
    return corpus_score(metric, [prediction], [reference], [""])


@given(st.lists(st.tuples(ENTITIES, ENTITIES), min_size=1, max_size=6))
@example([([], [("person", "Ada")]), ([("person", "Ada")], [])])
@settings(max_examples=100, deadline=None)
@pytest.mark.slow
def test_strict_scores_are_scikit_learns_for_sets_of_entities(rows):
    # scikit-learn knows labels of a row, but no label twice: so each entity stands once here. A label that never
    # occurs keeps its table wider than one column, which it would take for a yes and a no.
    predicted, gold = [set(p) for p, _ in rows], [set(g) for _, g in rows]
    assume(any(predicted) and any(gold))
    binary = MultiLabelBinarizer().fit([*predicted, *gold, {("", "")}])
    peers = {EntityF1: f1_score, EntityPrecision: precision_score, EntityRecall: recall_score}
    texts = [[format_entities(sorted(entities)) for entities in side] for side in (predicted, gold)]
    for metric, peer in peers.items():
        expected = 100 * peer(binary.transform(gold), binary.transform(predicted), average="micro")
        assert corpus_score(metric(), *texts, texts[0]) == pytest.approx(expected)


@given(ENTITIES.filter(bool))
@settings(max_examples=100, deadline=None)
def test_gold_against_itself_is_perfect(entities):
    text = format_entities(entities)
    assert [score(metric, text, text) for metric in ALL] == [100.0] * len(ALL)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_with_something_in_it_against_itself_is_perfect(text):
    assume(parse_entities(text))
    assert score(EntityF1(), text, text) == score(EntityF1Partial(), text, text) == 100


@given(ENTITIES, ENTITIES, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_does_not_matter(predicted, gold, random):
    shuffled = [random.sample(side, len(side)) for side in (predicted, gold)]
    for metric in ALL:
        one = metric.statistics(format_entities(predicted), format_entities(gold), "")
        other = metric.statistics(format_entities(shuffled[0]), format_entities(shuffled[1]), "")
        np.testing.assert_array_equal(one, other)


@given(ENTITIES, ENTITIES)
@settings(max_examples=200, deadline=None)
def test_partial_credit_lies_between_strict_and_perfect(predicted, gold):
    assume(predicted or gold)
    texts = format_entities(predicted), format_entities(gold)
    assert score(EntityF1(), *texts) <= score(EntityF1Partial(), *texts) <= 100


def test_a_repeated_entity_is_found_as_often_as_it_is_given():
    assert score(EntityRecall(), "person: Ada", "person: Ada; person: Ada") == 50
    assert score(EntityPrecision(), "person: Ada; person: Ada; person: Ada", "person: Ada") == pytest.approx(100 / 3)


def test_case_counts_in_surfaces_only():
    assert score(EntityF1(), "PERSON: Ada", "person: Ada") == 100
    assert score(EntityF1(), "person: ada", "person: Ada") == 0
    assert score(EntityF1(), "person:  Ada \t Li", "person: Ada Li") == 100


def test_prose_is_a_wrong_prediction():
    assert score(EntityF1(), "There is Ada; person: Ada", "person: Ada") == pytest.approx(100 * 2 / 3)
    assert score(EntityPrecision(), "I see no entities here.", "none") == 0
    assert score(EntityF1Partial(), "There is Ada", "person: Ada") == 0


def test_a_shared_word_counts_half_if_the_type_is_right():
    assert score(EntityF1Partial(), "person: Ada", "person: Ada Lovelace") == 50
    assert score(EntityF1Partial(), "place: Ada", "person: Ada Lovelace") == 0
    assert score(EntityF1Partial(), "person: Ad", "person: Ada Lovelace") == 0
    assert score(EntityF1(), "person: Ada", "person: Ada Lovelace") == 0


def test_the_pair_that_shares_most_is_paired_first_and_nothing_counts_twice():
    assert score(EntityF1Partial(), "place: New York City", "place: New; place: York City Hall") == pytest.approx(
        100 * 2 * 0.5 / 3
    )
    # The exact pair first: "Ada" is used up, so "Ada Li" has no partner left.
    assert score(EntityF1Partial(), "person: Ada; person: Ada Li", "person: Ada") == pytest.approx(100 * 2 / 3)


def test_rows_without_entities():
    assert np.isnan(score(EntityF1(), "none", "none"))
    assert score(EntityF1(), "person: Ada", "none") == 0
    assert corpus_score(EntityF1(), ["none", "person: Ada"], ["", "person: Ada"], ["", ""]) == 100


def test_recall_by_type():
    recall = TypeRecall(["Person", "place", "firm"])
    summed = recall.statistics("person: Ada; place: Rom", "PERSON: Ada; person: Ada; place: Rome; date: May", "")
    assert recall.by_label(summed) == {"person": (50.0, 2), "place": (0.0, 1)}
    assert recall.score(summed) == pytest.approx(100 / 3)
