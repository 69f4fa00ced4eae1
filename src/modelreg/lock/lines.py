"""The lines of a requirements file and of those that it includes, as pip reads them."""

import codecs
import locale
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from modelreg.errors import AccessDeniedError, EnvironmentUnreadableError, NotFoundError
from modelreg.lock.locked import LockDamagedError, Where

_LARGEST = 16 * 1024 * 1024
"""Bytes that a lock may have."""
_LONGEST = 100_000
"""Characters that a line may have with all that continues it: some tools write the hashes of 150 wheels into one."""
_DEEPEST = 100
"""How many files may include each other in turn."""
_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_ENDS = re.compile(r"\r\n|\n|\r")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
_EDITABLES = ("-e", "--editable")
_OPTIONS = (
    *("--index-url", "--pypi-url", "--extra-index-url", "--no-index", "--find-links", "--trusted-host"),
    *("--requirement", "--constraint", "--editable", "--hash", "--require-hashes", "--config-settings"),
    *("--no-binary", "--only-binary", "--prefer-binary", "--pre", "--all-releases", "--only-final", "--use-feature"),
)
"""The options that pip takes in a file, any of which may be cut short."""
_SHORT = re.compile(r"(-[a-zA-Z])(?!-)(.+)")


class Line(NamedTuple):
    """A line that asks for something: what stands before its options, and those, as name and value.

    constraint: it only says which version, in case something asks for it. folder: that of its file.
    remote: it includes a file that would have to be downloaded, `text`.
    """

    text: str
    options: tuple[tuple[str, str], ...]
    where: Where
    folder: Path
    constraint: bool = False
    remote: bool = False

    def values(self, *names: str) -> list[str]:
        """Return the values of options."""
        return [value for name, value in self.options if name in names]


def read_bytes(path: Path, named: str) -> bytes:
    """Read a lock file. named: how to name it.

    Raises:
        NotFoundError, AccessDeniedError: there is none, or it is not ours to read.
        EnvironmentUnreadableError: it is too large to be a lock.
    """
    try:
        if not path.is_file():
            said = "is no file" if path.exists() else "does not exist"
            raise NotFoundError(f"the lock {named} {said}; give a requirements.txt, pylock.toml or uv.lock")
        if path.stat().st_size > _LARGEST:
            raise EnvironmentUnreadableError(f"{named} is too large to be a lock; give one of at most 16 MiB")
        return path.read_bytes()
    except PermissionError:
        raise AccessDeniedError(f"no permission to read {named}") from None
    except (OSError, ValueError) as error:
        raise NotFoundError(f"the lock {named} cannot be read: {error}") from None


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a requirements file, with those of the files that it includes in their place.

    A file that is included again is not read again.

    Raises:
        NotFoundError, AccessDeniedError, EnvironmentUnreadableError: a file cannot be read, or includes itself.
    """
    yield from _read(path, (), set(), constraint=False)


def _read(path: Path, including: tuple[Path, ...], seen: set[tuple[Path, bool]], *, constraint: bool) -> Iterator[Line]:
    named = shown(path)
    data = read_bytes(path, named)
    resolved = path.resolve()
    if (resolved, constraint) in seen:
        return
    seen.add((resolved, constraint))
    text = decoded(data, named)
    for number, line in _logical(text, named):
        where = (named, number)
        words, options = _parts(line, where)
        included = [(name, value) for name, value in options if name in _INCLUDES]
        rest = tuple(option for option in options if option[0] not in _INCLUDES)
        if words or rest:
            yield Line(words, rest, where, path.parent, constraint)
        for name, value in included:
            as_constraint = constraint or _INCLUDES[name]
            target = _included(value, path.parent)
            if target is None:
                yield Line(value, (), where, path.parent, as_constraint, remote=True)
                continue
            _check(target, where, (*including, resolved))
            yield from _read(target, (*including, resolved), seen, constraint=as_constraint)


def _check(target: Path, where: Where, including: tuple[Path, ...]) -> None:
    """Check that a file can be included.

    Raises:
        NotFoundError: it is none. LockDamagedError: it is being read already, or by too many others.
    """
    try:
        is_file = target.is_file()
    except OSError:  # a name that is too long, a folder that is not ours
        is_file = False
    if not is_file:
        raise NotFoundError(f"{where[0]}, line {where[1]} includes {shown(target)}, which is no file; correct it")
    if target.resolve() in including:
        raise LockDamagedError(where, f"{shown(target)} includes itself")
    if len(including) >= _DEEPEST:
        raise LockDamagedError(where, f"it is the {_DEEPEST}th file that includes another in turn")


def shown(path: Path) -> str:
    """Return a path as a person would name it: from the working directory, where it lies below that."""
    relative = os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else os.fspath(path)
    return Path(os.path.normpath(relative)).as_posix()


def decoded(data: bytes, named: str) -> str:
    """Decode a file as pip does: by its byte-order mark or coding line, else UTF-8, else as this system would.

    Raises:
        LockDamagedError: it is not text.
    """
    encodings = [encoding for mark, encoding in _MARKS if data.startswith(mark)][:1]
    if not encodings:
        lines = [_CODING.match(line) for line in data.split(b"\n", 2)[:2]]
        encodings = [match[1].decode("ascii", "replace") for match in lines if match]
        encodings = encodings or ["utf-8", locale.getpreferredencoding(do_setlocale=False)]
    for encoding in encodings:
        try:
            text = data.decode(encoding).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" not in text:
            return text
    raise EnvironmentUnreadableError(
        f"{named} is no text, so it is no lock; give a requirements.txt, pylock.toml or uv.lock"
    )


def _logical(text: str, named: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number that each begins on, joined where one ends with a backslash; a comment ends it.

    Raises:
        LockDamagedError: one is too long to be a requirement.
    """
    first, length, pieces = 0, 0, list[str]()
    for number, line in _physical(text):
        if not pieces:
            first, length = number, 0
        length += len(line)
        if length > _LONGEST:
            raise LockDamagedError((named, first), f"it is longer than {_LONGEST:,} characters")
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            pieces.append(line.strip("\\"))
            continue
        yield from _stripped(first, "".join([*pieces, f" {line}" if is_comment else line]))
        pieces = []
    yield from _stripped(first, "".join(pieces))


