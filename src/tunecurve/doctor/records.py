"""What `tunecurve doctor` finds, as its JSON has it; a field is added without a new version, a changed one is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.storage.records import Record


@dataclass(frozen=True)
class Package(Record):
    """A package that is asked for."""

    name: str
    wanted: str
    """As the requirement has it, e.g. ``>=2.6``."""
    version: str | None
    """Installed; None: not installed."""
    is_enough: bool


@dataclass(frozen=True)
class Extra(Record):
    """An extra, what it brings, and whether it is installed."""

    name: str
    brings: str
    state: Literal["installed", "incomplete", "not installed", "unknown"]
    """Unknown: the installed package names no such extra, because an earlier version was installed."""
    install: str
    """The command that installs it."""
    packages: list[Package]


@dataclass(frozen=True)
class ComputeFacts(Record):
    """Where and how precisely a study would compute, and why."""

    device: str
    device_reason: str
    precision: str
    precision_reason: str
    threads: int
    gflops: float | None
    """Measured: billions of operations a second of a matrix product in this precision; None: it cannot be computed."""
    gflops_float32: float | None
    waiting: str
    """How threads wait for one another, in words."""


@dataclass(frozen=True)
class Store(Record):
    """A place on disk where something is kept between studies."""

    what: str
    path: str
    exists: bool
    bytes: int
    is_at_least: bool
    """Whether it holds so many files that not all of them were counted."""
    moved_by: str
    """The environment variable that moves it."""


@dataclass(frozen=True)
class ModelState(Record):
    """A model that comes with tunecurve, or one of the hub."""

    name: str
    state: Literal["here", "not here", "damaged"]
    download_megabytes: int | None
    """What is fetched at the first use; None for a model of the hub."""


@dataclass(frozen=True)
class Key(Record):
    """An environment variable that is set; its value is never shown."""

    variable: str
    problem: str | None
    """Why it cannot be a key, such as a blank in it."""


@dataclass(frozen=True)
class Disk(Record):
    """Free space where something would be written."""

    what: str
    path: str
    free_bytes: int
    is_writable: bool


@dataclass(frozen=True)
class Diagnosis(Record):
    """Everything that was found."""

    schema_version: Literal[1]
    ok: bool
    """Whether nothing would stop a study."""
    problems: list[str]
    """What would, a line each, with the way on."""
    notes: list[str]
    tunecurve: str
    python: str
    platform: str
    packages: list[Package]
    """Those that every command needs."""
    extras: list[Extra]
    compute: ComputeFacts | None
    """None where torch is not installed: models are not computed on this machine then."""
    models: list[ModelState]
    stores: list[Store]
    disks: list[Disk]
    keys: list[Key]
