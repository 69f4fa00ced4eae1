"""Printing: tables for people, aligned text in a pipe, JSON for scripts."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from modelreg.errors import IntegrityError

_STEP = 1000
_SHORT = 20  # characters
_GAP = 2  # characters between columns


def clean(text: str) -> str:
    """Return text as one line that no terminal takes for commands; it may come from somebody else's records."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def say(text: str) -> None:
    """Print a line of talk to stderr."""
    _write(f"{clean(text)}\n", sys.stderr)


def print_raw(text: str, end: str = "\n") -> None:
    """Print text to stdout as it is, line ends included: what another program reads."""
    _write(text + end, sys.stdout)


def print_line(text: str) -> None:
    """Print a line for people to stdout."""
    print_raw(clean(text))


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(f"warning: {text}")


def tell_damage(damage: "Sequence[IntegrityError]") -> None:
    """Warn of damaged records, and end the command with the last of them; all that could be read was printed."""
    for error in damage[:-1]:
        warn(str(error))
    if damage:
        raise damage[-1]


def say_seen(seen: str | None, reference: str) -> None:
    """Say how old an offline answer is. seen: when the registry was last seen, as records have times; None online."""
    if seen is not None:
        say(f"Offline: {reference} as the registry was last seen, on {minute(seen)} UTC.")


def print_json(value: object) -> None:
    """Print one JSON document to stdout."""
    # Imported here: most answers are text.
    import json

    print_raw(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), extra: Sequence[str] = ()
) -> None:
    """Print a table: drawn on a terminal that is wide enough, aligned columns elsewhere.

    right: the columns of numbers. extra: those that a narrow terminal can do without.
    """
    rows = [[clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and _draw(columns, rows, right, extra):
        return
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        print_raw("  ".join(cells).rstrip())


def size_text(size: int) -> str:
    """Return a number of bytes as people write it: `9.2 MB` (1 MB = 1,000,000 bytes)."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(value, 1) < _STEP:
            break
        value, unit = value / _STEP, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def minute(time: str) -> str:
    """Return a time of a record to the minute: `2026-11-22 14:30`."""
    return time[:16].replace("T", " ")


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 file`, `3 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], extra: Sequence[str]) -> bool:
    """Draw a table, without columns that are empty; tell whether the terminal is wide enough for it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = {
        index: max(len(row[index]) for row in (columns, *rows))
        for index in range(len(columns))
        if any(row[index] for row in rows)
    }
    # What is long is folded; a time or a size is never broken.
    least = {index: min(width, _SHORT) + _GAP for index, width in widths.items()}
    for index in list(widths):
        if columns[index] in extra and sum(least.values()) - _GAP > console.width:
            del widths[index], least[index]
    if sum(least.values()) - _GAP > console.width:
        return False
    table = Table(
        box=box.SIMPLE_HEAD, header_style="bold", padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False
    )
    for index, width in widths.items():
        table.add_column(
            columns[index],
            justify="right" if columns[index] in right else "left",
            style="cyan" if index == 0 else "",
            no_wrap=width <= _SHORT,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(row[index]) for index in widths))
    console.print(table)
    return True


def _write(text: str, stream: TextIO) -> None:
    """Write text at once, so that what is said and what is answered come in their order.

    An answer that nobody reads any more, as `head` does, ends the command. Talk may get lost: what is done goes on.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        if stream is sys.stderr:
            return
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        raise
