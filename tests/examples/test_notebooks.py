"""The notebooks of examples/ run from the first cell to the last, show what they tell, and what is stored in them is what they show."""

import json
import re
from pathlib import Path

import pytest

from tests.support.notebooks import EXAMPLES, NOTEBOOKS, execute

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")
pytest.importorskip("sklearn")

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
MOST_CELLS = 15


def texts(cell):
    """Return what a cell shows as text."""
    shown = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.get("outputs", [])]
    return "\n".join(shown)


def tagged(notebook, tag):
    [cell] = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return texts(cell)


def numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


ALL = [int(path.name[0]) for path in NOTEBOOKS]


def test_there_are_four():
    assert ALL == [1, 2, 3, 4]


def runs_without_a_warning_and_writes_into_the_temporary_folder_alone(notebook, folder):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    given = {path.name for path in EXAMPLES.iterdir() if path.name != "__pycache__"}
    assert {path.name for path in (folder / "examples").iterdir() if path.name != "__pycache__"} == given


def what_is_stored_is_what_it_shows_now(notebook, path):
    for now, before in zip(notebook.cells, nbformat.read(path, as_version=4).cells, strict=True):
        assert [one.output_type for one in now.get("outputs", [])] == [
            one.output_type for one in before.get("outputs", [])
        ]
        shown, stored = texts(now), texts(before)
        assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", stored).split()
        assert numbers(shown) == pytest.approx(numbers(stored), rel=0.02, abs=0.3)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_short_and_holds_no_trace_of_a_machine(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert len(content["cells"]) <= MOST_CELLS
    assert all(cell.get("execution_count", 1) for cell in content["cells"] if cell["cell_type"] == "code"), "executed"
    assert path.stat().st_size < 200_000
    assert not re.search(r"(?<![\w.])/(?:tmp|root|home|Users|work|var)/", path.read_text(encoding="utf-8"))
    assert set(content["metadata"]) == {"kernelspec", "language_info"}


def test_every_notebook_is_listed_where_readers_look():
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in listed for path in NOTEBOOKS)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "examples/README.md" in readme
    named = f"jupyter execute {NOTEBOOKS[0].name}"
    assert named in listed, "without a browser"
    assert named in (Path(__file__).parents[2] / "docs" / "notebooks.md").read_text(encoding="utf-8")


def test_the_made_up_messages_are_those_of_their_script():
    import csv
    import runpy

    script = runpy.run_path(str(EXAMPLES / "make_support_messages.py"))
    with (EXAMPLES / "support_messages.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == script["make"]()


def quick_start_decides_extends_and_judges_its_forecast(notebook):
    assert [f"tuned on {size}" in tagged(notebook, "results") for size in (20, 40, 80, 160)] == [
        True,
        True,
        True,
        False,
    ]
    assert "most frequent class" in tagged(notebook, "results")
    history = tagged(notebook, "history")
    [said] = re.findall(
        r"accuracy, 160 rows: forecast ([\d.]+) \(([\d.]+) to ([\d.]+)\) from 3 sizes, measured ([\d.]+)", history
    )
    median, low, high, measured = map(float, said)
    assert low < median < high < 100
    assert measured > float(re.search(r"tuned on 80 +([\d.]+)", tagged(notebook, "results"))[1])
    assert tagged(notebook, "predictor") == "'returns'"
    assert "<Figure" in tagged(notebook, "curve")


def own_classifier_is_measured_beside_the_built_in_one_and_told_from_it_in_pairs(notebook):
    shown = tagged(notebook, "results")
    scores = {
        name: [float(one) for one in re.findall(rf"{name} +tuned on \d+ +([\d.]+)", shown)]
        for name in ("tfidf", "pieces")
    }
    assert [len(of) for of in scores.values()] == [4, 4]
    assert "have the same 200 test rows: differences are paired on them" in tagged(notebook, "shared")
    paired = tagged(notebook, "paired")
    [(found, low, high)] = re.findall(r"([+-][\d.]+) points, 95 % interval ([+-][\d.]+) to ([+-][\d.]+)", paired)
    assert float(found) == pytest.approx(scores["pieces"][-1] - scores["tfidf"][-1], abs=0.11)
    assert float(low) < float(found) < float(high)
    assert ("A real difference." in paired) == (float(low) > 0 or float(high) < 0)


def published_points_are_forecast_held_back_and_priced_in_python_as_on_the_command_line(notebook):
    [(median, low, high)] = re.findall(
        r"forecast ([\d.]+) BLEU, 80 % interval ([\d.]+) to ([\d.]+)", tagged(notebook, "held-back")
    )
    assert float(low) < 97.52 < float(high)
    assert float(low) < float(median) < float(high)
    assert tagged(notebook, "answers").startswith("Flat: doubling the 6400 examples")
    assert tagged(notebook, "decision").startswith("Stop here")
    said = tagged(notebook, "command")
    assert "Flat: doubling the 6400 examples" in said
    assert f"Back-test: without n=6400 the forecast was {float(median):g}" in said
    assert re.search(r"tfidf, 160 rows, accuracy: forecast [\d.]+ .* measured [\d.]+", tagged(notebook, "history"))


def hosted_models_are_quoted_paid_once_and_capped(notebook):
    [quoted] = re.findall(r"Left to pay: about \$([\d.]+)", tagged(notebook, "plan"))
    [(calls, paid, cap)] = re.findall(r"(\d+) calls, paid \$([\d.]+) of at most \$([\d.]+)", tagged(notebook, "money"))
    assert int(calls) == 200, "100 test rows, zero-shot and with examples"
    assert 0 < float(paid) <= float(cap)
    assert float(paid) == pytest.approx(float(quoted), rel=0.5)
    assert [
        f"openai-api/shop/small-model  {way}" in tagged(notebook, "results") for way in ("zero-shot", "8-shot")
    ] == [True, True]
    assert tagged(notebook, "again").strip() == "calls of the second run: 0"
    capped = tagged(notebook, "cap")
    assert "$0.0030 is reached" in capped
    assert capped.strip().endswith("Stopped before all 200 calls: True")


CLAIMS = {
    1: quick_start_decides_extends_and_judges_its_forecast,
    2: own_classifier_is_measured_beside_the_built_in_one_and_told_from_it_in_pairs,
    3: published_points_are_forecast_held_back_and_priced_in_python_as_on_the_command_line,
    4: hosted_models_are_quoted_paid_once_and_capped,
}


@pytest.mark.slow
@pytest.mark.parametrize("number", ALL)
def test_it_runs_and_tells_what_it_tells(tmp_path, number):
    """All of it in one test: executed once, whichever processes tests are spread over."""
    if number == 4:
        pytest.importorskip("inspect_ai")
    [path] = [path for path in NOTEBOOKS if path.name.startswith(str(number))]
    notebook = execute(path, tmp_path)
    runs_without_a_warning_and_writes_into_the_temporary_folder_alone(notebook, tmp_path)
    what_is_stored_is_what_it_shows_now(notebook, path)
    CLAIMS[number](notebook)
