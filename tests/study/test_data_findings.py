"""What rows could mislead by, said with its true cause."""

import json

import pytest
from sklearn.metrics import f1_score

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.results.scoring_again import metrics_of
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.study.checks import check_without_models
from tunecurve.study.dataset import split_data
from tunecurve.study.reading import read_study_rows
from tunecurve.study.settling import settled_study

WORDS = ["amber", "birch", "cedar", "dahlia", "elm", "fern", "grape", "hazel", "iris", "juniper"]


def rows_of(n, start=0, **more):
    return [
        {
            "text": f"the {WORDS[i % 10]} near the {WORDS[i // 10 % 10]} {'x' * (i // 100 + 1)}",
            "label": "ab"[i % 2],
            "who": f"w{i % 9}",
            **more,
        }
        for i in range(start, start + n)
    ]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def study(tmp_path, rows, test=None, **more):
    data = {"source": write(tmp_path / "rows.jsonl", rows), "input_column": "text", "target_column": "label"}
    data |= {"test_source": write(tmp_path / "test.jsonl", test)} if test else {}
    data |= more.pop("data", {})
    split = {} if test else {"test_size": 20}
    spec = parse_spec(
        {"task": "classification", "models": ["tfidf"], "train_sizes": [10], "data": data, "split": split} | more
    )
    found = split_data(spec, read_study_rows(spec))
    check_without_models(spec, found)
    return {finding.code: finding for finding in found.findings}


@pytest.mark.parametrize("n_unknown", [1, 10])
def test_classes_that_only_test_rows_have_are_the_cause_not_the_metric(tmp_path, n_unknown):
    test = [{**row, "label": "zebra"} if n < n_unknown else row for n, row in enumerate(rows_of(20, 60))]
    found = study(tmp_path, rows_of(60), test)
    finding = found["blind-metric"]
    assert f"{n_unknown} of 20 test rows have a class that is not among the study's: zebra" in finding.text
    assert "another metric" not in finding.line
    assert ("verdict" in finding.blocks) == (n_unknown == 10)
    assert "zebra" in found["unseen-labels"].text


def test_classes_that_the_study_file_does_not_name_are_the_cause(tmp_path):
    rows = [{**row, "label": "abc"[n % 3]} for n, row in enumerate(rows_of(80))]
    finding = study(tmp_path, rows, prompt={"labels": ["a", "b"]})["blind-metric"]
    assert "not among the study's: c" in finding.text
    assert "prompt.labels" in finding.remedy


@pytest.mark.parametrize("n", [2, 8, 20])
def test_a_test_set_of_one_class_has_no_verdict(tmp_path, n):
    test = [{**row, "label": "a"} for row in rows_of(n, 60)]
    finding = study(tmp_path, rows_of(60), test)["one-test-class"]
    assert finding.text.startswith(f"all {n} test rows are 'a'")
    assert finding.blocks == ("verdict",)


def test_a_test_set_of_two_classes_is_not_mentioned(tmp_path):
    assert "one-test-class" not in study(tmp_path, rows_of(60), rows_of(20, 60))


@pytest.mark.parametrize(("n_groups", "blocks"), [(1, ("verdict", "leaks")), (3, ())])
def test_test_rows_of_few_groups_are_said(tmp_path, n_groups, blocks):
    rows = [{**row, "who": f"w{n % 9}"} for n, row in enumerate(rows_of(60))]
    test = [{**row, "who": f"t{n % n_groups}"} for n, row in enumerate(rows_of(20, 60))]
    finding = study(tmp_path, rows, test, data={"group_column": "who"})["few-test-groups"]
    assert f"20 test rows are of {n_groups} group" in finding.text
    assert "intervals rest on whole groups" in finding.text
    assert finding.blocks == blocks


@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("has_own_test_rows", [True, False])
def test_few_groups_are_not_said_where_the_split_ignores_them_and_so_do_intervals(
    tmp_path, n_groups, has_own_test_rows
):
    rows = [{**row, "who": f"w{n % n_groups}"} for n, row in enumerate(rows_of(80))]
    test = [{**row, "who": f"t{n % n_groups}"} for n, row in enumerate(rows_of(20, 80))] if has_own_test_rows else None
    split = {"method": "random", "test_size": 20}
    assert "few-test-groups" not in study(tmp_path, rows, test, data={"group_column": "who"}, split=split)
    results = run_study(
        {
            "name": "random", "task": "classification", "models": ["m"], "train_sizes": [10], "shots": [], "split": split,
            "data": {"source": str(tmp_path / "rows.jsonl"), "input_column": "text", "target_column": "label", "group_column": "who"}
            | ({"test_source": str(tmp_path / "test.jsonl")} if test else {}),
        },
        out=tmp_path / "out", learners={"m": LookupLearner("m")},
    ).results  # fmt: skip
    assert results.bootstrap.unit == "rows"
    assert not any(finding.code == "few-test-groups" for finding in results.findings)


