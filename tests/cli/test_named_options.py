"""A message below the command line that names an option names one that there is: who renames an option finds every message of it."""

import ast
import re
from pathlib import Path

import click

import tunecurve
from tunecurve.cli.main import cli

SOURCE = Path(tunecurve.__file__).parent
# Of other programs that are called, or that messages tell how to call.
OF_OTHERS = frozenset(
    [
        "--backend-store-uri",
        "--chat-template",
        "--convert-to",
        "--custom-model-deployment-identifier",
        "--deployment-name",
        "--disable-pip-version-check",
        "--enable-lora",
        "--hash",
        "--head",
        "--headless",
        "--ignore-checks",
        "--lora-modules",
        "--max-lora-rank",
        "--max-model-len",
        "--name",
        "--no-deps",
        "--only-binary",
        "--platform",
        "--project",
        "--query",
        "--region",
        "--require-hashes",
        "--resource",
        "--resource-group",
        "--subscription",
        "--tokenizer",
        "--upgrade",
        "--yes",
    ]
)


def options_of(command: click.Command, context: click.Context) -> set[str]:
    own = {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    if isinstance(command, click.Group):
        below = [command.get_command(context, name) for name in command.list_commands(context)]
        own |= {name for one in below if one is not None for name in options_of(one, context)}
    return own


def test_options_in_messages_exist():
    known = options_of(cli, click.Context(cli)) | {"--help", "--version"} | OF_OTHERS
    named = {}
    for path in SOURCE.rglob("*.py"):
        texts = [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        for text in texts:
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text):
                named.setdefault(option, set()).add(str(path.relative_to(SOURCE)))
    assert len(named) > 50
    assert {option: places for option, places in named.items() if option not in known} == {}
