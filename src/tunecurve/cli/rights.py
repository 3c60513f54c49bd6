"""The options that say what a command may do: run code of the user's own, leave this machine."""

from __future__ import annotations

import click

from tunecurve.own_code import allow_code


def _allow_code(context: click.Context, parameter: click.Parameter, is_allowed: bool) -> None:
    if is_allowed:
        allow_code()


def _stay_here(context: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from tunecurve.privacy.network import stay_on_this_machine

        stay_on_this_machine()


allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    expose_value=False,
    callback=_allow_code,
    help="Run the code that the study names as package.module:name.",
)
local_only_option = click.option(
    "--local-only",
    is_flag=True,
    expose_value=False,
    callback=_stay_here,
    help="Refuse every connection to another machine.",
)
