"""Labels that are probably one are named with their counts, and never merged."""

import unicodedata

import pytest

from tunecurve.cli.suspects import first_labels
from tunecurve.data.labels import class_findings, come_again, is_closed_set, levelled, lonely_labels, missing_labels
from tunecurve.data.rows import Row
from tunecurve.data.sources import read_rows
from tunecurve.metrics.base import corpus_score
from tunecurve.metrics.classification import Accuracy, MacroF1
from tunecurve.metrics.ner import EntityF1
from tunecurve.spec.reading import parse_spec
from tunecurve.study.reading import read_study_rows
from tunecurve.tasks.lookup import task_of

CAFE = "caf\u00e9"


@pytest.mark.parametrize(
    "other",
    ["Credit card", "CREDIT CARD", " credit card", "credit  card", "credit card.", "credit-card", "credit_card",
     '"credit card"', "credit card!", "\uff43redit card", "credit\u00a0card", "credit\u200b card",
     "credit card\ufe0f", "credit\u034f card"],
)  # fmt: skip
def test_spellings_of_one_label_are_named_with_their_counts(other):
    (finding,) = class_findings({"credit card": 8, other: 3, "loan": 5})
    assert "differ only by case, blanks, punctuation or Unicode form: 'credit card' (8), " in finding.text
    assert "(3)" in finding.text
    assert "loan" not in finding.text
    assert finding.remedy
    assert not finding.is_note


def decomposed(label):
    return unicodedata.normalize("NFD", label)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["credit card", "Credit card"], "; each is measured as a label of its own"),
        (
            ["credit card", "credit card "],
            "; scores take them as one, and models that write text",
        ),
        (
            [CAFE, decomposed(CAFE), f" {CAFE}"],
            "; scores take them as one, and models that write text",
        ),
        (
            ["loan", "loan ", "Loan"],
            "; scores take 'loan ' and 'loan' as one; each other one is measured as a label of its own",
        ),
        (["loan", "loan ", "tax", "TAX"], "; scores take 'loan ' and 'loan' as one; each other one is measured"),
    ],
)
def test_labels_that_scores_take_as_one_are_not_said_to_be_measured_apart(labels, said):
    counts = {label: 2 + number for number, label in enumerate(labels)}
    (finding,) = class_findings(counts)
    assert said in finding.text
    assert (len(Accuracy(counts).classes) < len(labels)) == ("scores take" in said)


def test_blanks_at_the_ends_of_a_class_make_no_other_class():
    task = task_of("classification")
    assert task.find_labels([("a text", "loan"), ("another", "loan "), ("one more", "tax")]) == ("loan", "tax")
    scores = [corpus_score(metric(["loan", "tax"]), ["loan"], ["loan "], ["a text"]) for metric in (Accuracy, MacroF1)]
    assert scores == [100, 100]


def test_types_of_entities_that_differ_by_case_are_one_in_scores():
    targets = ["person: Ada", "Person: Bo", "place: Rome", "place : Rom"]
    rows = [Row(f"a text {n}", target, "", f"line {n}") for n, target in enumerate(targets)]
    (finding,) = task_of("ner").label_findings(rows, [])
    assert "'Person' (1)" in finding.text
    assert "; scores take them as one" in finding.text
    assert corpus_score(EntityF1(), ["person: Ada"], ["Person: Ada"], ["Ada"]) == 100


def test_labels_with_commas_are_told_apart_where_they_stand_in_a_line():
    (finding,) = lonely_labels({"security, privacy": 1, "travel": 1, "work": 5}, "classes")
    assert finding.text == "classes with a single row to train on: 'security, privacy', 'travel'"
    assert (
        first_labels(["remote work", "security, privacy", "travel"]) == "'remote work', 'security, privacy', 'travel'"
    )
    assert first_labels(["access", "billing"]) == "access, billing"
    many = first_labels([f"label, the {n}. of many" for n in range(30)])
    assert many.endswith(" more: --json)")
    assert many.startswith("'label, the 0. of many', 'label, the 1. of many', ")


def test_accents_apart_are_shown_as_what_they_are():
    (finding,) = class_findings({CAFE: 2, unicodedata.normalize("NFD", CAFE): 1})
    assert r"'cafe\u0301' (1)" in finding.text


