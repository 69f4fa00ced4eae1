"""Which groups of packages a project declares: on the command line, or in the nearest pyproject.toml (PEP 735)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelreg.environment.record import normalized
from modelreg.environment.requirements_file import name_of, read_requirements
from modelreg.errors import UsageError
from modelreg.settings import project_file

GROUPS = ("train", "serve")
"""The groups that can be declared; what both need is `base`."""

# A comma that separates two requirements, and not two bounds of one, or two extras.
_BETWEEN = re.compile(r",\s*(?![<>=!~])(?![^\[]*\])")


class Declaration(NamedTuple):
    """What a group needs: requirements (PEP 508), and where that was said."""

    group: str
    requirements: tuple[str, ...]
    where: str


def declared_groups(given: Mapping[str, str | Sequence[str]] | None = None) -> tuple[Declaration, ...]:
    """Return the groups that are declared; none where nobody does.

    For each of `train` and `serve` the first of these counts: given; `[tool.modelreg.groups]`; a dependency group of
    that name (PEP 735); an extra of that name. What is given is a requirements file, else the name of a dependency
    group or an extra, else requirements with commas between them.

    Raises:
        UsageError: a declaration cannot be understood. NotFoundError: a file that it names does not exist.
    """
    given = given or {}
    for group in given:
        _check_group(group, "--group")
    found = project_file()
    project = Project(*found) if found else None
    declared = (_given(group, given[group], project) if group in given else _of(project, group) for group in GROUPS)
    return tuple(declaration for declaration in declared if declaration)


class Project:
    """The part of a pyproject.toml that tells what is needed for what.

    Raises:
        UsageError: it is not written as the standards want it.
    """

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self.path = path
        self._project = self._table(document, "project")
        self._extras = self._named(self._project, "optional-dependencies")
        self._dependency_groups = self._named(document, "dependency-groups")
        self._own = self._own_groups(self._table(self._table(document, "tool"), "modelreg"))

    def declared(self, group: str) -> Iterator[str] | None:
        """Return what `[tool.modelreg.groups]`, or else a dependency group or an extra of that name, asks for."""
        if self._own is None:
            return None
        own = self._own.get(group)
        if isinstance(own, list):
            return self._expanded(own, ())
        return self.named(group) if own is None else self._named_or_read(group, own)

    def named(self, name: str) -> Iterator[str] | None:
        """Return what a dependency group or an extra asks for, and what the project itself does; None: there is none.

        An extra is installed with the project, and a dependency group nearly always is.
        """
        groups = (self._dependency_groups, self._extras)
        found = next((items for lists in groups if (items := lists.get(normalized(name))) is not None), None)
        if found is None:
            return None
        return self._expanded([*self._dependencies(), *self._list(found, name)], (normalized(name),))

    def _named_or_read(self, group: str, value: str) -> Iterator[str]:
        found = self.named(value)
        if found is not None:
            return found
        file = self.path.parent / value
        if not file.is_file():
            raise self._wrong(f"tool.modelreg.groups.{group}", f"names {value!r}, no file, dependency group or extra")
        return iter(read_requirements(file))

    def _dependencies(self) -> list[object]:
        return self._list(self._project.get("dependencies", []), "project.dependencies")

    def _expanded(self, items: Sequence[object], including: tuple[str, ...]) -> Iterator[str]:
        """Yield requirements; groups that are included (PEP 735), and extras of the project itself, are followed."""
        for item in items:
            if isinstance(item, dict) and list(item) == ["include-group"]:
                yield from self._included(item["include-group"], self._dependency_groups, including)
            elif not isinstance(item, str):
                raise self._wrong("a group", f"holds {str(item)[:50]!r}, which is no requirement")
            elif name_of(item) and name_of(item) == normalized(str(self._project.get("name", ""))):
                yield from self._expanded(self._dependencies(), including)
                for extra in filter(None, re.split(r"[\s,]+", "".join(re.findall(r"\[(.*?)\]", item)))):
                    yield from self._included(extra, self._extras, including)
            else:
                yield item

    def _included(self, name: object, lists: Mapping[str, object], including: tuple[str, ...]) -> Iterator[str]:
        key = normalized(name) if isinstance(name, str) else ""
        if key not in lists:
            raise self._wrong("a group", f"includes {str(name)[:50]!r}, which is not there")
        if key in including and lists is self._dependency_groups:
            raise self._wrong("the dependency group", f"{key} includes itself")
        if key not in including:
            yield from self._expanded(self._list(lists[key], key), (*including, key))

    def _own_groups(self, table: Mapping[str, Any]) -> dict[str, str | list[object]] | None:
        """Return `[tool.modelreg.groups]`; None where it says that there are none (`groups = false`)."""
        if table.get("groups") is False:
            return None
        own = self._table(table, "groups")
        for group, value in own.items():
            _check_group(group, f"{self.path}: [tool.modelreg.groups]")
            if not isinstance(value, (str, list)):
                raise self._wrong(f"tool.modelreg.groups.{group}", "must be a list of requirements, or a name")
        return dict(own)

    def _named(self, table: Mapping[str, Any], name: str) -> dict[str, object]:
        return {normalized(key): items for key, items in self._table(table, name).items()}

    def _list(self, value: object, name: str) -> list[object]:
        if not isinstance(value, list):
            raise self._wrong(name, "must be a list of requirements")
        return value

    def _table(self, table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = table.get(name, {})
        if not isinstance(value, dict):
            raise self._wrong(name, "must be a table")
        return value

    def _wrong(self, what: str, why: str) -> UsageError:
        return UsageError(f"{self.path}: {what} {why}; correct it")


def _of(project: Project | None, group: str) -> Declaration | None:
    found = project.declared(group) if project else None
    return (
        None if project is None or found is None else Declaration(group, tuple(dict.fromkeys(found)), str(project.path))
    )


def _given(group: str, values: str | Sequence[str], project: Project | None) -> Declaration:
    requirements: list[str] = []
    for value in [values] if isinstance(values, str) else values:
        found = None
        if not Path(value).is_file() and not _looks_like_file(value):
            found = (project.named(value) if project else None) or iter(_BETWEEN.split(value))
        requirements += found or read_requirements(Path(value))
    return Declaration(group, tuple(requirements), f"--group {group}")


def _looks_like_file(value: str) -> bool:
    return value.endswith((".txt", ".in")) or ("@" not in value and ("/" in value or "\\" in value))


def _check_group(group: str, where: str) -> None:
    if group not in GROUPS:
        raise UsageError(
            f"{where}: there is no group {group!r}; the groups are train and serve, and base is what both need"
        )