@pytest.mark.parametrize(("largest", "is_said"), [(12, False), (32, True)])
def test_groups_of_unequal_size_tell_as_much_as_fewer_equal_ones(tmp_path, largest, is_said):
    """Beside seven groups of 6 rows one of 12 makes 54² / (12² + 7 x 6²) = 7.4 groups, one of 32 makes 74² / (32² + 7 x 6²) = 4.3."""
    owners = [f"customer {group}" for group, size in enumerate([largest, *[6] * 7]) for _ in range(size)]
    test = [{**row, "who": owner} for row, owner in zip(rows_of(len(owners), 60), owners, strict=True)]
    rows = [{**row, "who": f"other {number % 9}"} for number, row in enumerate(rows_of(60))]
    found = study(tmp_path, rows, test, data={"group_column": "who"})
    assert ("few-test-groups" in found) is is_said
    if is_said:
        words = "of the 74 test rows 32 are of one of 8 groups, which so tell as much as 4.3 of equal size: intervals rest on whole groups"
        assert found["few-test-groups"].text.startswith(words)


def test_test_rows_of_many_groups_are_not_mentioned(tmp_path):
    assert "few-test-groups" not in study(tmp_path, rows_of(60), rows_of(20, 60))


def test_a_list_of_many_labels_is_shortened(tmp_path):
    rows = [{**row, "label": f"{row['label']}-{n}"} for n, row in enumerate(rows_of(80))]
    finding = study(tmp_path, rows)["unseen-labels"]
    assert "(20 in all)" in finding.text


COLOURS = ["crimson", "ochre", "turquoise", "magenta", "ivory", "charcoal", "lavender", "emerald"]
THINGS = ["bicycle", "umbrella", "telescope", "wardrobe", "hammock", "lantern", "suitcase", "accordion"]
PLACES = ["Lisbon", "Oslo", "Kyoto", "Quito", "Dakar", "Hobart", "Winnipeg", "Zagreb"]


def unlike_rows(n, start=0):
    return [
        {"text": f"{COLOURS[i % 8]} {THINGS[i // 8 % 8]} {PLACES[(i * 5 + i // 64) % 8]} {chr(97 + i % 26) * 9}", "label": "ab"[i % 2]}
        for i in range(start, start + n)
    ]  # fmt: skip


@pytest.mark.parametrize(("n_near", "kind"), [(1, "note"), (5, "warning"), (20, "warning")])
def test_test_rows_that_are_nearly_training_rows_are_counted_and_named(tmp_path, n_near, kind):
    test = unlike_rows(20, 100)
    rows = [*unlike_rows(60), *({**row, "text": row["text"] + " ok"} for row in test[:n_near])]
    finding = study(tmp_path, rows, test)["near-duplicates"]
    assert finding.kind == kind
    assert finding.blocks == ()
    assert f"{n_near} of 20 test rows are nearly the same as a training row" in finding.text
    assert f"up to {5 * n_near} points too good" in finding.text
    assert "line 1 like line 61" in " ".join(finding.places)
    assert not any(row["text"] in finding.line for row in test)  # findings go where no texts may


def test_near_duplicates_with_another_target_are_counted(tmp_path):
    test = unlike_rows(20, 100)
    rows = [*unlike_rows(60), *({"text": f"{row['text']} ok", "label": "a"} for row in test[:4])]
    assert "4 of 20 test rows are nearly the same as a training row by their inputs, 2 of them with another target" in (
        study(tmp_path, rows, test)["near-duplicates"].text
    )


def test_unlike_rows_have_no_near_duplicates(tmp_path):
    assert "near-duplicates" not in study(tmp_path, unlike_rows(60), unlike_rows(20, 100))


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ([700], "one input is more than 10 times as long as the median"),
        ([450], None),  # long beside its neighbours, and no long text
        ([700] * 10, None),  # a kind of row, no slip
        ([], None),
    ],
)
def test_a_row_that_is_far_longer_than_the_others_is_named(tmp_path, lengths, said):
    rows = unlike_rows(60)
    for number, length in enumerate(lengths):
        rows[number] = {"text": f"{chr(97 + number)}{'z' * length}", "label": "a"}
    finding = study(tmp_path, rows, unlike_rows(20, 100)).get("much-longer")
    assert (finding is None) == (said is None)
    if finding:
        assert finding.text.startswith(said)
        assert finding.places == ("line 1",)
        assert finding.kind == "note"


TWINS = [{"text": f"order {n} of {'abcde'[n % 5]} please", "label": "ab"[n % 2], "who": f"w{n}"} for n in range(80)]


