"""Running an installer, and making a sentence of it when it fails."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from modelreg.environment.record import normalized
from modelreg.errors import NotFoundError, PackageIndexError

_OVERRULED = (
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT", "PIP_REQUIRE_HASHES", "PIP_UPGRADE"),
    *("PIP_REQUIRE_VIRTUALENV", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_REQUIRE_HASHES", "UV_SYSTEM_PYTHON"),
    *("UV_TARGET", "UV_PREFIX", "UV_PYTHON", "UV_EXCLUDE_NEWER", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"),
)
"""Variables that would install an exact pin elsewhere, or refuse it; from which index stays the person's choice."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s'\"]+@")
_LACKING = (
    re.compile(r"no version of ([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*===?\s*([^\s,)]+)"),
    re.compile(r"([A-Za-z0-9._-]+) was not found in"),
    re.compile(r"([A-Za-z0-9._-]+)==([^\s,)]+) has no (?:usable )?wheels"),
    re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*===?\s*([^\s;]+)"),
)
_UNREACHABLE = re.compile(
    r"(?i)failed to fetch|connection|dns error|timed out|name resolution|could not connect|client error|certificate"
)
_SHOWN = 300  # characters of what an installer said


class PinUnavailableError(NotFoundError):
    """An index lacks packages. names: of them, normalised, as far as the installer told."""

    def __init__(self, message: str, names: frozenset[str]) -> None:
        super().__init__(message)
        self.names = names


def run(command: Sequence[str], tool: str) -> str:
    """Run an installer and return what it printed. tool: what it is called.

    Raises:
        PinUnavailableError: no index has a package that was asked for.
        PackageIndexError: the index cannot be reached, or what it serves is not what it should be, or cannot be built.
        NotFoundError: the installer cannot be run.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _OVERRULED}
    # pip's own configuration files may hold constraints, too.
    environ |= {
        "PIP_CONSTRAINT": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "NO_COLOR": "1",
    }
    try:
        done = subprocess.run(  # noqa: S603  # the installer that the person has
            command, capture_output=True, env=environ, stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        raise NotFoundError(f"{tool} cannot be run: {error.strerror}; install it again") from None
    if done.returncode:
        raise _failure(tool, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace")


@contextmanager
def requirements_file(requirements: Sequence[str]) -> Iterator[Path]:
    """Yield a file of requirements, for as long as it is needed; what else is put into its folder goes with it."""
    with TemporaryDirectory(prefix="modelreg-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        yield file


def without_credentials(text: str) -> str:
    """Return text without the user names and passwords of the URLs in it."""
    return _CREDENTIALS.sub("", text)


def _failure(tool: str, said: str) -> NotFoundError | PackageIndexError:
    text = " ".join(without_credentials(said).split())
    lacking = {match.group(1): match.groups()[-1] for pattern in _LACKING for match in pattern.finditer(text)}
    # pip takes an index that cannot be reached for one that has nothing.
    if lacking and "connection broken" not in text:
        pins = ", ".join(name if name == version else f"{name}=={version}" for name, version in lacking.items())
        return PinUnavailableError(
            f"no index of {tool} has {pins} for this Python and platform; tell {tool} of the index that has it "
            f"({_SETTING[tool]})",
            frozenset(map(normalized, lacking)),
        )
    todo = "; see that its index can be reached, and try again" if _UNREACHABLE.search(text) else ""
    return PackageIndexError(f"{tool} failed: {_telling(said)}{todo}")


_SETTING = {"uv": "UV_INDEX, or uv.toml", "pip": "PIP_EXTRA_INDEX_URL, or pip.conf"}


_DRAWN = " \u00d7\u2570\u2500\u25b6\u2502\u251c"
"""What uv draws its errors with."""


def _telling(said: str) -> str:
    """Pick what says most of what an installer said: from its first error on, cut short."""
    lines = [line.strip(_DRAWN) for line in without_credentials(said).splitlines()]
    lines = [line for line in lines if line and not line.lower().startswith(("warning", "hint", "using ", "resolved "))]
    errors = [index for index, line in enumerate(lines) if line.lower().startswith(("error", "caused", "failed"))]
    text = " ".join(lines[errors[0] :] if errors else lines)
    text = "".join(one if one.isprintable() else "?" for one in text.removeprefix("error: ").removeprefix("ERROR: "))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
