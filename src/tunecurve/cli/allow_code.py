"""The option that lets code of the user's own be loaded."""

from __future__ import annotations

import click

from tunecurve.own_code import allow_code


def _allow_code(context: click.Context, parameter: click.Parameter, is_allowed: bool) -> None:
    if is_allowed:
        allow_code()


allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    expose_value=False,
    callback=_allow_code,
    help="Run the code that the study names as package.module:name.",
)
