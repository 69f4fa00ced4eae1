"""Reading requirements files, as pip writes and takes them: what they ask for, and nothing of how to get it."""

import re
from collections.abc import Iterator
from pathlib import Path

from modelreg.environment.record import is_name, normalized
from modelreg.errors import NotFoundError, UsageError

_COMMENT = re.compile(r"(^|\s)#.*")
_OPTION = re.compile(r"(-r|-c|-e|--requirement|--constraint|--editable)(?:\s+|=|(?<=-[rce]))\s*(\S.*)")
_OF_ONE = re.compile(r"\s+--?[a-z].*")  # --hash=… and other options of one requirement
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_WHEEL = re.compile(r"([A-Za-z0-9._]+)-[^-/]+(?:-[^-/]+)?-[^-/]+-[^-/]+-[^-/]+\.whl")
_PATH = re.compile(r"(\.{1,2}([/\\]|$|\[)|/|~|[A-Za-z]:[/\\]|file:)|(?!\S*://)\S*\.(whl|zip|tar\.gz)$")


def read_requirements(path: Path) -> tuple[str, ...]:
    """Return the requirements (PEP 508) of a file, those of the files that it includes among them.

    A constraint counts where what it constrains is asked for. What has only a place gets the name that is found there.

    Raises:
        NotFoundError: a file does not exist. UsageError: one cannot be read, or a line has no package's name.
    """
    constraints: list[str] = []
    asked = list(dict.fromkeys(_read(path, (), constraints)))
    names = {name_of(line) for line in asked}
    return (*asked, *(line for line in dict.fromkeys(constraints) if name_of(line) in names and line not in asked))


def name_of(requirement: str) -> str:
    """Return the normalised name of what a requirement asks for; empty where it has none."""
    match = re.match(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[\[<>=!~;@(,])", requirement)
    return normalized(match[1]) if match else ""


def _read(path: Path, including: tuple[Path, ...], constraints: list[str]) -> Iterator[str]:
    if path.resolve() in including:
        return  # it includes itself
    for line in _lines(path):
        option = _OPTION.fullmatch(line)
        if option is None:
            if not line.startswith("-"):  # other options say where to get it, or how
                yield _requirement(_OF_ONE.sub("", line), path)
        elif option[1] in ("-e", "--editable"):
            yield _requirement(option[2], path)
        elif "://" in option[2]:
            raise UsageError(f"{path} includes {option[2].split('://')[0]}://…; download it, and include the file")
        else:
            included = _read(path.parent / option[2].strip("\"'"), (*including, path.resolve()), constraints)
            if option[1] in ("-c", "--constraint"):
                constraints += included
            else:
                yield from included


def _lines(path: Path) -> Iterator[str]:
    if path.suffix in (".toml", ".lock"):
        raise UsageError(f"{path} is no requirements file; make one of it: uv export --format requirements.txt")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"there is no requirements file {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; see that you may read it") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8; save it as UTF-8") from None
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if stripped := _COMMENT.sub("", line).strip():
            yield stripped


def _requirement(line: str, path: Path) -> str:
    """Return a line as a requirement with a name."""
    if name_of(line) and not _PATH.match(line):
        return line
    found = _EGG.search(line) or _WHEEL.search(line)
    name = found[1] if found else _project_in(path.parent / line.partition("[")[0].partition(";")[0].strip())
    if not is_name(name):
        raise UsageError(f"{path}: {_without_secrets(line)!r} does not say which package it is; write NAME @ URL")
    return name if _PATH.match(line) else f"{name} @ {line.partition('#egg=')[0]}"


def _project_in(folder: Path) -> str:
    # Imported here: few requirements are folders.
    from modelreg.lock.address import project_of

    return project_of(folder)[0]


def _without_secrets(line: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", line)[:100]
