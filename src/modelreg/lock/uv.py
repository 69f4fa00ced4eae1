"""Reading a uv.lock: of all that it resolves, what one environment would get."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit, urlunsplit

from modelreg.environment.record import Environment, Origin, Package, is_commit, normalized
from modelreg.errors import EnvironmentUnreadableError
from modelreg.fields import Fields
from modelreg.lock.address import archive, vcs_origin, version_of_files
from modelreg.lock.conditions import Conditions
from modelreg.lock.locked import Lock, Locked, Loose, Where, files_of, name_and_version, place_of, settled
from modelreg.lock.requirements import sha256s

_FOLDERS = ("editable", "directory", "virtual")
_SUPPORTED = 1
_MOST = 100
"""Entries of one package, each for other systems or groups."""


class _Step(NamedTuple):
    """A package of the lock, by its number, with one of its extras; empty: without."""

    number: int
    extra: str


class _Entry(NamedTuple):
    """A package as it stands in the lock."""

    fields: Fields
    where: Where
    name: str
    version: str
    source: Mapping[str, object]


def read_uv(document: Mapping[str, object], lines: list[Where], environment: Environment, group: str | None) -> Lock:
    """Read the document of a uv.lock for the Python and platform of an environment.

    Only what the project needs counts, and what it needs for the chosen group, or else extra, where it has one of that
    name. lines: where each package stands.

    Raises:
        EnvironmentUnreadableError: it was written by a later uv. IntegrityError: a field is damaged.
    """
    fields = Fields(document)
    version = fields.integer("version")
    if version != _SUPPORTED:
        raise EnvironmentUnreadableError(
            f"it is of version {version}, and {_SUPPORTED} is what is read; update modelreg, or export it: uv export"
        )
    entries = [
        _entry(package, where) for package, where in zip(fields.optional_children("package"), lines, strict=True)
    ]
    projects = _projects(fields, entries)
    own = [entries[number] for number in projects]
    chosen = _chosen(fields, own, group)
    tokens = [_token(kind, one.name, name) for kind, name in chosen for one in own if _needs(one, kind, name)]
    tokens += [_token("extra", name, extra) for name, extra in _own_extras(own, chosen)]
    conditions = Conditions(environment, extras=[*tokens, *(_token("project", project.name, "") for project in own)])
    walk = _Walk(entries, conditions)
    top = (lines[0][0], 1) if lines else ("uv.lock", 1)
    for number in projects:
        walk.start(number, chosen)
    walk.need(fields, chosen, top)
    return Lock(
        "uv.lock",
        "",
        *settled(walk.found()),
        python=fields.optional_text("requires-python"),
        foreign=conditions.foreign(fields.texts("supported-markers")),
        group=chosen[0][1] if chosen else None,
    )


def _entry(fields: Fields, where: Where) -> _Entry:
    return _Entry(fields, where, *name_and_version(fields), fields.child("source").mapping)


def _projects(fields: Fields, entries: list[_Entry]) -> list[int]:
    """Return the numbers of the project's own package, or of all members of a workspace that has none at its root."""
    own = [
        number for number, one in enumerate(entries) if "." in (one.source.get("editable"), one.source.get("virtual"))
    ]
    manifest = fields.optional_child("manifest")
    members = set(map(normalized, manifest.texts("members"))) if manifest else set()
    if own or not members:
        return own
    return [number for number, one in enumerate(entries) if one.name in members and set(one.source) & set(_FOLDERS)]


def _chosen(fields: Fields, projects: list[_Entry], group: str | None) -> list[tuple[str, str]]:
    """Return the kind and the name of what is chosen beside the project's own needs: a group, else an extra."""
    asked = normalized(group) if group else ""
    tables = [*(one.fields for one in projects), *filter(None, [fields.optional_child("manifest")])]
    for kind, declared in (("group", _groups), ("extra", _extras)):
        known = [name for table in tables for name in declared(table) if normalized(name) == asked]
        if known:
            return [(kind, known[0])]
    return []


