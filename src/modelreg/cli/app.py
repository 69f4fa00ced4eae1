"""The application, as Typer has it: how any command line is read, help, completion, and what is said of a wrong one."""

import inspect
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from modelreg import __version__
from modelreg.cli import completion
from modelreg.cli.commands import COMMANDS, COMPLETION, GROUPS, Command, load
from modelreg.cli.completion import ZSH, complete_bash
from modelreg.cli.output import print_raw
from modelreg.cli.parameters import Argument, Group

_Asked = list[Callable[[], None]]
"""What a command line asks to be done: one thing, or nothing where it asks for help."""


def read(arguments: Sequence[str]) -> Callable[[], None]:
    """Return what a command line, or a shell that completes one, asks to be done.

    Nothing is done inside of Typer, which has answers of its own to errors.

    Raises:
        SystemExit: it asks for nothing more, or it is wrong (2), which Typer has said.
    """
    asked: _Asked = []
    shell = os.environ.get(COMPLETION)
    made = application(asked, None if shell or not arguments else arguments[0])
    if shell == "source_zsh":
        return lambda: print_raw(ZSH, end="")
    if shell == "complete_bash":
        return lambda: print_raw(complete_bash(lambda: made(arguments, prog_name="modelreg")), end="")
    try:
        made(arguments, prog_name="modelreg")
    except SystemExit:
        if not asked:
            raise
    return asked[0]


def application(asked: _Asked, wanted: str | None = None) -> typer.Typer:
    """Return the application; with the name of a command, that one alone, which takes a third of the time to make.

    asked: where it puts what is to be done.
    """
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
    for name in filter(None, alone):
        found = load(name)
        if isinstance(found, Group):
            group = typer.Typer(help=found.help, no_args_is_help=True, rich_markup_mode=None)
            for member, command in found.commands.items():
                group.command(member)(_told(command, asked))
            made.add_typer(group, name=name)
        else:
            made.command(name)(_told(found, asked))
    return made


def _told(command: Command, asked: _Asked) -> Command:
    """Return a function that Typer takes for the command, and that puts off what it does."""

    def put_off(**values: object) -> None:
        asked.append(partial(command, **values))

    parameters = [_typers(parameter) for parameter in inspect.signature(command).parameters.values()]
    put_off.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect asks for it
    put_off.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    put_off.__doc__ = command.__doc__
    return put_off


def _typers(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter with what Typer wants to be told of it."""
    kind, told = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
    settings: dict[str, Any] = {"metavar": told.metavar, "help": told.help}
    settings["readable"] = False  # whether a path can be read is found out by who reads it
    if told.completes:
        settings["autocompletion"] = getattr(completion, f"complete_{told.completes}")
    if isinstance(told, Argument):
        info = typer.Argument(show_default=False, **settings)
    else:
        info = typer.Option(*filter(None, (told.name, told.short)), min=told.least, **settings)
    return parameter.replace(annotation=Annotated[kind, info])


def _print_version(wanted: bool) -> None:
    if wanted:
        print_raw(f"modelreg {__version__}")
        raise typer.Exit


def _shared(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001  # its callback has done all
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if debug:
        os.environ["MODELREG_DEBUG"] = "1"
