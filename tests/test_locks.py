"""The lists of locked files: as constraints.txt and pyproject.toml say, every file by hash."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINNED = re.compile(
    r"(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)(?P<marker> ;[^\\]+)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)
BY_VERSION_ALONE = {"torch"}
EXTRAS = {"run": ["local"], "test": ["local", "hosted", "ray", "test"]}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned_versions():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonical(name): version for name, version in (line.split("==") for line in lines if line)}


def locked(command):
    lines = (ROOT / "locks" / f"{command}.txt").read_text().replace(" \\\n   ", "").splitlines()
    found = [PINNED.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match["name"]: match for match in found}


def direct_dependencies(extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted, todo = list(project["dependencies"]), list(extras)
    while todo:
        for requirement in project["optional-dependencies"][todo.pop()]:
            own = re.fullmatch(r"tunecurve\[(\w+)\]", requirement)
            (todo if own else wanted).append(own[1] if own else requirement)
    return {canonical(re.match(r"[\w.-]+", requirement)[0]) for requirement in wanted}


@pytest.mark.parametrize("command", ["run", "test"])
def test_locked_versions_are_those_of_the_constraints(command):
    versions = pinned_versions()
    for name, match in locked(command).items():
        if "emscripten" not in (match["marker"] or ""):  # Python in a browser, where nothing of this runs
            assert match["version"] == versions[name], name


@pytest.mark.parametrize("command", ["run", "test"])
def test_whatever_a_command_needs_is_locked(command):
    assert direct_dependencies(EXTRAS[command]) - set(locked(command)) == BY_VERSION_ALONE
