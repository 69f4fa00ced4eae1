"""Reading command lines that are plain, without loading Typer, which takes longer than most commands do.

How a command line is read is Typer's to say. What is plain is read here as Typer reads it, and the rest is left to it,
help and errors included; `tests/test_plain.py` compares the two.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import UnionType
from typing import NamedTuple

from modelreg.cli.commands import Command, named
from modelreg.cli.parameters import Argument, Option


def read(arguments: Sequence[str]) -> Callable[[], None] | None:
    """Return what a command line asks to be done, or None where it is not plain.

    Plain is a command by its name, and after it flags, options by their full names, and as many arguments as it takes.
    A value stands after its option, or after an `=`, and is text or a path, not a number or a choice. What is given
    twice without being a list, and whatever else begins with a dash, is not plain.
    """
    try:
        found = named(arguments)
        return None if found is None else _read(*found)
    except _NotPlainError:
        return None


class _NotPlainError(Exception):
    """Typer is to read it."""


class _Parameter(NamedTuple):
    """A parameter of a command. kind: bool for a flag, str, Path, `list[str]`, or what is left to Typer."""

    name: str
    told: Option | Argument
    kind: object

    @property
    def many(self) -> bool:
        return self.kind == list[str]

    def put(self, text: str, values: dict[str, object]) -> None:
        """Put a word of the command line among the values."""
        if self.many:
            held = values.setdefault(self.name, [])
            held.append(text)  # type: ignore[attr-defined]  # what was put there the line before
        elif self.name in values or self.kind not in (str, Path):
            raise _NotPlainError
        else:
            values[self.name] = text if self.kind is str else Path(text)


def _read(command: Command, words: Sequence[str]) -> Callable[[], None]:
    parameters = [_parameter(name, hint) for name, hint in command.__annotations__.items() if name != "return"]
    values: dict[str, object] = {}
    _take_arguments(parameters, _take_options(parameters, words, values), values)
    required = len(parameters) - len(command.__defaults__ or ())
    if any(parameter.name not in values for parameter in parameters[:required]):
        raise _NotPlainError
    return partial(command, **values)


def _parameter(name: str, hint: object) -> _Parameter:
    """Read what is told of a parameter: `Annotated[str | None, Option(...)]`."""
    kind, told = hint.__origin__, hint.__metadata__[0]  # type: ignore[attr-defined]  # typing's Annotated has both
    return _Parameter(name, told, kind.__args__[0] if isinstance(kind, UnionType) else kind)


def _take_options(parameters: Sequence[_Parameter], words: Sequence[str], values: dict[str, object]) -> list[str]:
    """Put options among the values; return the other words."""
    options = {
        spelled: one
        for one in parameters
        if isinstance(one.told, Option)
        for spelled in (one.told.name, one.told.short)
        if spelled
    }
    rest = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            rest.append(word)
            continue
        spelled, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = options.get(spelled)
        if option is None:
            raise _NotPlainError
        if option.kind is not bool:
            option.put(value if equals else _following(left), values)
        elif equals:
            raise _NotPlainError
        else:
            values[option.name] = True
    return rest


def _following(words: Iterator[str]) -> str:
    word = next(words, "-")
    if word.startswith("-"):
        raise _NotPlainError
    return word


def _take_arguments(parameters: Sequence[_Parameter], words: list[str], values: dict[str, object]) -> None:
    places = [one for one in parameters if isinstance(one.told, Argument)]
    for word in words:
        if not places:
            raise _NotPlainError
        places[0].put(word, values)
        if not places[0].many:
            del places[0]
