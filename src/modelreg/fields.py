"""The fields of records: writing those that are known, reading those that fit.

Whatever does not fit when reading is damage, named by its field.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from modelreg.errors import IntegrityError

T = TypeVar("T")

_TOO_LARGE = 2**63
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX32 = re.compile(r"[0-9a-f]{32}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_UPLOAD = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{32}", re.ASCII)
_TEXT = frozenset({str})


class _Value(Protocol):
    def _asdict(self) -> dict[str, Any]: ...


def present(value: _Value) -> dict[str, object]:
    """Return the fields of a value, those of the values in it too, without those that are unknown (None)."""
    return {
        name: present(item) if hasattr(item, "_asdict") else item
        for name, item in value._asdict().items()
        if item is not None
    }


class Fields:
    """The fields of one object of a record.

    Every method raises IntegrityError where the field has another type, or is absent without a default.
    """

    def __init__(self, mapping: Mapping[str, object], path: str = "") -> None:
        self._mapping = mapping
        self._path = path

    @property
    def mapping(self) -> Mapping[str, object]:
        """The object itself."""
        return self._mapping

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._mapping.get(name)
        return value if isinstance(value, str) else self._typed(name, str)

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None where the field is absent."""
        return self.text(name) if name in self._mapping else None

    def integer(self, name: str) -> int:
        """Return an integer from 0 that 63 bits hold."""
        value = self._typed(name, int)
        if isinstance(value, bool) or not 0 <= value < _TOO_LARGE:
            raise self.damage(name, "is no number from 0")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer of at least 0, or None where the field is null."""
        return None if self._mapping.get(name, 0) is None else self.integer(name)

    def optional_flag(self, name: str) -> bool | None:
        """Return a boolean, or None where the field is absent."""
        return self._typed(name, bool) if name in self._mapping else None

    def digest(self, name: str) -> str:
        """Return a digest, with its `sha256:`."""
        return self._matching(name, _DIGEST, "is no sha256 digest")

    def sha256(self, name: str) -> str:
        """Return 64 hexadecimal digits."""
        return self._matching(name, _HEX64, "is no sha256")

    def optional_sha256(self, name: str) -> str | None:
        """Return 64 hexadecimal digits, or None where the field is absent."""
        return self.sha256(name) if name in self._mapping else None

    def op(self, name: str = "op") -> str:
        """Return the 32 hexadecimal digits of an operation."""
        return self._matching(name, _HEX32, "is no operation id")

    def time(self, name: str) -> str:
        """Return a time, `YYYY-MM-DDTHH:MM:SSZ`."""
        return self._matching(name, _TIME, "is no time")

    def upload(self, name: str) -> str:
        """Return an upload-id."""
        return self._matching(name, _UPLOAD, "is no upload id")

    def child(self, name: str) -> "Fields":
        """Return the fields of an object in this one."""
        return Fields(self._typed(name, dict), f"{self._path}{name}.")

    def optional_child(self, name: str) -> "Fields | None":
        """Return the fields of an object in this one, or None where it is absent."""
        return self.child(name) if name in self._mapping else None

    def optional(self, name: str, read: "Callable[[Fields], T]") -> T | None:
        """Return what `read` makes of an object in this one, or None where it is absent."""
        return read(self.child(name)) if name in self._mapping else None

    def children(self, name: str) -> "list[Fields]":
        """Return the fields of each object of a list."""
        items = self._typed(name, list)
        if not all(isinstance(item, dict) for item in items):
            raise self.damage(name, "is no list of objects")
        return [Fields(item, f"{self._path}{name}[{index}].") for index, item in enumerate(items)]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, empty where it is absent."""
        items = self._typed(name, list) if name in self._mapping else []
        if not _TEXT.issuperset(map(type, items)):
            raise self.damage(name, "is no list of strings")
        return tuple(items)

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of strings, or None where it is absent."""
        return self.texts(name) if name in self._mapping else None

    def optional_children(self, name: str) -> "list[Fields]":
        """Return the fields of each object of a list, empty where it is absent."""
        return self.children(name) if name in self._mapping else []

    def text_map(self, name: str) -> dict[str, str]:
        """Return an object of strings, empty where it is absent."""
        mapping = self._typed(name, dict) if name in self._mapping else {}
        if not _TEXT.issuperset(map(type, mapping.values())):
            raise self.damage(name, "is no object of strings")
        return mapping

    def damage(self, name: str, reason: str) -> IntegrityError:
        """Return the error that says what is wrong with a field."""
        return IntegrityError(f"is damaged: the field {self._path}{name} {reason}")

    def _matching(self, name: str, pattern: re.Pattern[str], reason: str) -> str:
        value = self.text(name)
        if pattern.fullmatch(value) is None:
            raise self.damage(name, reason)
        return value

    def _typed(self, name: str, kind: type[T]) -> T:
        value = self._mapping.get(name)
        if not isinstance(value, kind):
            raise self.damage(name, "is missing" if name not in self._mapping else "has the wrong type")
        return value
