"""The lists of locked files: in the versions of constraints.txt, and all that the two commands install but torch."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PINNED = re.compile(
    r"(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)(?P<marker> ;[^\\]+)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)
EXTRAS = {"run": {"local"}, "docs": {"docs"}, "test": {"local", "hosted", "ray", "test"}}


def pinned_versions():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines if line)}


def locked(command):
    lines = (ROOT / "locks" / f"{command}.txt").read_text().replace(" \\\n   ", "").splitlines()
    found = [PINNED.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match["name"]: match for match in found}


def needed(extras):
    """Return what this project's extras ask for on this machine, and what that asks for, and so on."""
    excluded = set((ROOT / "locks" / "excluded.txt").read_text().splitlines())
    todo, seen = [("tunecurve", extra) for extra in ("", *extras)], set()
    while todo:
        name, extra = todo.pop()
        seen.add((name, extra))
        for requirement in map(Requirement, metadata.requires(name) or []):
            other = canonicalize_name(requirement.name)
            if other not in excluded and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
                todo += {(other, more) for more in ("", *requirement.extras)} - seen
    return {name for name, _ in seen} - {"tunecurve"}


@pytest.mark.parametrize("command", EXTRAS)
def test_locked_versions_are_those_of_the_constraints(command):
    versions = pinned_versions()
    for name, match in locked(command).items():
        if "emscripten" not in (match["marker"] or ""):  # Python in a browser, where nothing of this runs
            assert match["version"] == versions[name], name


@pytest.mark.parametrize("command", EXTRAS)
def test_whatever_a_command_installs_is_locked_but_torch_which_is_pinned(command):
    assert needed(EXTRAS[command]) - set(locked(command)) == (set() if command == "docs" else {"torch"})
    assert "torch" in pinned_versions()