def _physical(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines as pip splits them, at form feeds, too, each with the number that an editor shows."""
    for number, line in enumerate(_ENDS.split(text), 1):
        yield from ((number, part) for part in line.splitlines() or [""])


def _stripped(number: int, line: str) -> Iterator[tuple[int, str]]:
    comment = _COMMENT.search(line)
    stripped = line[: comment.start() if comment else len(line)].strip()
    if stripped:
        yield number, _VARIABLE.sub(lambda match: os.environ.get(match[1]) or match[0], stripped)


def _parts(line: str, where: Where) -> tuple[str, list[tuple[str, str]]]:
    """Split a line into what it asks for and its options.

    Raises:
        LockDamagedError: the options cannot be read, or installers differ in which of them they pass over.
    """
    head, mark, condition = line.partition(" ;")
    if mark and line.startswith(("-e", "--e")):
        asked, ((name, place), *others) = _parts(head, where)
        if name in _EDITABLES:  # its condition is no option's, and keeps its quotes
            return asked, [(name, f"{place} ;{condition}"), *others]
    words = line.split()
    cut = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    if cut == len(words):
        return line, []
    try:
        options = _options(_unquoted(" ".join(words[cut:])))
    except ValueError as error:
        raise LockDamagedError(where, f"its options cannot be read ({error})") from None
    asking = [name for name, _ in options if name in _INCLUDES or name in _EDITABLES]
    if asking and (cut or len(asking) > 1):
        raise LockDamagedError(where, f"pip passes over {asking[-1]} there, which has to have a line of its own")
    return " ".join(words[:cut]), options


def _unquoted(options: str) -> list[str]:
    return shlex.split(options) if set(options) & set("'\"\\") else options.split()


def _options(words: list[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, list[str]]] = []
    for word in words:
        short = _SHORT.fullmatch(word)
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.append((_in_full(name), [value] if equals else []))
        elif word.startswith("-"):
            found.append((short[1], [short[2].removeprefix("=")]) if short else (word, []))
        elif found:
            found[-1][1].append(word)
    return [(name, " ".join(values)) for name, values in found]


def _in_full(name: str) -> str:
    """Return the option that a name stands for that may be cut short, as pip takes it."""
    meant = [option for option in _OPTIONS if option.startswith(name)]
    return meant[0] if len(meant) == 1 and name not in _OPTIONS else name


def _included(value: str, folder: Path) -> Path | None:
    if value.startswith("file:"):
        return Path(url2pathname(urlsplit(value).path))
    return None if "://" in value else folder / value
