"""Which packages are installed, by the requirements that tunecurve itself was installed with."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib import metadata
from typing import Literal

from tunecurve.doctor.records import Extra, Package

# Extra -> what it brings. Those for contributors are not named.
EXTRAS = {
    "local": "models on this machine: language models, taggers, classifiers, tfidf",
    "hosted": "models behind providers' APIs, prompted and tuned",
    "bedrock": "tuning jobs on Amazon Bedrock",
    "hub": "data sets of the Hugging Face hub, by their id",
    "data": "workbooks (.xlsx, .ods), and a guess at the encoding of a text",
    "presidio": "Microsoft Presidio, a masking baseline without training",
    "gliner": "GLiNER models of a local folder, a masking baseline without training",
    "sql": "sql_exact: queries compared as queries, not as characters",
    "optimize": "instructions that are looked for, with GEPA",
    "ray": "trials on a Ray cluster",
    "4bit": "frozen weights of large language models in 4 bits, with bitsandbytes",
    "gguf": "llama.cpp, which tries the GGUF file that export has written",
    "onnx": "tuned taggers and classifiers exported as ONNX files, and tried",
    "view": "the live page of runs",
    "mlflow": "studies in MLflow",
    "trackio": "studies in trackio",
    "wandb": "studies in Weights & Biases",
}
_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[([\w,\s.-]*)\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?$")
_LOWEST = re.compile(r"(?:>=|~=|==)\s*([\w.]+)")
_CORE = ""


def install_command(extra: str) -> str:
    """Return the command that installs an extra, in a copy of the repository."""
    return f"pip install '.[{extra}]'"


def packages_by_extra() -> dict[str, list[Package]]:
    """Return the packages that are asked for by extra, those of every command under the empty name.

    An extra that asks for another one has its packages, too.
    """
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for line in metadata.requires("tunecurve") or []:
        match = _REQUIREMENT.match(line)
        if match:
            name, extras, versions, marker = match.groups()
            of_extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", marker or "")
            key = f"tunecurve[{extras}]" if name == "tunecurve" else name
            wanted[of_extra.group(1) if of_extra else _CORE][key] = versions.replace(" ", "")
    return {extra: [_package(*item) for item in _unfolded(extra, wanted).items()] for extra in list(wanted)}


def core_of(packages: dict[str, list[Package]]) -> list[Package]:
    """Return the packages that every command needs."""
    return packages.get(_CORE, [])


def extras_of(packages: dict[str, list[Package]]) -> list[Extra]:
    """Return every extra with its state."""
    return [
        Extra(name, brings, _state(packages.get(name)), install_command(name), packages.get(name, []))
        for name, brings in EXTRAS.items()
    ]


def _state(packages: list[Package] | None) -> Literal["installed", "incomplete", "not installed", "unknown"]:
    if packages is None:
        return "unknown"
    if all(package.is_enough for package in packages):
        return "installed"
    return "incomplete" if any(package.is_enough for package in packages) else "not installed"


def _unfolded(extra: str, wanted: dict[str, dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, versions in wanted.get(extra, {}).items():
        other = re.fullmatch(r"tunecurve\[(.*)\]", name)
        inner = [_unfolded(part.strip(), wanted) for part in other.group(1).split(",")] if other else [{name: versions}]
        for part in inner:
            found |= part
    return found


def _package(name: str, wanted: str) -> Package:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, wanted, None, False)
    lowest = _LOWEST.search(wanted)
    return Package(name, wanted, version, lowest is None or _release(version) >= _release(lowest.group(1)))


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a release: 2.10 is after 2.9, 2.6 the same as 2.6.0, a local build (2.6.0+cpu) counts as the release."""
    numbers = [int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", version).group())]  # type: ignore[union-attr]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
