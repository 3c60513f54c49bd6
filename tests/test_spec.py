import math
import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from tunecurve.errors import SpecError
from tunecurve.spec.docs import commented_study_file, json_schema
from tunecurve.spec.quick import QUICK_STUDY
from tunecurve.spec.reading import load_spec, load_study, parse_spec
from tunecurve.spec.study import StudySpec, stable_hash


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"train_size": [5]}, ["unknown key 'train_size'", "Did you mean 'train_sizes'"]),
        ({"data": {"sorce": "x"}}, ["unknown key 'data.sorce'", "Did you mean 'source'"]),
        ({"test_size": 20}, ["unknown key 'test_size'.", "It stands under 'split', as split.test_size."]),
        ({"max_cost": 4}, ["unknown key 'max_cost'.", "It stands under 'hosted', as hosted.max_cost."]),
        (
            {"data": {"train_sizes": [5]}},
            ["unknown key 'data.train_sizes'.", "at the top of the file, as 'train_sizes'"],
        ),
        ({"train_sizes": [0]}, ["train_sizes.0", "expected a whole number of at least 1", "got 0"]),
        ({"train_sizes": "50"}, ["train_sizes", "list"]),
        ({"recipe": {"name": "artcle"}}, ["recipe.name", "'default' or 'article'"]),
        ({"metrics": ["blue"]}, ["unknown metric 'blue'", "Did you mean 'bleu'"]),
        ({"prompt": {"template": "no place"}}, ["prompt.template", "{input}"]),
        ({"name": "../up"}, ["name", "letters"]),
        ({"shots": [], "train_sizes": []}, ["nothing to measure"]),
        ({"split": {"test_size": 0}}, ["split.test_size", "got 0"]),
        ({"train_together": "maybe"}, ["train_together: expected true, false or 'auto', got \"maybe\""]),
        ({"time_budget": 30}, ["time_budget: expected text such as 30m, 2h or 1h30m, got 30"]),
        ({"recipe": {"learning_rate": 0}}, ["recipe.learning_rate: expected a number above 0 or 'auto', got 0"]),
        ({"data": {"input_column": [3]}}, ["data.input_column.0: expected text, in quotes if it is meant so, got 3"]),
        ({"data": {"input_column": 3}}, ["data.input_column: expected text or a list of texts, got 3"]),
        ({"hosted": {"safety": {"a": 1}}}, ["hosted.safety.a: expected text"]),
        ({"hosted": {"safety": "on"}}, ["hosted.safety: expected 'off', 'provider' or a mapping"]),
        ({"hosted": {"deployments": {1: "x"}}}, ["hosted.deployments.1: expected names that are text"]),
        ({"shots": [2.5]}, ["shots.0: expected an entry such as 3 or similar:8, got 2.5"]),
        ({"shots": [{"count": "x"}]}, ["shots.0.count: expected a whole number of at least 1"]),
        ({"models": []}, ["models: expected a list of texts, at least one, got []"]),
        ({"seeds": "3"}, ["seeds", "expected a whole number"]),
        ({"seeds": 99_999}, ["seeds", "at least 1 and of at most 1000", "got 99999"]),
    ],
)
def test_wrong_values_name_key_value_and_expectation(values, parts):
    with pytest.raises(SpecError) as caught:
        parse_spec(values)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: !!python/object/apply:os.system ['echo hi']", "not plain YAML"),
        ("a: [1", "line 1"),
        ("- 1\n- 2", "got a list"),
        ("just text", "got a str"),
    ],
)
def test_broken_files_are_refused_and_nothing_in_them_runs(tmp_path, text, part):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=part):
        load_spec(path)


def test_numbers_with_exponents_are_numbers(tmp_path):
    (tmp_path / "s.yaml").write_text("recipe:\n  learning_rate: 1e-4\n  weight_decay: 1.5E-2\n")
    recipe = parse_spec(load_spec(tmp_path / "s.yaml")).recipe
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 0.015)


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(SpecError, match="tunecurve init"):
        load_spec(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("task: masking\nmodels: [tagger]\ntask: ner\n", 3, "task"),
        ("data: {source: a.jsonl}\ndata:\n  limit: 5\n", 2, "data"),
        ("recipe:\n  epochs: 1\n  'epochs': 2\n", 3, "epochs"),
        ('{"seeds": 1, "seeds": 2}', 1, "seeds"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, text, line, key):
    """The last one was taken, and nothing said of the others."""
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SpecError, match=rf"s\.yaml, line {line}: '{key}' stands twice, first in line [12]; leave one"):
        load_spec(tmp_path / "s.yaml")


def test_a_file_that_is_no_utf_8_says_how_to_save_it(tmp_path):
    (tmp_path / "s.yaml").write_bytes("# caf\xe9\n".encode("latin-1"))
    with pytest.raises(SpecError, match=r"save it as UTF-8 text"):
        load_spec(tmp_path / "s.yaml")


