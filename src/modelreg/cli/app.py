"""The application: its commands, and the one place where errors become a sentence and an exit code."""

import errno
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from modelreg import __version__
from modelreg.cli.output import say
from modelreg.errors import ModelregError

COMMANDS = {
    "register": "register",
    "list": "list_",
    "pull": "pull",
    "verify-env": "verify_env",
    "show": "show",
    "export": "export",
    "diff": "diff",
    "history": "history",
    "annotate": "annotate",
    "delete": "delete",
    "restore": "restore",
    "gc": "gc",
    "copy": "copy",
    "init": "init",
    "doctor": "doctor",
}
"""The function of each command; it stands in the module of the command's name."""

GROUPS = ("alias", "image", "env", "cache")
"""Commands that have commands of their own."""


def application(wanted: str | None = None) -> typer.Typer:
    """Return the application; with the name of a command, that one alone, which takes a third of the time to make."""
    alone = (wanted,) if wanted in (*COMMANDS, *GROUPS) else (*COMMANDS, *GROUPS)
    made = typer.Typer(
        name="modelreg",
        help="A model registry without a server: a model's bytes and the environment it needs, kept together.",
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: drawing it would load rich
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_shared,
    )
    for name in alone:
        module = import_module(f"modelreg.cli.{str(name).replace('-', '_')}")
        if name in GROUPS:
            made.add_typer(getattr(module, name), name=name)
        else:
            made.command(name)(getattr(module, COMMANDS[str(name)]))
    return made


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
    completing = os.environ.get("_MODELREG_COMPLETE")
    if completing in ("complete_bash", "source_zsh"):
        # Imported here: Typer does without for the other shells, and no command needs it.
        from modelreg.cli.completion import ZSH, complete_bash

        answer = ZSH if completing == "source_zsh" else complete_bash(lambda: _run(arguments, None))
        typer.echo(answer, nl=False)
        return 0
    try:
        _run(arguments, None if completing or not arguments else arguments[0])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except (_Interrupted, Exception) as error:  # noqa: BLE001  # the last line of defence: a sentence, not a traceback
        if os.environ.get("MODELREG_DEBUG"):
            traceback.print_exc()
        sentence, code = _said(error)
        say(f"error: {sentence}")
        return code
    return 0


def _run(arguments: list[str], wanted: str | None) -> None:
    application(wanted)(arguments, prog_name="modelreg")


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


def _shared(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001  # its callback has done all
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if debug:
        os.environ["MODELREG_DEBUG"] = "1"
