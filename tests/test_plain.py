"""Plain command lines: read without Typer, and as Typer reads them."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelreg.cli import app, plain
from modelreg.cli.commands import COMMANDS, GROUPS, Command, load
from modelreg.cli.parameters import Argument, Group, Option
from modelreg.cli.report import Form


def _commands() -> dict[tuple[str, ...], Command]:
    found: dict[tuple[str, ...], Command] = {}
    for name in (*COMMANDS, *GROUPS):
        loaded = load(name)
        if isinstance(loaded, Group):
            found |= {(name, member): command for member, command in loaded.commands.items()}
        else:
            found[(name,)] = loaded
    return found


ALL = _commands()


def _told(command: Command) -> list[Option | Argument]:
    return [hint.__metadata__[0] for name, hint in command.__annotations__.items() if name != "return"]


def _asked(call: Callable[[], None] | None) -> tuple[object, dict[str, object]] | None:
    """Return the function that is to be called, and all that it is to be called with."""
    if call is None:
        return None
    assert isinstance(call, partial)
    bound = inspect.signature(call.func).bind(**call.keywords)
    bound.apply_defaults()
    return call.func, bound.arguments


VALUES = ("fraud", "fraud:3", "k=v", "a b", "", ".", "7", "text", "-", "-x", "--", "--json", "ü", "=")


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line: a command, and then whatever is or resembles its options and arguments."""
    name = draw(st.sampled_from(sorted(ALL)))
    spelled = [one for told in _told(ALL[name]) if isinstance(told, Option) for one in (told.name, told.short) if one]
    value = st.sampled_from(VALUES)
    odd = st.sampled_from(("--nothing", "-h", "--help", "-qo", "-ofile", "--jso", "--registr=x"))
    option = st.sampled_from(spelled)
    part = st.one_of(
        st.lists(value, min_size=1, max_size=1),
        option.map(lambda one: [one]),
        st.tuples(option, value).map(list),
        st.tuples(option, value).map(lambda both: [f"{both[0]}={both[1]}"]),
        st.lists(odd, min_size=1, max_size=1),
    )
    weighted = st.lists(part, max_size=4)
    return [*name, *(word for words in draw(weighted) for word in words)]


@given(lines())
@example(["list"])
@example(["verify-env", "a", "b", "--python", "x", "c"])
@example(["list", "--tag", "a", "--tag=b=c", "--tag", " d "])
@example(["list", "--registry=", "fraud"])
@example(["pull", "fraud", "--output", ""])
def test_a_plain_command_line_is_read_as_typer_reads_it(arguments: list[str]) -> None:
    read = _asked(plain.read(arguments))
    if read is not None:
        assert _asked(app.read(arguments)) == read


@pytest.mark.parametrize("name", ALL, ids=" ".join)
def test_every_command_is_read_without_typer_with_each_of_its_texts_and_flags(name: tuple[str, ...]) -> None:
    command = ALL[name]
    required = [one for one in inspect.signature(command).parameters.values() if one.default is one.empty]
    line = list(name)
    for parameter in required:
        told = parameter.annotation.__metadata__[0]
        line += [told.name, "x"] if isinstance(told, Option) else ["x"]
    whole = list(line)
    for parameter in inspect.signature(command).parameters.values():
        kind, told = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
        if isinstance(told, Option) and parameter not in required and kind != int | None and kind is not Form:
            whole += [told.name] if kind is bool else [f"{told.name}=y"]
    for words in (line, whole):
        read = _asked(plain.read(words))
        assert read is not None
        assert read == _asked(app.read(words))


def test_an_argument_that_takes_several_words_takes_them_all() -> None:
    read = plain.read(["verify-env", "a", "--deep", "b", "c"])
    assert isinstance(read, partial)
    assert read.keywords == {"references": ["a", "b", "c"], "deep": True}


NOT_PLAIN: tuple[list[str], ...] = (
    ["--version"],
    ["--debug", "list"],
    ["lis"],
    ["alias"],
    ["alias", "nothing"],
    ["list", "--help"],
    ["list", "a", "b"],
    ["list", "--limit", "3"],
    ["list", "--json=yes"],
    ["list", "--registry"],
    ["list", "--registry", "-x"],
    ["list", "--registry", "a", "--registry", "b"],
    ["list", "--regist", "a"],
    ["list", "--", "a"],
    ["verify-env", "--format", "json"],
    ["pull"],
    ["pull", "a", "-ob"],
    ["pull", "a", "-o=b"],
    ["image", "build", "a"],
    ["env", "run", "a"],
    [],
)


@pytest.mark.parametrize("arguments", NOT_PLAIN, ids=" ".join)
def test_what_is_not_plain_is_left_to_typer(arguments: Sequence[str]) -> None:
    assert plain.read(arguments) is None


def test_typer_says_what_is_wrong_and_how_to_get_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.read(["pull"])
    assert ended.value.code == 2
    assert "Missing argument 'REF'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        app.read(["pull", "--help"])
    assert "Usage: modelreg pull [OPTIONS]" in capsys.readouterr().out