@pytest.mark.parametrize(
    "labels", [("C", "C++", "C#"), ("-1", "1", "0"), (":)", ":("), ("+", "-"), ("a", "b"), ("1.0", "10"), ("!", "?")]
)
def test_labels_that_are_not_the_same_stay_apart(labels):
    assert len({levelled(label) for label in labels}) == len(labels)
    assert class_findings(dict.fromkeys(labels, 3)) == []


@pytest.mark.parametrize("joined", ["fire; water", "fire,water", "water|fire", "Fire / water", "fire and water"])
def test_a_class_that_is_other_classes_in_a_row_is_named(joined):
    found = {finding.code: finding.text for finding in class_findings({"fire": 5, "water": 4, joined: 3})}
    assert "3 of 12 rows seem to have several classes" in found["several-classes"]
    assert class_findings({"fire": 5, "search and rescue": 4}) == []


def test_an_emoji_with_and_without_a_variation_selector_is_one_label_in_two_spellings():
    (finding,) = class_findings({"\U0001f600": 8, "\U0001f600\ufe0f": 3, "\U0001f641": 5})
    assert r"'\U0001f600\ufe0f' (3)" in finding.text
    assert "1f641" not in finding.text


@pytest.mark.parametrize("label", ["nan", "NaN", "null", "NULL", "N/A"])
def test_what_programs_write_for_nothing_is_no_silent_class(label):
    (finding,) = missing_labels({"spam": 5, label: 2}, "kind")
    assert f"'{label}' (2), in 2 of 7 rows" in finding.text
    assert f"--where 'kind!={label}'" in finding.remedy
    assert missing_labels({"spam": 5, "none": 2}, "kind") == []


@pytest.mark.parametrize(
    ("counts", "signs"),
    [
        ({"0": 30, "1": 30, "2": 30, "-1": 6}, ["-1"]),
        ({"0": 30, "1": 30, "-1": 30}, []),  # negative, neutral, positive
        ({"0": 90, "1": 90, "-1": 2}, ["-1"]),
        ({"1": 30, "-1": 30}, []),
        ({"1": 30, "2": 30, "3": 30, "-1": 3}, []),  # a scale of its own
        ({"0": 30, "1": 30, "2": 30, "-1": 6, "-100": 2}, ["-1", "-100"]),
        ({"entailment": 30, "neutral": 30, "contradiction": 30, "-": 5}, ["-"]),
        ({"+": 30, "-": 30, "neutral": 30}, []),
        ({"+": 30, "-": 30}, []),
        ({"!": 30, "?": 30, ".": 30}, []),
        ({"yes": 30, "no": 30, "?": 4}, ["?"]),
        ({"-": 30, "negation": 9}, []),
    ],
)
def test_rows_without_a_gold_label_are_named_with_what_leaves_them_out(counts, signs):
    found = missing_labels(counts, "gold_label")
    assert [finding.is_note for finding in found] == [False] * bool(signs)
    assert all(f"'{sign}' ({counts[sign]})" in found[0].text for sign in signs)
    assert all(f"--where 'gold_label!={sign}'" in found[0].remedy for sign in signs)


def test_how_a_file_was_read_is_among_the_findings_of_its_rows(tmp_path):
    (tmp_path / "a.csv").write_text("text;label\n" + "".join(f"text {n};{n % 2}\n" for n in range(9)))
    values = {"source": str(tmp_path / "a.csv"), "input_column": "text", "target_column": "label"}
    found = read_study_rows(parse_spec({"task": "classification", "data": values}))
    assert len(found.rows) == 9 == len(list(read_rows(str(tmp_path / "a.csv"))))
    assert any("separated by semicolons" in finding.line for finding in found.cleaning.findings())


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("7", "007"), ("0", "0.00"), ("-2", "-2.0"), ("3.5", "3.50"), ("+4", "4")]
)
def test_one_number_written_in_two_ways_is_named(one, other):
    (finding,) = class_findings({one: 8, other: 3, "none of them": 5})
    assert "by how a number is written" in finding.text
    assert f"'{one}' (8), '{other}' (3)" in finding.text


@pytest.mark.parametrize(("one", "other"), [("1", "10"), ("1", "-1"), ("0.5", "5"), ("1.0.1", "1.0.10"), ("10", "100")])
def test_numbers_that_differ_are_two_labels(one, other):
    assert class_findings({one: 8, other: 3}) == []


@pytest.mark.parametrize(
    "joined", ["urgent, escalate", "urgent|escalate", "escalate;urgent", "later , escalate", "urgent#later"]
)
def test_a_class_that_lists_a_known_class_and_another_reads_like_several(joined):
    (finding,) = class_findings({"urgent": 20, "later": 20, joined: 5})
    assert finding.code == "several-classes"
    assert "5 of 45 rows" in finding.text


