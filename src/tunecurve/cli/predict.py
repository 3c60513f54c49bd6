"""`tunecurve predict`: answer new texts with the best fine-tuned model of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunecurve.cli.main import echo
from tunecurve.cli.rights import allow_code_option, local_only_option

if TYPE_CHECKING:
    from tunecurve.predictor import Predictor


@click.command(context_settings={"allow_extra_args": True})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--text", "texts", multiple=True, help="A text to answer; repeatable.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A text file, one text a line.")
@click.option("--trial", help="Trial to use, e.g. fine-tune-n200-seed0 (the best fine-tuned one).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: input, output, stop_reason.")
@click.option(
    "--serve", is_flag=True, help="Answer OpenAI's clients at 127.0.0.1 until Ctrl-C, instead of texts given here."
)
@click.option("--port", type=click.IntRange(0, 65535), help="With --serve: the port (a free one).")
@click.option(
    "--token", envvar="TUNECURVE_SERVE_TOKEN", help="With --serve: the API key that clients must send (none)."
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads (physical cores; OMP_NUM_THREADS is not heeded)."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@local_only_option
@allow_code_option
@click.pass_context
def predict(
    context: click.Context,
    folder: Path,
    texts: tuple[str, ...],
    file: Path | None,
    trial: str | None,
    as_json: bool,
    serve: bool,
    port: int | None,
    token: str | None,
    threads: int | None,
    device: str,
) -> None:
    """Answer new texts with the best (or a named) trial of a run.

    Texts come from --text, from --file (one a line), or from standard input (one a line); with --serve, from OpenAI's clients
    (docs/export.md). Every text has one line of answer: a blank one stays blank, and is not asked; line breaks within the answer to a line
    are written as \\n (--json keeps them).
    """
    from tunecurve.predictor import load_predictor
    from tunecurve.privacy.redact import shown

    _refuse_bare_texts(context.args)
    _check_serving(serve=serve, has_texts=bool(texts or file or as_json), port=port)
    lines = [] if serve else _read_texts(texts, file)
    predictor = load_predictor(folder, trial=trial, threads=threads, device=device)
    if predictor.caution:
        echo(predictor.caution, err=True)
    if serve:
        _serve(folder, predictor, port or 0, token)
        return
    echo(f"using {predictor.trial_label} of {folder}", err=True)
    # Blank lines stay where they are, so that outputs and inputs match line by line.
    for text, answer in zip(lines, predictor.complete(lines), strict=True):
        if as_json:
            click.echo(
                json.dumps(
                    {"input": text, "output": answer.text, "stop_reason": answer.stop_reason}, ensure_ascii=False
                )
            )
        else:
            said = answer.text if texts else _in_one_line(answer.text)
            click.echo(shown(said) if sys.stdout.isatty() else said)


def _in_one_line(answer: str) -> str:
    """Return an answer with its line breaks written out: answers and lines of a file stand at the same numbers."""
    return answer.replace("\r", "\\r").replace("\n", "\\n")


def _refuse_bare_texts(given: list[str]) -> None:
    from tunecurve.errors import UsageError
    from tunecurve.privacy.redact import shown

    if given:
        raise UsageError(
            f"'{shown(given[0])}' stands behind the run's folder; give texts as --text '...', or one a line in a --file"
        )


def _check_serving(*, serve: bool, has_texts: bool, port: int | None) -> None:
    from tunecurve.errors import UsageError

    if serve and has_texts:
        raise UsageError("--serve answers clients; leave --text, --file and --json out")
    if port is not None and not serve:
        raise UsageError("--port is for --serve; give both, or leave it out")


def _serve(folder: Path, predictor: Predictor, port: int, token: str | None) -> None:
    """Answer clients until Ctrl-C."""
    from tunecurve.serving.server import ModelServer

    name = folder.resolve().name
    server = ModelServer(predictor, name, port, token)
    guarded = "; clients send the token as their API key" if token else "; any API key will do"
    guarded += "; every answer is paid for" if predictor.learner.is_paid else ""
    echo(f"serving {predictor.trial_label} of {folder} as '{name}' at {server.url}{guarded}; Ctrl-C stops it", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        echo("stopped", err=True)
    finally:
        server.server_close()


def _read_texts(texts: tuple[str, ...], file: Path | None) -> list[str]:
    from tunecurve.errors import DataError, UsageError

    if texts and file:
        raise UsageError("give --text or --file, not both")
    if texts:
        return list(texts)
    place = f"'{file}'" if file else "standard input"
    try:
        content = file.read_bytes() if file else sys.stdin.buffer.read()
        lines = _lines_of(content.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {place} as UTF-8 text ({error}); give UTF-8 text, one text a line") from None
    if not any(line.strip() for line in lines):
        raise UsageError("no text to answer; give --text, --file, or lines on standard input")
    return lines


def _lines_of(text: str) -> list[str]:
    """Return the lines, which end in LF or CR LF, or all in CR alone, as some programs write them; other line breaks are in a text."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
