"""The notebooks of examples/: executed in a folder of their own, and their outputs stored again.

python -m tests.support.notebooks          executes all and stores what they show now
python -m tests.support.notebooks quick    those whose names hold this word
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SECONDS_A_CELL = 120
# What changes from run to run and says nothing: how often a cell was executed, and when.
LANGUAGE = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def environment(home: Path) -> dict[str, str]:
    """Return an environment with this Python's commands first, one thread, a home of its own and no key of anybody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_BASE_URL", "_PROXY", "_proxy"))
    }
    source = str(Path(__file__).parents[2] / "src")
    return kept | {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }


def execute(path: Path, folder: Path):
    """Return a notebook as it is after all its cells ran, in a copy of examples/ in the folder."""
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    here = shutil.copytree(EXAMPLES, folder / "examples")
    (folder / "home").mkdir()
    (folder / "temporary").mkdir()
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:  # their paths must be short
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", connection_file=f"{sockets}/kernel.json")
        client = NotebookClient(
            notebook, km=kernel, timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(here)}}
        )
        with _answers_to_signals_kept():
            client.execute(env=environment(folder / "home") | {"TMPDIR": str(folder / "temporary")})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _in_one_piece(cell.outputs)
    return notebook


@contextmanager
def _answers_to_signals_kept():
    """Put the answer to Ctrl-C back: the client leaves its own where a shell started us with Ctrl-C ignored."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_one_piece(outputs):
    """Return outputs with what was written piece by piece as one: where pieces end is chance."""
    joined = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def without_chance(notebook):
    """Return the notebook with what a reader needs, so that executing it once more changes little."""
    notebook.metadata.clear()
    notebook.metadata.update(LANGUAGE)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            for output in cell.outputs:
                if "text/html" in output.get("data", {}):
                    output["data"]["text/html"] = re.sub(
                        r"<style scoped>.*?</style>\n", "", output["data"]["text/html"], flags=re.S
                    )
    return notebook


def main() -> None:
    """Execute notebooks and store their outputs."""
    import nbformat

    wanted = sys.argv[1:] or [""]
    for path in NOTEBOOKS:
        if any(word in path.stem for word in wanted):
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(without_chance(execute(path, Path(folder))), path)
            print(path.name)


if __name__ == "__main__":
    main()
