"""The commands there are, and the functions that do them."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TypeAlias

from modelreg.cli.parameters import Group

Command: TypeAlias = Callable[..., None]
"""What does a command: its parameters are the arguments and options, its docstring is the help."""

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

COMPLETION = "_MODELREG_COMPLETE"
"""The environment variable by which a shell asks for completion; Typer names it."""


def load(name: str) -> Command | Group:
    """Return a command, or a group, by its name on the command line; its module is loaded."""
    module = import_module(f"modelreg.cli.{name.replace('-', '_')}")
    found: Command | Group = getattr(module, COMMANDS.get(name, name))
    return found


def named(arguments: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
    """Return the command that a command line begins with, and the words after it; None where it names none."""
    if not arguments or arguments[0] not in (*COMMANDS, *GROUPS):
        return None
    found, words = load(arguments[0]), arguments[1:]
    if not isinstance(found, Group):
        return found, words
    command = found.commands.get(words[0]) if words else None
    return None if command is None else (command, words[1:])