def _groups(table: Fields) -> Iterator[str]:
    """Yield the groups of a project or workspace; one that needs nothing stands in what the project says alone."""
    metadata = table.optional_child("metadata")
    said = metadata.optional_child("requires-dev") if metadata else None
    for lists in (table.optional_child("dev-dependencies"), table.optional_child("dependency-groups"), said):
        yield from lists.mapping if lists else ()


def _extras(table: Fields) -> Iterator[str]:
    lists, metadata = table.optional_child("optional-dependencies"), table.optional_child("metadata")
    yield from lists.mapping if lists else ()
    yield from metadata.texts("provides-extras") if metadata else ()


def _needs(project: _Entry, kind: str, name: str) -> bool:
    """Tell whether a project needs anything for a group or extra; uv takes one that is empty for not chosen."""
    lists = project.fields.optional_child("dev-dependencies" if kind == "group" else "optional-dependencies")
    return lists is not None and name in lists.mapping


def _own_extras(projects: list[_Entry], chosen: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the extras of projects that a chosen group asks for, with the project's name: `["the-app[cpu]"]`."""
    names = {project.name for project in projects}
    for project in projects:
        groups = project.fields.optional_child("dev-dependencies")
        for kind, group in chosen:
            for one in groups.children(group) if kind == "group" and groups and group in groups.mapping else ():
                if (name := normalized(one.text("name"))) in names:
                    yield from ((name, normalized(extra)) for extra in _extras_of(one))


def _extras_of(dependency: Fields) -> Iterator[str]:
    yield from (*dependency.texts("extra"), *dependency.texts("extras"))


def _token(kind: str, project: str, name: str) -> str:
    """Return how uv writes a choice in the conditions of a lock with conflicts: `extra-5-fraud-gpu`."""
    return f"{kind}-{len(project)}-{project}{f'-{name}' if name else ''}"


class _Walk:
    """Walks from the project along the dependencies whose conditions hold."""

    def __init__(self, entries: list[_Entry], conditions: Conditions) -> None:
        self._entries = entries
        self._conditions = conditions
        self._by_name: dict[str, list[int]] = {}
        for number, entry in enumerate(entries):
            self._by_name.setdefault(entry.name, []).append(number)
        crowded = next((name for name, numbers in self._by_name.items() if len(numbers) > _MOST), None)
        if crowded is not None:
            raise EnvironmentUnreadableError(f"{crowded} has more than {_MOST} entries; make the lock again")
        self._reached: set[_Step] = set()
        self._loose: list[Loose] = []

    def start(self, number: int, chosen: Iterable[tuple[str, str]]) -> None:
        """Walk from a project of one's own, with the group or extra that is chosen."""
        entry = self._entries[number]
        self._follow(
            [_Step(number, ""), *(_Step(number, normalized(name)) for kind, name in chosen if kind == "extra")]
        )
        for kind, name in chosen:
            groups = entry.fields.optional_child("dev-dependencies")
            if kind == "group" and groups and name in groups.mapping:
                self._follow(self._steps(groups.children(name), entry.where))

    def need(self, fields: Fields, chosen: Iterable[tuple[str, str]], where: Where) -> None:
        """Walk from what a script, or a workspace without a project at its root, needs."""
        manifest = fields.optional_child("manifest")
        if manifest is None:
            return
        self._follow(self._steps(manifest.optional_children("requirements"), where))
        groups = manifest.optional_child("dependency-groups")
        for kind, name in chosen:
            if kind == "group" and groups and name in groups.mapping:
                self._follow(self._steps(groups.children(name), where))

    def found(self) -> Iterator[Locked | Loose]:
        """Yield what was reached, a project that is only a name left out."""
        for number in sorted({step.number for step in self._reached}):
            entry = self._entries[number]
            if "virtual" not in entry.source:
                yield _locked(entry)
        yield from self._loose

    def _follow(self, steps: Iterable[_Step]) -> None:
        ahead = list(steps)
        while ahead:
            step = ahead.pop()
            if step in self._reached:
                continue
            self._reached.add(step)
            entry = self._entries[step.number]
            if not step.extra:
                ahead += self._steps(entry.fields.optional_children("dependencies"), entry.where)
                continue
            extras = entry.fields.optional_child("optional-dependencies")
            if extras and step.extra in extras.mapping:  # uv writes names normalised
                ahead += self._steps(extras.children(step.extra), entry.where)

    def _steps(self, dependencies: list[Fields], where: Where) -> Iterator[_Step]:
        for dependency in dependencies:
            name = normalized(dependency.text("name"))
            holds = self._conditions.hold(dependency.optional_text("marker"))
            if holds is None:
                self._loose.append(Loose(name, "its condition cannot be judged for another machine", where))
            if not holds:
                continue
            number = self._resolved(name, dependency)
            if number is None:
                self._loose.append(Loose(name, "the lock does not say which of its entries is meant", where))
                continue
            yield from (_Step(number, extra) for extra in ("", *map(normalized, _extras_of(dependency))))

    def _resolved(self, name: str, dependency: Fields) -> int | None:
        """Return the number of the one package that a dependency means for this environment."""
        version, source = dependency.optional_text("version"), dependency.optional_child("source")
        numbers = [
            number
            for number in self._by_name.get(name, ())
            if (version is None or self._entries[number].version == version)
            and (source is None or self._entries[number].source == source.mapping)
        ]
        if len(numbers) > 1:
            numbers = [number for number in numbers if self._is_meant(self._entries[number])]
        return numbers[0] if len(numbers) == 1 else None

    def _is_meant(self, entry: _Entry) -> bool:
        markers = entry.fields.texts("resolution-markers")
        return not markers or any(self._conditions.hold(marker) for marker in markers)


def _locked(entry: _Entry) -> Locked | Loose:
    source = entry.source
    if "registry" in source:
        return _with_files(entry, None)
    if set(source) & set(_FOLDERS):
        place = source.get("editable")
        folder = Path(entry.where[0]).parent / place if isinstance(place, str) else None
        origin = Origin("directory" if folder is None else "editable")
        return Locked(Package(entry.name, entry.version, origin=origin), entry.where, place=folder)
    if isinstance(git := source.get("git"), str):
        return _from_git(entry, git)
    place = source.get("url") or source.get("path")
    if not isinstance(place, str):
        return Loose(entry.name, f"its source is of a kind that is not known: {', '.join(source)}", entry.where)
    hashes = _hashes(entry)
    only = next(iter(hashes)) if len(hashes) == 1 else None
    subdirectory = source.get("subdirectory")
    origin = archive(place, only, subdirectory if isinstance(subdirectory, str) else None).origin
    return _with_files(entry, origin)


def _from_git(entry: _Entry, git: str) -> Locked | Loose:
    parts = urlsplit(git)
    told = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if not is_commit(parts.fragment):
        return Loose(entry.name, "it names no commit", entry.where)
    requested = told.get("rev") or told.get("tag") or told.get("branch")
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    origin = vcs_origin("git", url, parts.fragment, requested, told.get("subdirectory"))
    return Locked(Package(entry.name, entry.version, origin=origin), entry.where)


def _with_files(entry: _Entry, origin: Origin | None) -> Locked | Loose:
    wheels = map(place_of, entry.fields.optional_children("wheels"))
    version, contradiction = version_of_files(entry.version, wheels)
    if contradiction is not None:
        return Loose(entry.name, contradiction, entry.where)
    return Locked(Package(entry.name, version, origin=origin), entry.where, _hashes(entry))


def _hashes(entry: _Entry) -> frozenset[str]:
    return frozenset(sha256s(filter(None, (file.optional_text("hash") for file in files_of(entry.fields)))))
