"""The learner of docs/add-a-learner.md, as it is written there, and what is said to objects that are no learners."""

import ast
import re
from pathlib import Path

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import ModelError, UsageError
from tunecurve.learners.base import Completion, Learner, Pending, TrainingJob
from tunecurve.results.model import Results
from tunecurve.run import run_study

PAGE = Path(__file__).parents[2] / "docs" / "add-a-learner.md"


def code_of_the_page():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_documented_learner_is_one_short_class():
    definition, *_ = code_of_the_page()
    (own,) = [node for node in ast.parse(definition).body if isinstance(node, ast.ClassDef)]
    assert own.end_lineno - own.lineno + 1 < 30


def test_the_documented_learner_runs_as_written(rows_file, tmp_path, monkeypatch, capsys):
    definition, use, *_ = code_of_the_page()
    monkeypatch.chdir(rows_file.parent)
    use = use.replace('"train_sizes"', '"split": {"test_size": 30, "method": "random"}, "train_sizes"')
    names: dict = {}
    exec(definition + use, names)
    results: Results = names["results"]
    assert results.complete
    assert [trial.label for trial in results.trials] == ["floor", "fine-tune-n2-seed0", "fine-tune-n40-seed0"]
    few, many = (point.scores["bleu"].estimate for point in results.points[1:])
    assert 0 < few < many
    assert results.headline in capsys.readouterr().out


class Bare(Learner):
    """What every learner has to write, and no more."""

    name = "bare"

    def identity(self):
        return {"kind": "bare"}

    def predict_stream(self, prompts, done=()):
        for index in range(len(prompts)):
            yield index, Completion("x", "end")


def test_what_a_learner_leaves_alone_it_cannot_do(tmp_path):
    bare = Bare()
    able = (
        bare.can_fine_tune,
        bare.can_train_together,
        bare.counts_tokens,
        bare.measures_loss,
        bare.is_paid,
        bare.takes_prompts,
    )
    assert not any(able)
    for call in (
        lambda: bare.fine_tune(TrainingJob([], {}, 0, tmp_path), print),
        lambda: bare.fine_tune_together([], folder=tmp_path, on_step=print),
        lambda: bare.load_tuned(tmp_path),
        lambda: bare.count_tokens("a"),
        lambda: bare.target_losses([], []),
    ):
        with pytest.raises(ModelError, match="'bare'"):
            call()
    with pytest.raises(UsageError, match="has no adapter to merge"):
        bare.save_merged(tmp_path)
    assert (bare.context_length(), bare.return_targets([], [], []), bare.training_identity()) == (None, None, None)
    assert (bare.checkpoints(tmp_path), bare.prompt_findings(), bare.model_findings()) == ([], [], [])
    assert Bare.__abstractmethods__ == frozenset()
    assert Learner.__abstractmethods__ == {"identity", "predict_stream"}


def test_a_learner_without_fine_tune_is_a_baseline(rows_file, tmp_path):
    study = {"name": "b", "models": ["bare"], "data": {"source": str(rows_file)}, "train_sizes": [5],
             "split": {"test_size": 30, "method": "random"}}  # fmt: skip
    done = run_study(study, out=tmp_path / "out", learners={"bare": Bare()})
    assert [trial.label for trial in done.results.trials] == ["floor", "baseline"]


class Slow(LookupLearner):
    """Its training is done elsewhere, and ready at the third look."""

    def __init__(self):
        super().__init__()
        self.n_looks = 0

    def fine_tune(self, job, on_step):
        self.n_looks += 1
        return Pending("the other machine computes", 0.01) if self.n_looks % 3 else super().fine_tune(job, on_step)


def test_a_training_that_is_pending_is_asked_for_again(rows_file, tmp_path):
    study = {"name": "b", "models": ["lookup"], "data": {"source": str(rows_file)}, "train_sizes": [5, 20], "shots": [],
             "split": {"test_size": 30, "method": "random"}}  # fmt: skip
    learner = Slow()
    done = run_study(study, out=tmp_path / "out", learners={"lookup": learner})
    assert done.results.complete
    assert learner.n_looks == 6


class Duck:
    """Has all methods, and is no learner."""

    name = "duck"
    identity = predict_stream = fine_tune = load_tuned = lambda self, *arguments, **options: None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Duck(), "'m' is a Duck, .*derive its class from it"),
        (Duck, "'m' is the class Duck, .*derive its class from it"),
        (LookupLearner, "'m' is the class LookupLearner, .*call it"),
        ("nearest", "'m' is a str, .*derive"),
        (None, "'m' is a NoneType"),
    ],
)
def test_what_is_no_learner_is_refused_in_one_line(rows_file, tmp_path, given, said):
    study = {"name": "b", "models": ["m"], "data": {"source": str(rows_file)}}
    with pytest.raises(UsageError, match=f"^learners: {said}.*docs/add-a-learner.md") as told:
        run_study(study, out=tmp_path / "out", learners={"m": given})
    assert "\n" not in str(told.value)
