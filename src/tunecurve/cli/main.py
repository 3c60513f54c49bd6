"""The command line: every command in a file of its own, imported when it is called.

Errors made for users end as one line and a documented exit code; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tunecurve.errors import EXIT_CODES, TrialsLeftOut, TunecurveError, explain_os_error
from tunecurve.privacy.redact import redact, shown

# Name -> (module, one line for the overview). The modules are imported only for the command that is called.
COMMANDS = {
    "run": ("tunecurve.cli.run", "Measure a learning curve, or continue one; without arguments, the built-in study."),
    "init": ("tunecurve.cli.init", "Write a commented study file."),
    "validate": ("tunecurve.cli.validate", "Check the study file and the data: counts and warnings."),
    "convert": (
        "tunecurve.cli.convert",
        "Write rows of any shape as plain JSON Lines, or as chats for tuning services.",
    ),
    "plan": ("tunecurve.cli.plan", "Show what would run: trials, tokens, time; nothing is trained."),
    "status": ("tunecurve.cli.status", "Show what is done, running, failed and waiting in a run folder."),
    "view": ("tunecurve.cli.view", "Show all runs of a folder live in a browser, and try their models."),
    "report": ("tunecurve.cli.report", "Write picture and report of a run folder anew, from its results."),
    "compare": ("tunecurve.cli.compare", "Put runs side by side: differences on the test rows that they share."),
    "predict": ("tunecurve.cli.predict", "Answer new texts with the best fine-tuned model of a run."),
    "export": ("tunecurve.cli.export", "Write predictions, scores or a tuned model of a run."),
    "track": ("tunecurve.cli.track", "Log a run to an experiment tracker: MLflow, trackio, Weights & Biases."),
    "jobs": ("tunecurve.cli.jobs", "List, follow, cancel and repeat tuning jobs at providers."),
    "forecast": ("tunecurve.cli.forecast", "Forecast learning curves from points measured by anything."),
    "testset": ("tunecurve.cli.testset", "How many test rows? What these can show, and how many show more."),
    "select-test": (
        "tunecurve.cli.select_test",
        "Which rows to label next? Ways of choosing, replayed on labelled rows.",
    ),
    "doctor": ("tunecurve.cli.doctor", "Show what a study would use on this machine, and what would stop it."),
    "atlas": ("tunecurve.cli.atlas", "Look up measured learning curves of public data sets: no data yet?"),
}
# Said once an end was asked for.
STOPPING = "finishing the current step; press Ctrl-C again to stop at once"


def command_of(name: str) -> click.Command:
    """Import and return a command."""
    return getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_"))


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in reading order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        return command_of(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


_EXIT_CODE_LINES = "\n".join(f"  {code:3d}  {meaning}" for code, meaning in EXIT_CODES.items())


@click.group(
    cls=LazyGroup,
    epilog="\b\nExit codes:\n" + _EXIT_CODE_LINES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tunecurve", prog_name="tunecurve")
def cli() -> None:
    """How much data do I need to fine-tune this model for my task, and is more labelling worth it?

    Start with: tunecurve run
    """


def main() -> None:
    """Run the command line and exit with a documented code."""
    # Arrow's own allocator keeps 50 MB for a Parquet file of any size. The process is ours; a user's setting wins.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    out = sys.stdout
    try:
        with _own_warnings_as_lines():
            code = cli.main(args=arguments, prog_name="tunecurve", standalone_mode=False)
        sys.stdout.flush()  # here a reader that has gone is known, not when the process ends
        return code if isinstance(code, int) else 0
    except SystemExit:
        if sys.stdout is out:
            raise
        sys.stdout = out  # click has replaced it, for a closed pipe, and says 1, which is an error of the program
        return _reader_has_gone()
    except TunecurveError as error:
        return _fail(str(error), error.exit_code)
    except _HELP_IS_MEANT as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(_line_of(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted; what is finished is kept, the same command continues", 130)
    except BrokenPipeError:
        return _reader_has_gone()
    except OSError as error:
        problem = explain_os_error(error)
        if problem is None:
            return _show_bug(error)
        return _fail(str(problem), problem.exit_code)
    except Exception as error:
        return _show_bug(error)


@contextmanager
def _own_warnings_as_lines() -> Iterator[None]:
    """Show what the package warns of as a line on standard error, once; what others warn of stays as it is."""
    said: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, TrialsLeftOut):
                usual(message, category, *where, **more)
            elif str(message) not in said:
                said.add(str(message))
                click.echo(f"warning: {visible(redact(str(message)))}", err=True)

        warnings.simplefilter("always", TrialsLeftOut)
        warnings.showwarning = show
        yield


def _reader_has_gone() -> int:
    """Return the code of a command of whose output no more is wanted, as by `head`; nothing more is said."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ is not None else 1)
    return 0


# What newer versions of click raise where a group is called without a command.
_HELP_IS_MEANT: tuple[type[click.UsageError], ...] = tuple(
    getattr(click.exceptions, name) for name in ("NoArgsIsHelpError",) if hasattr(click.exceptions, name)
)
# What click calls the types of options, and what people do.
_TYPES = {"integer range": "whole number", "integer": "whole number", "float range": "number", "float": "number"}


def _line_of(error: click.ClickException) -> str:
    """Return what click refuses as one line, as everything else is told, with where the options stand."""
    said = " ".join(error.format_message().split())
    said = re.sub(r"^Invalid value for '([^']+)': ", r"\1: ", said)
    said = re.sub(
        r"is not a valid (integer range|integer|float range|float)\b",
        lambda found: f"is not a {_TYPES[found[1]]}",
        said,
    )
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{said.rstrip('.')}; see: {context.command_path} --help" if context is not None else said


def _show_bug(error: Exception) -> int:
    """Print the traceback of an error that is not the user's, without secrets."""
    click.echo(redact("".join(traceback.format_exception(error))), err=True, nl=False)
    return 1


def _fail(message: str, exit_code: int) -> int:
    complain(message)
    return exit_code


def complain(message: str) -> None:
    """Say what is wrong in one line on standard error."""
    click.echo(f"tunecurve: {visible(redact(message))}", err=True)


def visible(text: str) -> str:
    """Return the text with control characters shown, not obeyed; line breaks become blanks."""
    joined = " ".join(text.splitlines())
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in joined)


def echo(text: str = "", *, err: bool = False) -> None:
    """Print text that may hold names and rows of the user's: what would steer a terminal is shown, not obeyed."""
    click.echo(shown(text), err=err)
