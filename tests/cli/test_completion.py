"""Shell completion as docs/cli.md has it: what the shell's script asks for, this program answers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tunecurve.cli.main import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text().partition("## Shell completion")[2]
COMPLETE = {"bash": "bash_complete", "zsh": "zsh_complete", "fish": "fish_complete"}


def answer(instruction, words="", n=0):
    surroundings = {**os.environ, "_TUNECURVE_COMPLETE": instruction, "COMP_WORDS": words, "COMP_CWORD": str(n)}
    code = "from tunecurve.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=False)
    assert done.stderr == "" or "bash" in done.stderr.lower(), done.stderr  # an old bash is warned of
    return done.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_calls_what_the_page_says(shell):
    assert f"_TUNECURVE_COMPLETE={shell}_source tunecurve" in PAGE
    assert f"_TUNECURVE_COMPLETE={COMPLETE[shell]}" in answer(f"{shell}_source")


@pytest.mark.parametrize(
    ("words", "n", "expected"),
    [
        ("tunecurve do", 1, {"doctor"}),
        ("tunecurve ", 1, set(COMMANDS)),
        ("tunecurve doctor --j", 2, {"--json"}),
        ("tunecurve run --executor r", 3, {"ray"}),
        ("tunecurve jobs sy", 2, {"sync"}),
    ],
)
def test_commands_options_and_choices_are_completed(words, n, expected):
    lines = answer("bash_complete", words, n).splitlines()
    assert {re.sub(r"^\w+,", "", line) for line in lines} == expected
