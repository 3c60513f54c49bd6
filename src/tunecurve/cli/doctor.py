"""`tunecurve doctor`: what a study would use on this machine, and what would stop one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tunecurve.cli.as_json import print_json
from tunecurve.cli.main import echo

if TYPE_CHECKING:
    from tunecurve.doctor.records import ComputeFacts, Diagnosis, Extra, ModelState, Store


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, device and precision, speed, models, caches, disks, keys and extras, and what would stop a study.

    Nothing is sent, fetched or written. Of keys the names of the variables are shown, never a value. Exit code 7 where something
    would stop the built-in study, `tunecurve run`; that torch is not installed is said, and is no error.
    """
    from tunecurve.doctor.examine import examine
    from tunecurve.errors import EnvironmentProblem

    found = examine()
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            echo(line)
    if found.problems:
        raise EnvironmentProblem("; ".join(found.problems))


def _lines(found: Diagnosis) -> list[str]:
    core = ", ".join(f"{package.name} {package.version or 'MISSING'}" for package in found.packages)
    lines = [
        ("version", f"tunecurve {found.tunecurve}, Python {found.python}, {found.platform}"),
        ("packages", core),
        *_compute_lines(found.compute),
        *(("model", _model_line(model)) for model in found.models),
        *(("cache", _store_line(store)) for store in found.stores),
        *(
            ("disk", f"{_size(disk.free_bytes)} free for {disk.path}{'' if disk.is_writable else ' (not writable)'}")
            for disk in found.disks
        ),
        (
            "keys",
            ", ".join(key.variable for key in found.keys) + " (set; values are not shown)"
            if found.keys
            else "none set",
        ),
        *(("warning", key.problem) for key in found.keys if key.problem),
        *(("extra", _extra_line(extra)) for extra in found.extras),
        *(("note", note) for note in found.notes),
    ]
    said = [f"{kind:<11}{text}" for kind, text in lines]
    return said if found.problems else [*said, "ok: nothing was found that would stop a study"]


def _compute_lines(compute: ComputeFacts | None) -> list[tuple[str, str]]:
    if compute is None:
        return []
    speeds = {compute.precision: compute.gflops, "float32": compute.gflops_float32}
    measured = [f"{speed:,.0f} GFLOP/s in {name}" for name, speed in speeds.items() if speed is not None]
    return [
        ("device", f"{compute.device}: {compute.device_reason}"),
        ("precision", f"{compute.precision}: {compute.precision_reason}"),
        ("threads", f"{compute.threads}: the physical cores that this process may use; they wait {compute.waiting}"),
        ("speed", f"{', '.join(measured) or 'none'} (matrix product; tunecurve plan says how long a study takes)"),
    ]


def _model_line(model: ModelState) -> str:
    size = f", {model.download_megabytes} MB are fetched at the first use" if model.state == "not here" else ""
    return f"{model.name}: {model.state}{size}"


def _store_line(store: Store) -> str:
    size = f"{'at least ' if store.is_at_least else ''}{_size(store.bytes)}" if store.exists else "not there yet"
    return f"{store.what}: {size}, {store.path} (${store.moved_by} moves it)"


def _extra_line(extra: Extra) -> str:
    lacking = [package.name for package in extra.packages if not package.is_enough]
    more = {
        "incomplete": f": without {', '.join(lacking)}",
        "unknown": ": an earlier version of tunecurve was installed",
    }
    state = extra.state + more.get(extra.state, "")
    todo = "" if extra.state == "installed" else f"; {extra.install}"
    return f"{extra.name} ({extra.brings}): {state}{todo}"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
