"""CONTRIBUTING.md leads to files that exist, and says where to change what people most often want to change."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = ("src", "tests", "docs", "benchmarks", "locks")
# Paths in code marks: with a folder, or with the ending of a file of ours.
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|json|toml|yaml))`")
# Words of the line that leads there, and a file that it names.
LEADS_TO = {
    "a metric": "src/tunecurve/metrics/",
    "the learning rate": "src/tunecurve/learners/lm/recipe.py",
    "what the report says first": "src/tunecurve/results/decision.py",
    "what keeps two processes from one trial": "src/tunecurve/executors/leases.py",
    "the price of a call": "hosted/prices.py",
    "**A task**": "tasks/",
    "**A provider that tunes**": "learners/hosted/tuning/",
    "**A data format**": "data/files.py",
    "**A curve for the atlas**": "src/tunecurve/atlas/families.csv",
}


def there():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [f"/{path.relative_to(ROOT)}" + "/" * path.is_dir() for path in [*files, *ROOT.iterdir()]]


def test_every_path_exists():
    paths = {path for path in PATH.findall(TEXT) if not path.startswith("build/")}
    assert len(paths) > 30
    known = there()
    assert [path for path in sorted(paths) if not any(one.endswith(f"/{path}") for one in known)] == []


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXT)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(("words", "path"), LEADS_TO.items())
def test_a_newcomer_is_led_to(words, path):
    [line] = [line for line in re.split(r"\n(?=[|*-])", TEXT) if line.lstrip("|- ").startswith(words)]
    assert path in line
