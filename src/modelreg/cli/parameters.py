"""What the command line is told of a command's parameters, in Typer's words, without loading Typer."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Option(NamedTuple):
    """An option. name, short: `--output`, `-o`. metavar: what stands for its value in the help; a flag has none.

    completes: what the shell offers for it, the end of a name in `cli/completion.py`. least: of a number.
    """

    name: str
    short: str = ""
    metavar: str | None = None
    help: str = ""
    completes: str = ""
    least: int | None = None


class Argument(NamedTuple):
    """A word without a name, told by its place. The fields are as an option's."""

    metavar: str
    help: str
    completes: str = ""


class Group(NamedTuple):
    """A command that has commands of its own."""

    help: str
    commands: Mapping[str, Callable[..., None]]
