"""The commands of the `alor` program."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from alor_async._version import __version__
from alor_async.errors import ConfigError

program = typer.Typer(
    help="Tools for the ALOR Broker API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LAST_PORT = 65_535
Port = Annotated[int, typer.Option(min=0, max=_LAST_PORT, help="Where the API listens; 0 picks a free port.")]
OAuthPort = Annotated[int, typer.Option(min=0, max=_LAST_PORT, help="Where tokens are given out; 0 picks a free port.")]
Seed = Annotated[int, typer.Option(help="Everything random comes from it: the same seed, the same market.")]
Market = Annotated[
    str,
    typer.Option(
        help="How it moves: calm, trend, mean_revert, gap, illiquid, flash_crash; or still, by itself not at all."
    ),
]
Speed = Annotated[
    float,
    typer.Option(min=0, help="How many times as fast exchange time runs: 60 makes a minute last a second, 0 stops it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON for programs instead.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alor-async {__version__}")
        raise typer.Exit


@program.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    """Tools for the ALOR Broker API."""


@program.command()
def sandbox(
    *,
    port: Port = 0,
    oauth_port: OAuthPort = 0,
    seed: Seed = 0,
    market: Market = "calm",
    speed: Speed = 1,
    as_json: Json = False,
) -> None:
    """Run an exchange of your own on this machine: no account, no network.

    Prints its addresses, a refresh token and the portfolios, and runs until Ctrl-C or SIGTERM.
    """
    from alor_async.cli.serving import ends, serve

    try:
        serve(ends(), port=port, oauth_port=oauth_port, seed=seed, market=market, speed=speed, as_json=as_json)
    except ConfigError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong
    except OSError as failure:
        Console(stderr=True).print(f"alor: cannot listen: {failure.strerror or failure}", highlight=False)
        raise typer.Exit(1) from failure
