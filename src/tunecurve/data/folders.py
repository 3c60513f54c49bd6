"""Folders and patterns of files: the parts of one data set in their order, its splits, and what `save_to_disk` writes."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunecurve.data.kinds import EXPECTED, endings, kind_of
from tunecurve.data.options import PART, ReadingOptions
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.wording import first_of

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}
# What the library `datasets` and the hub write beside the rows.
_NOT_ROWS = {"dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json", "metadata.json"}
_NUMBERED = re.compile(r"(?P<stem>.*?)-?(?P<number>\d+)-of-(?P<total>\d+)(?P<end>.*)")
_COUNTED = re.compile(r"(?P<stem>.*?)(?P<number>\d{1,6})(?P<end>\D*)")
_DIGITS = re.compile(r"(\d+)")
_PATTERN = re.compile(r"[*?]|\[.+\]")


@dataclass(frozen=True)
class Parts:
    """Files that hold one data set together."""

    files: list[Path]
    """In their order."""
    root: Path
    """What places are counted from."""

    def name_of(self, file: Path) -> str:
        """Return what a file is called in places."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.name

    def note(self, what: str) -> list[Finding]:
        """Return a note where there are several files."""
        if len(self.files) < 2:
            return []
        names = first_of([self.name_of(file) for file in self.files], 6)
        text = f"the {len(self.files)} files of '{what}' are read as one, in the order of their names: {names}"
        return [Finding("folder-read", text, is_note=True)]


def is_pattern(source: str) -> bool:
    """Return whether a source is a pattern of file names, as ``data/*.jsonl``."""
    return _PATTERN.search(source) is not None


