"""A changed field that matters gives another key, so nothing is mixed; one that does not matter changes nothing."""

import random

import pytest
from pydantic import ValidationError

from tests.conftest import simple_rows
from tunecurve.data.cleaning import CleaningRules, clean_rows
from tunecurve.errors import DataError
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import split_data
from tunecurve.study.plan import list_trials, trial_config, trial_folder_name
from tunecurve.study.planned_trainings import trained_together
from tunecurve.study.reading import StudyRows

# Nothing in them changes an answer, a score or an interval of a trial that is there.
DO_NOT_MATTER = (
    "name", "advice.", "hosted.", "show_texts", "models", "shots", "train_sizes", "seeds", "training_score_rows",
    "similar_by",  # of trials with similar examples alone: tests/study/test_similar.py
    "optimize.",  # of trials that look for an instruction alone: tests/study/test_optimising.py
    "time_budget", "track",  # which trials there are, and who is told of them
    "four_bit_weights",  # a local language model's own identity says whether it has them
    "metric_options.sql_database",  # its content is hashed, and only where a metric asks it: tests/metrics/test_sql.py
)  # fmt: skip

# They say nothing of rows: the first change of each of their fields splits the rows anew, later ones take the split as it was.
NOT_OF_ROWS = ("hosted", "advice", "recipe", "encoder", "presidio", "gliner", "answers", "bootstrap")


class Resolving(FloorLearner):
    """Resolves a recipe to itself: that of language models, and what taggers, Presidio and GLiNER models get when they are built."""

    name = "resolving"
    takes_prompts = True

    def __init__(self, encoder, presidio, gliner):
        super().__init__()
        self.encoder, self.presidio, self.gliner = encoder.model_dump(), presidio.asked(), gliner.model_dump()

    def resolve_recipe(self, recipe, n_examples):
        return {**recipe, "n": n_examples, "encoder": self.encoder, "presidio": self.presidio, "gliner": self.gliner}

    def fine_tune(self, *arguments, **options):
        raise NotImplementedError

    def fine_tune_together(self, *arguments, **options):
        raise NotImplementedError

    def load_tuned(self, folder):
        raise NotImplementedError


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def changed(values, path, value):
    copied = {**values}
    copied[path[0]] = value if len(path) == 1 else changed(values[path[0]], path[1:], value)
    return copied


def another(value, path, dice):
    """Some other value of the field; not every one is valid."""
    choices = {
        "task": ["generation"], "method": ["random"], "thinking": ["provider"], "safety": ["provider"], "tuning": ["none"],
        "metrics": [["chrf"], ["exact_match"]], "models": [["other"]], "shots": [[0, dice.randint(1, 9)]],
        "train_sizes": [[dice.randint(6, 20)]], "labels": [["X"], ["FIRSTNAME", f"L{dice.randint(0, 999)}"]],
        "prices": [{"m": {"input": 1.0, "output": 2.0, "training": 3.0}}], "template": ["Text: {input}", "{input}!"],
        "adapter_size": [1, 2, 4, 8, 16], "tuning_fields": ["method", "top-level"],
        "sampling": ["stratified"], "limit_takes": ["first"], "where": [["kind=1"], ["kind!=2"]], "both_sides": ["keep"],
        "placeholders": [["[LABEL]"]], "bleu_tokenizer": ["char"], "rouge_tokenizer": ["unicode"], "clean": [[]],
        "api": ["chat", "responses"], "max_tokens_field": ["max_tokens"], "reasoning_effort": ["none", "low", "high"],
        "join_neighbours": [False], "four_bit_weights": [True, False], "warm_languages": [["de"], ["fr", "it"]],
        "prior": ["masking-presidio", "ner-conll2003"], "deploy_as": ["none", "developertier"], "gpu": ["h200", "b200"],
        "shape": ["openai-chat", "spans"], "encoding": ["cp1252", "utf-16"], "sql_dialect": ["sqlite", "mysql"],
        "entities": [["URL"], ["AGE", "URL"]], "recognizers": [["UrlRecognizer"]], "leave_out": [["URL"]],
        "similar_by": ["tfidf", "encoder"], "sizes": [[5], [20]], "time_budget": ["30m", "2h"], "track": ["mlflow", "trackio"],
    }  # fmt: skip
    key = path[-1]
    if path == ("recipe", "name"):
        return "article"
    if key in choices:
        return dice.choice(choices[key])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + dice.randint(1, 50)
    if isinstance(value, float):
        return value * dice.uniform(0.51, 1.2) if value else dice.uniform(0.1, 0.9)
    if isinstance(value, str):
        return f"{value}{dice.choice('abc')}"
    return dice.choice([dice.randint(1, 32), dice.uniform(0.01, 0.9), f"x{dice.randint(0, 99)}"])


def split_of(values, rows):
    cleaned, cleaning = rows
    return split_data(StudySpec.model_validate(values), StudyRows(cleaned, cleaning))


def keys_of(values, data):
    """The signature, and the folder names of the trials that the study had before."""
    spec = StudySpec.model_validate(values)
    learner = Resolving(spec.encoder, spec.presidio, spec.gliner)
    fixed = StudySpec.model_validate({**BASE, "recipe": values["recipe"]})
    trials = list_trials(fixed, {"floor": FloorLearner(), "resolving": learner})
    together = trained_together(spec, learner, {})
    configs = {trial: trial_config(trial, spec, data, learner, trained_together=together) for trial in trials}
    return spec.signature(), [trial_folder_name(trial, config) for trial, config in configs.items()]


BASE = StudySpec.model_validate(
    {"models": ["resolving"], "split": {"test_size": 10, "method": "group"}, "train_sizes": [5, 20], "shots": [0, 2]}
).model_dump(mode="json")


@pytest.fixture(scope="module")
def rows():
    numbered = ((f"line {number}", row) for number, row in enumerate(simple_rows(100)))
    return clean_rows(numbered, CleaningRules(group_column="source_text"))


def test_a_thousand_random_changes_change_the_key_where_they_matter_and_nowhere_else(rows):
    dice = random.Random(7)
    fields = list(leaves(BASE))
    split = split_of(BASE, rows)
    before = keys_of(BASE, split)
    reordered = dict(reversed(BASE.items()))
    assert keys_of(reordered, split_of(reordered, rows)) == before, "the order of keys does not matter"
    tried = dict.fromkeys((path for path, _ in fields), 0)
    n_changes = 0
    while n_changes < 1000:
        untried = [field for field in fields if not tried[field[0]]]
        path, value = dice.choice(untried if untried and dice.random() < 0.5 else fields)
        other = another(value, path, dice)
        if other == value:
            continue
        new = changed(BASE, path, other)
        try:
            now = keys_of(new, split if path[0] in NOT_OF_ROWS and tried[path] else split_of(new, rows))
        except (ValidationError, DataError):  # no such value, or more rows than there are
            continue
        n_changes += 1
        tried[path] += 1
        name = ".".join(path)
        if name.startswith(DO_NOT_MATTER):
            assert now == before, f"{name} does not matter"
        else:
            assert now[0] != before[0] or set(now[1]) - set(before[1]), f"{name} matters: {new}"
    assert not [path for path, count in tried.items() if not count], "every field was changed"
