"""The application: its commands, and the one place where errors become a sentence and an exit code."""

import errno
import os
import signal
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from modelreg import __version__
from modelreg.cli.alias import alias
from modelreg.cli.annotate import annotate
from modelreg.cli.cache import cache
from modelreg.cli.completion import VARIABLE, ZSH, complete_bash
from modelreg.cli.copy import copy
from modelreg.cli.delete import delete
from modelreg.cli.diff import diff
from modelreg.cli.doctor import doctor
from modelreg.cli.env import env
from modelreg.cli.export import export
from modelreg.cli.gc import gc
from modelreg.cli.history import history
from modelreg.cli.image import image
from modelreg.cli.init import init
from modelreg.cli.list import list_
from modelreg.cli.output import say
from modelreg.cli.pull import pull
from modelreg.cli.register import register
from modelreg.cli.restore import restore
from modelreg.cli.show import show
from modelreg.cli.verify_env import verify_env
from modelreg.errors import ModelregError

app = typer.Typer(
    name="modelreg",
    help="A model registry without a server: a model's bytes and the environment it needs, kept together.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: drawing it would load rich
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command in (
    ("register", register),
    ("list", list_),
    ("pull", pull),
    ("verify-env", verify_env),
    ("show", show),
    ("export", export),
    ("diff", diff),
    ("history", history),
    ("annotate", annotate),
    ("delete", delete),
    ("restore", restore),
    ("gc", gc),
    ("copy", copy),
    ("init", init),
    ("doctor", doctor),
):
    app.command(name)(command)
app.add_typer(alias, name="alias")
app.add_typer(image, name="image")
app.add_typer(env, name="env")
app.add_typer(cache, name="cache")


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)
"""Why an answer cannot be written to where stdout leads."""


class _Interrupted(BaseException):
    """Ctrl-C or a request to end; not KeyboardInterrupt, which Typer would answer itself."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def main(arguments: list[str]) -> int:
    """Run a command line; return its exit code, as README.md lists them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    _prepare_streams()
    wanted = os.environ.get(VARIABLE)
    if wanted in ("complete_bash", "source_zsh"):
        answer = ZSH if wanted == "source_zsh" else complete_bash(lambda: app(arguments, prog_name="modelreg"))
        typer.echo(answer, nl=False)
        return 0
    try:
        app(arguments, prog_name="modelreg")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except (_Interrupted, Exception) as error:  # noqa: BLE001  # the last line of defence: a sentence, not a traceback
        if os.environ.get("MODELREG_DEBUG"):
            traceback.print_exc()
        sentence, code = _said(error)
        say(f"error: {sentence}")
        return code
    return 0


def _prepare_streams() -> None:
    """Make it possible to print anything, anywhere: a closed stream swallows it, a narrow encoding escapes it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # for good
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _said(error: BaseException) -> tuple[str, int]:
    if isinstance(error, ModelregError):
        return str(error), error.exit_code
    if isinstance(error, _Interrupted):
        return "interrupted; nothing is left half-done", error.exit_code
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        return f"the answer cannot be written: {error.strerror}", 1
    return f"a fault of modelreg itself, {type(error).__name__}: {error}; see it with modelreg --debug", 1


def _interrupt(number: int, _: object) -> NoReturn:
    raise _Interrupted(number)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modelreg {__version__}")
        raise typer.Exit


@app.callback()
def _shared(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001  # its callback has done all
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if debug:
        os.environ["MODELREG_DEBUG"] = "1"
