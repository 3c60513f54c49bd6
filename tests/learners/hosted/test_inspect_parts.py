"""The model layer of inspect_ai, whose private parts are used, is imported in one module, and its versions are pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tunecurve.learners.hosted.transport.inspect_parts import batch_layer, model_layer, provider_module

ROOT = Path(__file__).parents[3]


def test_one_module_imports_the_layer():
    files = (ROOT / "src").rglob("*.py")
    imports = re.compile(r"^\s*(from|import) inspect_ai|import_module\(f?[\"']inspect_ai", re.MULTILINE)
    assert [path.name for path in files if imports.search(path.read_text())] == ["inspect_parts.py"]


def test_its_version_is_pinned_to_compatible_ones():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (pin,) = [need for need in extras["hosted"] if need.startswith("inspect_ai")]
    assert re.fullmatch(r"inspect_ai~=0\.3\.\d+", pin)


def test_every_part_that_is_used_is_there():
    pytest.importorskip("inspect_ai")
    assert set(model_layer().message_kinds) == {"system", "user", "assistant"}
    assert callable(batch_layer().run_in_background)
    assert callable(batch_layer().Batcher.generate_for_request)
    assert isinstance(provider_module("google").MAX_TOOL_CALLING_ATTEMPTS, int)