def test_a_name_that_looks_like_a_date_is_asked_for_in_quotes(tmp_path):
    (tmp_path / "s.yaml").write_text("name: 2026-01-01\n")
    with pytest.raises(SpecError, match="name: expected text, in quotes if it is meant so, got"):
        parse_spec(load_spec(tmp_path / "s.yaml"))


def test_an_empty_file_is_the_default_study(tmp_path):
    (tmp_path / "s.yaml").write_text("")
    assert parse_spec(load_spec(tmp_path / "s.yaml")) == StudySpec()


def test_the_commented_file_is_the_default_study():
    assert parse_spec(yaml.safe_load(commented_study_file())) == StudySpec()


def test_the_quick_study_is_a_study():
    assert parse_spec(QUICK_STUDY).train_sizes == QUICK_STUDY["train_sizes"]


def test_signature_changes_with_what_matters_and_only_with_that():
    base = parse_spec({}).signature()
    for values in (
        {"data": {"seed": 1}},
        {"split": {"seed": 1}},
        {"prompt": {"template": "x {input}"}},
        {"answers": {"max_extra_tokens": 3}},
        {"metrics": ["chrf"]},
        {"bootstrap": {"draws": 500}},
        {"task": "generation"},
    ):
        assert parse_spec(values).signature() != base, values
    for values in ({"train_sizes": [7]}, {"seeds": 2}, {"models": ["x"]}, {"name": "other"}, {"show_texts": False}):
        assert parse_spec(values).signature() == base, values


def test_hash_does_not_depend_on_key_order():
    assert (
        stable_hash({"a": 1, "b": [1, 2]}) == stable_hash({"b": [1, 2], "a": 1}) != stable_hash({"a": 1, "b": [2, 1]})
    )


def test_the_schema_names_every_section():
    schema = json_schema()
    assert set(schema["properties"]) == set(StudySpec.model_fields)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("source", ["a.json!/train", "book.xlsx!/Sheet 2", "rows.zip!/train.csv", "folder!/test"])
def test_a_part_of_a_file_in_the_place_of_a_study_file_is_data(source):
    assert load_study(source)["data"] == {"source": source}


@pytest.mark.parametrize("name", ["owner/name", "owner/name:config", "Owner-1/some_name.v2"])
def test_a_hub_id_in_the_place_of_a_study_file_is_told_the_option(name):
    with pytest.raises(SpecError, match=f"hub is given as --data {name},"):
        load_study(name)


@pytest.mark.parametrize("name", ["name", "folder/study.yaml", "a/b/c", "study.yml"])
def test_other_names_that_are_not_there_are_study_files(name):
    with pytest.raises(SpecError, match=f"study file '{name}' does not exist; write one with: tunecurve init {name}"):
        load_study(name)


WRONG = (
    "maybe",
    "",
    -7,
    3.5,
    True,
    [],
    ["x"],
    [None],
    [[1]],
    {"a": 1},
    {"a": {"b": 1}},
    {"a": [1]},
    {1: "x"},
    math.inf,
)
# What pydantic calls things, and no user.
INSIDES = re.compile(
    r"Input should|valid (string|integer|number|boolean|list|dictionary)|literal\[|function-|tagged-union|constrained-|"
    r"\.(bool|str|int|float|number|similar|list|dict)\b|after validation|\[key\]|another value"
)


def every_key(model: type[BaseModel], sections: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*sections, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from every_key(field.annotation, (*sections, name))


@pytest.mark.parametrize("key", list(every_key(StudySpec)), ids=".".join)
@pytest.mark.slow
def test_a_wrong_value_of_any_key_is_said_in_words_of_the_file(key: tuple[str, ...]) -> None:
    said = [line for wrong in WRONG if (line := line_of(key, wrong))]
    assert said
    places = (".".join(key), f"unknown key '{'.'.join(key)}", f"{key[0]}: ")
    for line in said:
        assert line.removeprefix("study.yaml: ").startswith(places), line
        assert "\n" not in line
        assert not INSIDES.search(line), line
        assert re.search("expected|unknown|no family", line), line


def line_of(key: tuple[str, ...], value: object) -> str:
    """Return what is said of a study whose key has that value; nothing where it may have it."""
    values: dict[str, object] = {key[-1]: value}
    for part in reversed(key[:-1]):
        values = {part: values}
    try:
        parse_spec(values, "study.yaml")
    except SpecError as error:
        return str(error)
    return ""


def test_a_key_with_several_forms_is_one_problem():
    with pytest.raises(SpecError) as caught:
        parse_spec({"train_together": "maybe", "seeds": 0})
    assert str(caught.value).endswith("(and 1 more)")


@pytest.mark.parametrize("key", ["label_price", "value_per_point", "serving_price"])
def test_a_price_whose_sums_overflow_is_refused(key):
    with pytest.raises(SpecError, match=rf"advice\.{key}: expected a price of 1e\+15 at most"):
        parse_spec({"advice": {key: 1e308}})