def parts_of_pattern(pattern: str) -> Parts:
    """Return the files that a pattern names.

    Raises
    ------
    DataError
        When there are none, or they are no parts of one data set.
    """
    found = [Path(name) for name in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 patterns may be absolute
    found = [path for path in found if not path.name.startswith(".")]
    _refuse_no_files(found)
    files = [path for path in found if path.is_file()]
    if not files:
        raise DataError(f"no file is called like '{pattern}'; check the pattern and the folder")
    unknown = [path for path in files if kind_of(path.name) is None]
    if unknown:
        raise DataError(f"'{pattern}' also names '{unknown[0].name}', which is no data file; expected {EXPECTED}")
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    root = Path(fixed if fixed.endswith("/") else str(Path(fixed).parent))
    return Parts(_checked(files, f"'{pattern}'", names_splits=False), root)


def parts_of_folder(folder: Path, part: str, options: ReadingOptions) -> Parts:
    """Return the data files of a folder, or of a split or folder in it, where they are parts of one data set.

    Raises
    ------
    DataError
        When it holds none, several data sets, or not all parts of one.
    """
    splits = splits_of(folder)
    if part:
        if part in splits:
            return splits[part]
        raise DataError(f"'{folder}' has no split '{part}'; it has: {', '.join(splits) or 'none'}")
    if len(splits) > 1:
        if options.split != "train":
            return parts_of_folder(folder, options.split, options)
        names = ", ".join(f"{name} ({_files_in_words(parts)})" for name, parts in splits.items())
        first, other = _two_of(splits)
        raise DataError(
            f"'{folder}' is a folder with several splits: {names}; name the sides: --data '{folder}{PART}{first}' --test-data "
            f"'{folder}{PART}{other}'"
        )
    if splits:
        return next(iter(splits.values()))
    raise _nothing_in(folder)


def _files_in_words(parts: Parts) -> str:
    return parts.files[0].name if len(parts.files) == 1 else f"{len(parts.files)} files"


def _two_of(splits: dict[str, Parts]) -> tuple[str, str]:
    names = list(splits)
    train = next((name for name in names if SPLITS.get(name) == "train"), names[0])
    test = next((name for name in names if SPLITS.get(name) == "test"), next(name for name in names if name != train))
    return train, test


def splits_of(folder: Path) -> dict[str, Parts]:
    """Return the splits of a folder by name, one without a name where it holds one data set."""
    found = _listed(folder)
    names = {path.name for path in found}
    if "dataset_dict.json" in names:
        return {split: _saved(folder / split, root=folder) for split in _splits_in(folder / "dataset_dict.json")}
    if "state.json" in names:
        return {"": _saved(folder, root=folder)}
    files = [path for path in found if path.is_file() and kind_of(path.name) and path.name not in _NOT_ROWS]
    if files:
        return _by_split(files, folder)
    below = {path.name: path for path in found if path.is_dir() and path.name.lower() in SPLITS}
    inner = {name: splits_of(path) for name, path in below.items()}
    return {name: next(iter(parts.values())) for name, parts in inner.items() if len(parts) == 1}


def _by_split(files: Sequence[Path], folder: Path) -> dict[str, Parts]:
    _one_kind(files, f"'{folder}' is a folder with files")
    by_name: dict[str, list[Path]] = {}
    for path in files:
        by_name.setdefault(_split_named(path), []).append(path)
    if len(by_name) == 1:
        return {"": Parts(_checked(files, f"'{folder}'"), folder)}
    return {
        name or paths[0].name: Parts(_checked(paths, f"'{folder}'"), folder) for name, paths in sorted(by_name.items())
    }


def _split_named(path: Path) -> str:
    """Return the split that a file's name says: ``train-00000-of-00002.parquet``."""
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((word for word in words if word in SPLITS), "")


def _listed(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith((".", "_"))]
    except OSError as error:
        raise DataError(f"cannot read '{folder}': {error.strerror or error}") from None
    outside = next((path for path in found if path.is_symlink() and not _is_within(path, folder)), None)
    if outside is not None and (kind_of(outside.name) or outside.is_dir()):
        raise DataError(
            f"'{outside}' is a link that leads out of its folder, to '{_target(outside)}'; give that file or folder itself"
        )
    _refuse_no_files(found)
    return sorted(found, key=_natural)


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether a link stays in its folder, or among the stored files that the hub's own cache links to."""
    target, root = _target(path), _target(folder)
    return target.is_relative_to(root) or (target.parent.name == "blobs" and "snapshots" in root.parts)


def _target(path: Path) -> Path:
    """Return where a link leads; one that leads to itself leads nowhere."""
    return Path(os.path.realpath(path))


def _refuse_no_files(found: Sequence[Path]) -> None:
    """Refuse what has a data file's name and is none: its rows would be missing."""
    for path in found:
        if kind_of(path.name) and not path.is_file() and not path.is_dir():
            what = "a link that leads to no file" if path.is_symlink() else "a pipe or device, not a file"
            raise DataError(f"'{path}' is {what}; delete it, or put the file with its rows there")


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return the key by which ``part-9`` stands before ``part-10``."""
    pieces = _DIGITS.split(path.as_posix())
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


def _one_kind(files: Sequence[Path], what: str) -> None:
    suffixes = sorted({endings(path.name)[0] for path in files})
    if len(suffixes) > 1 and suffixes != [".json", ".jsonl"]:
        raise DataError(f"{what} of several kinds ({', '.join(suffixes)}); name one of them")


def _checked(files: Sequence[Path], what: str, *, names_splits: bool = True) -> list[Path]:
    """Return the files in their order; refuse a set of numbered parts that lacks one, and a part that stands there twice."""
    ordered = sorted(files, key=_natural)
    _one_kind(ordered, f"{what} names files" if not names_splits else f"{what} is a folder with files")
    unpacked: dict[str, Path] = {}
    for path in ordered:
        name = path.as_posix().removesuffix(endings(path.name)[1])
        if name in unpacked:
            raise DataError(
                f"{what} holds the same part twice: '{unpacked[name].name}' and '{path.name}'; move one of them away"
            )
        unpacked[name] = path
    splits = sorted({SPLITS[name] for path in ordered if (name := _split_named(path))})
    if len(splits) > 1 and not names_splits:
        raise DataError(
            f"{what} names files of several splits ({', '.join(splits)}); write a pattern for each, with --test-data"
        )
    _check_numbers(ordered, what)
    return ordered


def _check_numbers(files: Sequence[Path], what: str) -> None:
    sets: dict[tuple[str, int, str], set[int]] = {}
    for path in files:
        found = _NUMBERED.fullmatch(path.name)
        if found:
            key = (found["stem"], int(found["total"]), found["end"])
            sets.setdefault(key, set()).add(int(found["number"]))
    for (stem, total, end), numbers in sets.items():
        begins_at = 0 if 0 in numbers or total not in numbers else 1
        missing = sorted(set(range(begins_at, total + begins_at)) - numbers)
        if missing and total <= 1_000_000:
            shown = first_of(missing, 5)
            raise DataError(
                f"{what} lacks {len(missing)} of the {total} parts of '{stem}...{end}': number {shown}; fetch the missing ones"
            )


def one_of_several(path: Path) -> list[Finding]:
    """Return a note where a file that is named by itself is a part of a numbered set, as ``train-00000-of-00003.parquet``."""
    found = _NUMBERED.fullmatch(path.name)
    if found is None or int(found["total"]) < 2:
        return []
    text = f"'{path.name}' is one of {int(found['total'])} parts, and read alone; for all of them give their folder"
    return [Finding("part-alone", text, is_note=True)]


def missing_numbers(files: Sequence[Path], what: str) -> list[Finding]:
    """Return a warning where files that are counted from 0 or 1 on, as ``part-3.csv``, leave out a number."""
    sets: dict[tuple[str, str], set[int]] = {}
    for path in files:
        found = _COUNTED.fullmatch(path.name)
        if found and not _NUMBERED.fullmatch(path.name):
            sets.setdefault((found["stem"], found["end"]), set()).add(int(found["number"]))
    warnings = []
    for (stem, end), numbers in sets.items():
        missing = sorted(set(range(min(numbers), max(numbers))) - numbers)
        if min(numbers) > 1 or not missing or len(missing) >= len(numbers):
            continue
        shown = first_of(missing, 5)
        text = (
            f"the files of '{what}' are numbered up to {max(numbers)} ('{stem}...{end}'), and {shown} is not among them"
        )
        warnings.append(Finding("part-missing", text, "fetch what is missing, if there is such a file"))
    return warnings


def _splits_in(path: Path) -> list[str]:
    splits = _read_object(path).get("splits")
    if not isinstance(splits, list) or not all(isinstance(name, str) and _is_plain(name) for name in splits):
        raise DataError(f"'{path}' names no splits; expected a folder of datasets.save_to_disk")
    return splits


def _saved(folder: Path, root: Path) -> Parts:
    """Return the files that `save_to_disk` wrote, in the order that it notes."""
    state = _read_object(folder / "state.json")
    if state.get("_indices_data_files"):
        raise DataError(
            f"'{folder}' was saved with a selection of rows beside them; write them out: python -c \"import datasets; "
            f"datasets.load_from_disk('{folder}').to_json('rows.jsonl')\""
        )
    entries = state.get("_data_files")
    names = [entry.get("filename") for entry in entries] if isinstance(entries, list) else []
    if not names or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise DataError(
            f"'{folder / 'state.json'}' names no files of this folder; expected a folder of datasets.save_to_disk"
        )
    files = [folder / str(name) for name in names]
    gone = [path.name for path in files if not path.is_file()]
    if gone:
        raise DataError(
            f"'{folder}' lacks {len(gone)} of its {len(files)} files: {', '.join(gone[:5])}; fetch or save it again"
        )
    return Parts(files, root)


def _is_plain(name: str) -> bool:
    return Path(name).name == name and name not in ("", ".", "..")


def _read_object(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read '{path}' ({error}); expected a folder of datasets.save_to_disk") from None
    return value if isinstance(value, dict) else {}


def _nothing_in(folder: Path) -> DataError:
    below = ", ".join(path.name for path in _listed(folder) if path.is_dir())
    way = f", or name one of its folders: {below[:200]}" if below else ""
    return DataError(f"'{folder}' is a folder without a data file; expected {EXPECTED} files in it{way}")
