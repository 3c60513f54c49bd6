"""What docs/tutorial.md shows happens: its commands print the lines of the page, and leave the files of docs/files.md."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tunecurve.cli.main import run_command

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def lines_shown(block):
    """Return the lines of a block of output that stand whole on the page."""
    lines = [line.rstrip() for line in block.splitlines()]
    return [line for line in lines if line and "..." not in line.removesuffix("...'")]


def test_the_page_is_what_happens(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed, checked = "", 0
    for block in BLOCKS:
        commands = [line for line in block.splitlines() if line.startswith(("tunecurve ", "python ", "pip "))]
        if not commands:
            for line in lines_shown(block):
                assert line in printed, line
                checked += 1
            continue
        printed = ""
        for command in map(shlex.split, commands):
            if command[0] == "python":
                made = subprocess.run([sys.executable, ROOT / command[1], command[2]], capture_output=True, check=True)
                Path(command[4]).write_bytes(made.stdout)
                printed += made.stdout.decode()
            elif command[0] == "tunecurve":
                run_command(command[1:])
                said = capsys.readouterr()
                printed += said.out + said.err
    assert checked >= 25
    files = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    run = tmp_path / "runs" / "tickets"
    there = [path.name for path in [*run.glob("*"), *run.glob("trials/*/*")]]
    assert [name for name in there if f"`{name}`" not in files and f"`{name}/`" not in files] == []
    assert {"split.json", "results.json", "result.json", "predictions.jsonl"} <= set(there)
