"""The one data file in a .zip or .tar archive; nothing is unpacked to disk under a name that an archive gives."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, cast

from tunecurve.data.kinds import KINDS, OTHERS, endings, kind_of
from tunecurve.data.options import GIGABYTE, PART
from tunecurve.data.streams import DAMAGED, DataFile, InnerBytes
from tunecurve.errors import DataError
from tunecurve.wording import first_of

MAX_MEMBERS = 100_000
_BESIDE_ROWS = ("readme", "license", "licence", "changelog", "dataset_info.json", "dataset_infos.json", "thumbs.db")


def file_in_archive(file: DataFile) -> DataFile:
    """Return the data file in an archive: the one that is named behind ``!/``, else the only one.

    Raises
    ------
    DataError
        When there is none or several, or the archive is not safe to read.
    """
    try:
        names = _names_in_tar(file) if file.suffix == ".tar" else _names_in_zip(file)
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, *DAMAGED) as error:
        raise DataError(f"'{file}' is not a whole archive ({error}); fetch or pack it again") from None
    _check_names(file, names)
    name = _chosen(file, names)
    open_member = _open_in_tar if file.suffix == ".tar" else _open_in_zip
    return DataFile(f"{file}{PART}{name}", partial(open_member, file, name), replace(file.options))


def _names_in_zip(file: DataFile) -> list[str]:
    with file.seekable() as opened, zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise DataError(
                f"'{file}' holds {len(members):,} files; unpack it, and give a folder of those that hold rows"
            )
        return [member.filename for member in members if not member.is_dir()]


def _names_in_tar(file: DataFile) -> list[str]:
    names = []
    with file.open_binary() as opened, tarfile.open(fileobj=opened, mode="r|") as archive:
        for member in archive:
            if member.isfile():
                names.append(member.name)
            elif not member.isdir() and kind_of(member.name):
                raise DataError(
                    f"'{file}' holds a link or device called '{member.name}', which is not read; pack the file itself"
                )
            if len(names) > MAX_MEMBERS:
                raise DataError(
                    f"'{file}' holds more than {MAX_MEMBERS:,} files; unpack it, and give a folder of those with rows"
                )
    return names


def _check_names(file: DataFile, names: Sequence[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise DataError(
                f"'{file}' holds a file called '{name}', which would be unpacked outside its folder; the archive is not read"
            )


def _chosen(file: DataFile, names: Sequence[str]) -> str:
    if file.part:
        if file.part not in names:
            known = ", ".join(_with_rows(names)[:8]) or ", ".join(names[:8]) or "none"
            raise DataError(f"'{file}' holds no file '{file.part}'; its files are: {known}")
        return file.part
    found = _with_rows(names)
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(_nothing_to_read(file, names))
    raise DataError(
        f"'{file}' holds {len(found)} data files: {first_of(found, 8)}; name the one to read: "
        f"--data '{file}{PART}{found[0]}', or unpack it and give the folder"
    )


def _with_rows(names: Sequence[str]) -> list[str]:
    """Return the files that may hold rows: not what archive programs and people put beside them."""
    return [name for name in names if not _is_beside(name) and kind_of(name) and KINDS[endings(name)[0]] != "archive"]


def _is_beside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or part.startswith(".") for part in parts) or parts[-1].lower().startswith(
        _BESIDE_ROWS
    )


def _nothing_to_read(file: DataFile, names: Sequence[str]) -> str:
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        return f"'{file}' is {OTHERS['.docx']}"
    if "xl/workbook.xml" in names or "mimetype" in names:
        return f"'{file}' is a spreadsheet or document; let its name end in .xlsx or .ods"
    if any(name.endswith("data.pkl") for name in names):
        return f"'{file}' is {OTHERS['.pt']}"
    inner = [name for name in names if not _is_beside(name)]
    known = next((name for name in inner if endings(name)[0] in OTHERS), None)
    if known is not None:
        return f"'{file}' holds '{known}': {OTHERS[endings(known)[0]]}"
    nested = next((name for name in inner if KINDS.get(endings(name)[0]) == "archive"), None)
    if nested is not None:
        return f"'{file}' holds another archive, '{nested}'; unpack it once"
    return f"'{file}' holds no data file ({', '.join(names[:6]) or 'it is empty'}); expected one .jsonl, .csv, .parquet or the like"


def _open_in_zip(file: DataFile, name: str) -> BinaryIO:
    if file.path is None or file.packing:
        raise DataError(f"'{file}' is a packed archive; unpack it once")
    archive = zipfile.ZipFile(file.path)
    member = archive.getinfo(name)
    if member.flag_bits & 1:
        archive.close()
        raise DataError(f"'{file}' is encrypted; unpack it with its password, and give the file in it")
    if member.file_size > file.options.max_unpacked_gb * GIGABYTE:
        archive.close()
        raise file.too_large()
    try:
        opened = archive.open(member)
    except NotImplementedError as error:
        archive.close()
        raise DataError(
            f"'{file}' is packed in a way that is not read ({error}); unpack it, and give the file in it"
        ) from None
    except zipfile.BadZipFile as error:
        archive.close()
        raise DataError(f"'{file}' is not a whole archive ({error}); fetch or pack it again") from None
    return _closing_too(opened, archive, file)


def _open_in_tar(file: DataFile, name: str) -> BinaryIO:
    opened = file.open_binary()
    archive = tarfile.open(fileobj=opened, mode="r|")  # noqa: SIM115 closed with the member
    for member in archive:
        if member.name == name and member.isfile():
            if member.size > file.options.max_unpacked_gb * GIGABYTE:
                raise file.too_large()
            return _closing_too(cast("IO[bytes]", archive.extractfile(member)), opened, file)
    raise DataError(f"'{file}' holds no file '{name}' any more; it has changed while it was read")


def _closing_too(opened: IO[bytes], outer: Any, file: DataFile) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Member(opened, outer, file), 1 << 17))


class _Member(InnerBytes):
    """A file in an archive, which is closed with it."""

    def read_some(self, n_bytes: int) -> bytes:
        try:
            data: bytes = self._stream.read(n_bytes)
        except (zipfile.BadZipFile, tarfile.TarError, *DAMAGED) as error:
            raise self._file.damaged(error) from None
        return data
