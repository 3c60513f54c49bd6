"""Configs of trials: what determines their answers, as the rows of the study show it."""

import json

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.formats.mask_shapes import MaskShape, mask_shape
from tunecurve.formats.placeholder_discovery import find_form
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study

LONG = "Wolfeschlegelsteinhausenbergerdorff"


class HeldLearner(LookupLearner):
    """Held to the shape of its training rows."""

    needs_answer_shape = True


@pytest.mark.parametrize(
    ("before", "after"),
    [("[", "]"), ("<", ">"), ("{{", "}}"), ("[", "_1]")],
    ids=["classic", "angle", "braces", "numbered"],
)
def test_what_a_constrained_model_may_write_is_read_in_the_placeholders_of_the_rows(tmp_path, before, after):
    name = f"{before}NAME{after}"
    rows = [(f"{LONG}{n} called {n}.", f"{name} called {n}.") for n in range(30)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"source_text": a, "target_text": b}) + "\n" for a, b in rows))
    study = {
        "name": "held", "task": "masking", "data": {"source": str(path)}, "models": ["held"], "shots": [0],
        "split": {"test_size": 8, "method": "random"}, "train_sizes": [16], "seeds": 1,
    }  # fmt: skip
    ready = prepare_study(study, StudyOptions(out=tmp_path / "out", learners={"held": HeldLearner("held")}))
    shapes = {one.trial.strategy: one.config.get("answer_shape", "no key") for one in ready.planned}
    assert shapes["zero-shot"] is None
    assert shapes["floor"] == "no key"
    found = MaskShape.from_json(shapes["fine-tune"])
    used = ready.data.training_rows(16, 0)
    assert found == mask_shape([(row.source, row.target) for row in used], find_form(rows))
    assert found.most_bytes >= 2 * len(LONG)
