"""Printing: tables for people, aligned text in a pipe, JSON for scripts."""

import json
import sys
from collections.abc import Sequence

import typer

_STEP = 1000


def say(text: str) -> None:
    """Print a line of talk to stderr."""
    typer.echo(text, err=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(f"warning: {text}")


def print_json(value: object) -> None:
    """Print one JSON document to stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table: drawn on a terminal, aligned columns elsewhere. right: the columns of numbers."""
    if sys.stdout.isatty():
        _draw(columns, rows, right)
        return
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def size_text(size: int) -> str:
    """Return a number of bytes as people write it: `9.2 MB` (1 MB = 1,000,000 bytes)."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(value, 1) < _STEP:
            break
        value, unit = value / _STEP, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 file`, `3 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if column in right else "left",
            style="cyan" if index == 0 else "",
            no_wrap=index == 0,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
