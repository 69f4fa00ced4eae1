"""What a person types to name a model or a version: `fraud`, `fraud:3`, `fraud@production`, `fraud@sha256:…`."""

import re
from typing import NamedTuple

from modelreg.digest import is_sha256
from modelreg.errors import UsageError
from modelreg.paths import is_device_name

LATEST = "latest"
"""The reserved alias: the highest live version."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SHOWN = 80  # characters of a name that an error repeats
_NUMBER = re.compile(r"[1-9][0-9]{0,7}", re.ASCII)


class Reference(NamedTuple):
    """A model, and which of its versions: by number, by alias or by digest; `latest` when nothing is said."""

    model: str
    version: int | None = None
    alias: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read a reference.

        Raises:
            UsageError: `text` is none; the message shows the forms that are.
        """
        if "@" in text:
            model, _, selector = text.partition("@")
            check_model_name(model)
            if selector.startswith("sha256:"):
                if not is_sha256(selector.removeprefix("sha256:")):
                    raise UsageError(f"{_shown(text)}: after sha256: come 64 hexadecimal digits, in lower case")
                return cls(model, digest=selector)
            return cls(model, alias=_selected_alias(selector, text))
        model, colon, selector = text.partition(":")
        check_model_name(model)
        if not colon:
            return cls(model, alias=LATEST)
        if _NUMBER.fullmatch(selector):
            return cls(model, version=int(selector))
        if selector[:1].isalpha():
            return cls(model, alias=_selected_alias(selector, text))
        raise UsageError(f"{_shown(text)}: a version is a number from 1 to 99999999, as in {model}:3")

    def __str__(self) -> str:
        """Return the shortest form that parses to this reference."""
        if self.version is not None:
            return f"{self.model}:{self.version}"
        selector = self.digest or self.alias
        return self.model if selector == LATEST else f"{self.model}@{selector}"


def is_model_name(name: str) -> bool:
    """Tell whether `name` can be the name of a model."""
    return _NAME.fullmatch(name) is not None and name[-1] not in ".-" and not is_device_name(name)


def check_model_name(name: str) -> None:
    """Check the name of a model.

    Raises:
        UsageError: with a name that would do, where there is one.
    """
    if not is_model_name(name):
        raise UsageError(f"{_shown(name)} cannot be the name of a model{_suggestion(name)}")


def check_alias_name(name: str) -> None:
    """Check the name of an alias; `latest`, `sha256` and bare numbers are none.

    Raises:
        UsageError: with the reason.
    """
    if name in (LATEST, "sha256") or name.isdecimal():
        raise UsageError(f"{_shown(name)} is reserved; choose another name for the alias")
    if not is_model_name(name):
        raise UsageError(f"{_shown(name)} cannot be the name of an alias{_suggestion(name)}")


def _selected_alias(selector: str, text: str) -> str:
    if selector == LATEST:
        return LATEST
    if selector.isdecimal():
        raise UsageError(f"{_shown(text)}: a version comes after a colon, an alias after an @")
    check_alias_name(selector)
    return selector


def _suggestion(name: str) -> str:
    device = is_device_name(name)
    rule = "use up to 63 of a-z 0-9 . _ -, beginning and ending with a letter or a digit"
    reason = "Windows takes it for a device" if device else rule
    plain = re.sub(r"[^a-z0-9._]+", "-", f"{'my-' * device}{name.lower()}").strip("-._")[:63].strip("-._")
    return f": {reason}{'; choose another' * device}, such as {plain}" if is_model_name(plain) else f": {reason}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")