@pytest.mark.parametrize("whole", ["research and development", "urgent/escalate", "R&D"])
def test_a_class_with_a_mark_of_its_own_is_one_class(whole):
    assert class_findings({"urgent": 20, "later": 20, "research": 9, whole: 5}) == []


@pytest.mark.parametrize(
    "labels",
    [
        ["leak", "noise", "power", "leak noise", "noise power"],
        ["leak noise", "noise power", "power leak"],  # none by itself
        ["leak noise", "leak power", "noise power"],  # always in the order of the alphabet
        ["leak", "leak noise", "noise power", "power leak"],
        ["Leak", "Noise", "leak noise power"],
        ["fire", "water", "fire  water"],
    ],
)
def test_a_class_that_is_others_with_blanks_between_them_is_named(labels):
    known = [*labels, "power", "noise"] if labels[0] == "Leak" else labels
    found = {finding.code: finding for finding in class_findings(dict.fromkeys(known, 3))}
    assert "seem to have several classes" in found["several-classes"].text
    assert "data.label_separator: ' '" in found["several-classes"].remedy


@pytest.mark.parametrize(
    "labels",
    [
        ["positive", "negative", "very positive", "very negative"],
        ["credit card", "debit card", "credit transfer", "debit transfer"],
        ["high risk", "low risk", "high cost", "low cost", "high reward", "low reward"],
        ["spam", "not spam"],
        ["card arrival", "card linking", "lost card"],
        ["new york", "york"],
    ],
)
def test_a_name_of_several_words_is_one_class(labels):
    assert class_findings(dict.fromkeys(labels, 3)) == []


@pytest.mark.parametrize(("separator", "n_labels"), [(" ", 3), ("", 5), (None, 5)])
def test_a_blank_separates_labels_where_the_study_file_says_so(separator, n_labels):
    texts = ["leak noise", "noise power", "power", "noise", "leak"]
    rows, (note,) = task_of("multilabel").arranged(
        [Row(f"text {n}", text, "") for n, text in enumerate(texts)], separator
    )
    assert f"sets of {n_labels} labels" in note.text
    warned = task_of("multilabel").label_findings(rows[:1], rows[1:])
    assert any("data.label_separator: ' '" in finding.remedy for finding in warned) == (n_labels == 5)


@pytest.mark.parametrize(
    ("labels", "n_joined"),
    [
        (["支付，物流", "支付", "退货"], 1),
        (["دفع، شحن", "دفع", "شحن"], 1),
        (["open, close", "close, open"], 2),
        (["lamp/desk", "desk/lamp"], 2),
        (["1/4", "4/1"], 0),
        (["1,5", "1", "2,25"], 0),  # a decimal comma
        (["3,17", "3", "17"], 1),  # both are classes: it may be either
    ],
)
def test_several_classes_are_told_in_other_scripts_and_orders_and_numbers_are_none(labels, n_joined):
    found = [one for one in class_findings(dict.fromkeys(labels, 3)) if one.code == "several-classes"]
    assert [finding.text.split()[0] for finding in found] == [str(3 * n_joined)] * bool(n_joined)


def test_names_of_classes_may_be_sentences():
    """With a name of 61 letters 120 rows of six classes were taken for free texts."""
    names = [f"Credit reporting, credit repair services, or other personal consumer reports {n}" for n in range(6)]
    assert is_closed_set(names, 120)
    assert not is_closed_set(names, 40), "six sentences of 40 rows may be answers"
    assert is_closed_set([f"class {n}" for n in range(12)] + names[:1], 50), "one long name of many short ones"
    assert not is_closed_set([name * 4 for name in names], 120)
    assert come_again(names * 20) == (120, 6)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["anger", "joy", "fear", "anger and joy", "joy and fear"], "label_separator: ' and '"),
        (["anger", "joy", "fear", "anger joy", "joy fear"], "label_separator: ' '"),
        (["anger", "joy", "fear", "anger joy", "joy; fear"], ""),
    ],
)
def test_the_separator_that_is_advised_is_that_of_all_lists(labels, told):
    """Blanks were advised for 'anger and joy', by which 'and' became a label."""
    [found] = [one for one in class_findings(dict.fromkeys(labels, 10)) if one.code == "several-classes"]
    assert told in found.remedy
    assert told or "label_separator" not in found.remedy
