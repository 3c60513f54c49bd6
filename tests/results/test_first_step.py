"""Fewer than three sizes: headline, reason and the words on finding out name one step, within the labelled rows where they hold it."""

import json
import re
from itertools import pairwise

import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.run import _show_results
from tunecurve.report.decision import decision_text
from tunecurve.run import run_study

N_TEST = 30


def measured(folder, sizes, n_pool):
    """Results of a study with these sizes and so many rows to train on."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(N_TEST + n_pool)))
    values = {
        "name": "few", "data": {"source": str(folder / "rows.jsonl")}, "split": {"test_size": N_TEST, "method": "random"},
        "models": ["lookup"], "shots": [], "train_sizes": sizes, "bootstrap": {"draws": 200},
    }  # fmt: skip
    return run_study(values, out=folder / "out", learners={"lookup": LookupLearner()}).results


def numbers(text):
    """Sizes that a sentence proposes."""
    found = re.search(r"[Tt]rain on ([\d, and]+) rows", text)
    return [int(part) for part in re.findall(r"\d+", found.group(1).replace(",", ""))] if found else []


@pytest.mark.parametrize(
    ("sizes", "n_pool", "proposed", "to_label"),
    [
        ([20], 90, [40, 80], 0),
        ([20], 52, [10, 40], 0),
        ([20, 40], 90, [80], 0),
        ([20, 40], 60, [60], 0),
        ([6, 12], 12, [48], 36),
        ([20, 40], 40, [10], 0),
    ],
)
def test_all_sentences_name_one_step_that_the_labelled_rows_hold_or_say_what_to_label(
    tmp_path, capsys, sizes, n_pool, proposed, to_label
):
    results = measured(tmp_path, sizes, n_pool)
    forecast, decision = results.forecast["lookup"], results.decision
    first = forecast.first_study
    assert decision.next_step.more_labels == to_label
    headline, reason, found = decision.sentence, decision.reason, first.sentence
    assert (f"({to_label} to label)" in headline) == bool(to_label)
    assert numbers(headline) == proposed == first.sizes
    assert numbers(found) in ([], proposed)
    assert f"Measure {len(proposed)} more" in reason == forecast.refusal
    keeps = all(2 * small <= large <= 4 * small for small, large in pairwise(sorted([*sizes, *proposed])))
    assert ("so that each size is 2 to 4 times the next smaller one" in reason) == keeps
    assert (f"but {n_pool} rows are all that are labelled" in reason) != keeps
    beyond = [int(n) for n in re.findall(r"(\d+) rows", found) if int(n) > n_pool]
    assert not beyond or "to label" in found or found.startswith("No study of up to")
    capsys.readouterr()
    _show_results(results, results.findings)
    out = " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "out" / "report.html").read_text()
    for said in (" ".join(decision_text(results).split()), found):
        assert said in out
    assert found in page