@pytest.mark.parametrize(
    ("more", "has_own_test_rows", "remedy"),
    [
        ({"split": {"test_size": 20, "method": "random"}}, False, "--split group"),
        ({"split": {"test_size": 20, "method": "random"}, "data": {"group_column": "who"}}, False, "--split group"),
        ({"data": {"group_column": "who"}}, False, "leave it out"),
        ({}, True, "both_sides: drop_groups"),
        ({"split": {"both_sides": "drop_groups"}, "data": {"group_column": "who"}}, True, "leave it out"),
    ],
)
def test_a_remedy_against_twins_is_not_in_force_already_and_helps(tmp_path, more, has_own_test_rows, remedy):
    rows, own = (TWINS[20:], TWINS[:20]) if has_own_test_rows else (TWINS, None)
    finding = study(tmp_path, rows, own, **more)["template-twins"]
    assert remedy in finding.remedy
    followed = {"--split group": {"split": {"test_size": 20}}, "leave it out": {}}
    if remedy in followed:
        assert "template-twins" not in study(tmp_path, TWINS, None, train_sizes=[4], **followed[remedy])


@pytest.mark.parametrize(
    ("written", "whole"), [("rate book", True), ("Rate  Book", True), ("rate-book", True), ("other", False)]
)
def test_classes_that_are_written_otherwise_are_to_be_written_alike(tmp_path, written, whole):
    rows = [{**row, "label": "rate  book"} if n % 2 else row for n, row in enumerate(rows_of(60))]
    test = [{**row, "label": written if n % 2 else "a"} for n, row in enumerate(rows_of(20, 60))]
    remedy = study(tmp_path, rows, test)["blind-metric"].remedy
    assert remedy.startswith(f"write '{written}' ('rate  book') as the training rows do") == whole
    assert ("label training rows of these classes" in remedy) != whole


def test_classes_of_test_rows_alone_are_kept_for_the_metrics_of_all_later_runs(tmp_path):
    test = [{**row, "label": "zebra"} if n < 4 else row for n, row in enumerate(rows_of(20, 60))]
    data = {"source": write(tmp_path / "rows.jsonl", rows_of(60)), "input_column": "text", "target_column": "label"}
    data |= {"test_source": write(tmp_path / "test.jsonl", test)}
    values = {"task": "classification", "models": ["tfidf"], "train_sizes": [20], "data": data, "split": {}}
    results = run_study(values, out=tmp_path / "run").results
    point = next(point for point in results.points if point.strategy == "fine-tune")
    trial = next(trial for trial in results.finished if trial.strategy == "fine-tune")
    rows = [
        json.loads(line) for line in (tmp_path / "run" / trial.folder / "predictions.jsonl").read_text().splitlines()
    ]
    gold, answers = zip(*((row["target"], row["prediction"]) for row in rows), strict=True)
    assert point.scores["macro_f1"].estimate == pytest.approx(100 * f1_score(gold, answers, average="macro"))
    assert metrics_of(load(tmp_path / "run"), ["macro_f1"])["macro_f1"].unseen == ("zebra",)
    again = run_study(values, out=tmp_path / "run").results
    assert [p.scores["macro_f1"].estimate for p in again.points] == [
        p.scores["macro_f1"].estimate for p in results.points
    ]


@pytest.mark.parametrize("mark", [-1, "-1", "-1.0"])
def test_rows_without_a_gold_label_are_named_and_left_out_by_the_step_that_is_named(tmp_path, mark):
    rows = [{**row, "label": mark if i % 20 == 7 else i % 3} for i, row in enumerate(rows_of(80))]
    found = study(tmp_path, rows)
    if mark == "-1.0":  # as no program writes it beside 0, 1 and 2
        assert "missing-as-label" not in found
        return
    finding = found["missing-as-label"]
    assert "'-1' (4), in 4 of 80 rows" in finding.text
    assert "--where 'label!=-1'" in finding.remedy
    left = study(tmp_path, rows, data={"where": ["label!=-1"]})
    assert "missing-as-label" not in left
    assert "76 of 80 rows" in left["rows-where"].text


def test_rows_as_snli_has_them_are_read_and_their_dashes_named(tmp_path):
    names = ["entailment", "neutral", "contradiction"]
    rows = [
        {
            "gold_label": "-" if i % 20 == 7 else names[i % 3],
            "sentence1": row["text"],
            "sentence2": f"{row['who']} {i}",
            "annotator_labels": ["x"],
        }
        for i, row in enumerate(rows_of(80))
    ]
    settled = settled_study(
        {"data": {"source": write(tmp_path / "rows.jsonl", rows)}, "split": {"test_size": 20}, "train_sizes": [10]}
    )
    assert settled.spec.task == "classification"
    found = {finding.code: finding for finding in split_data(settled.spec, read_study_rows(settled.spec)).findings}
    assert "--where 'gold_label!=-'" in found["missing-as-label"].remedy


def test_a_dash_alone_among_sets_of_labels_is_named(tmp_path):
    rows = [
        {**row, "label": "-" if i % 20 == 7 else ["a", "b", "a; b", "b; c"][i % 4]} for i, row in enumerate(rows_of(80))
    ]
    finding = study(tmp_path, rows, task="multilabel")["missing-as-label"]
    assert "'-' (4)" in finding.text
