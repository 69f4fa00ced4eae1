"""What a model needs of the environment that is registered with it: imports, roles, groups."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from modelreg.environment.capture import Capture
from modelreg.environment.compare import same_version
from modelreg.environment.record import Environment
from modelreg.errors import EnvironmentMismatchError
from modelreg.files import SourceFile
from modelreg.formats import file_formats
from modelreg.imports.frameworks import ADAPTERS, installed_as, readers
from modelreg.imports.scan import scan
from modelreg.records import Group, Imports, Roles


class Needs(NamedTuple):
    """What a version record says of what its model needs. remarks: what a person should know about it."""

    imports: Imports | None
    groups: Mapping[str, Group] | None
    roles: Roles | None
    remarks: tuple[str, ...] = ()


def needs(
    files: Sequence[SourceFile],
    form: str | None,
    captured: Capture,
    groups: Mapping[str, str | Sequence[str]] | None,
    *,
    allow_mismatch: bool,
) -> Needs:
    """Read what a model imports, find the packages that provide it, and sort the packages into roles and groups.

    groups: by group, what `--group` says; see `declared_groups`.

    Raises:
        EnvironmentMismatchError: the model was made with other versions than those of the environment.
        UsageError, NotFoundError: the groups cannot be made as they are declared.
    """
    environment = captured.environment
    imports, inner = scan(files)
    if imports is not None and not allow_mismatch:
        _refuse_mismatch(imports, environment)
    imports, providing = _provided(imports, inner, captured)
    installed = {package.name for package in environment.packages}
    roots = _roots(imports, providing, readers({form} if form else file_formats(files), installed), installed)
    critical = _load_critical(environment, roots)
    needed = _needed(environment, imports) if critical is None else critical
    grouped, remarks = _groups(environment, groups, needed or ())
    if critical is None:
        return Needs(imports, grouped, None, remarks)
    # Imported here: what is not known needs no sorting.
    from modelreg.environment.roles import tooling

    kept = {*critical, *(name for group in (grouped or {}).values() for name in group.packages)}
    return Needs(imports, grouped, Roles(critical, tooling(environment, kept)), remarks)


def _refuse_mismatch(imports: Imports, environment: Environment) -> None:
    """Refuse a model that was made with other versions than those it would be served with."""
    installed = {package.name: package.version for package in environment.packages}
    for framework, made_with in imports.versions.items():
        found = [installed[name] for name in installed_as(framework, installed)]
        if not any(same_version(version, made_with) for version in found):
            where = f"has {found[0]}" if found else "does not have it"
            raise EnvironmentMismatchError(
                f"the model says that it was made with {framework} {made_with}, but the environment {where}; "
                "name the environment it was trained in with --python, or say --allow-mismatch"
            )


def _provided(
    imports: Imports | None, inner: Collection[str], captured: Capture
) -> tuple[Imports | None, frozenset[str] | None]:
    """Say of each import which package provides it, and return these packages; None where not all of them are known.

    A module that nothing provides, such as the script that made the model, may need anything. Of those that code which
    travels with the files imports, what is not installed was not needed.
    """
    if (imports is None and not inner) or not captured.places:
        return imports, None
    # Imported here: many models are no pickles.
    from modelreg.environment.providers import find_providers

    called = find_providers(inner, captured.places).packages if inner else {}
    # What is taken out of a module that is provided, as joblib.load, need not be a module.
    called = {module: owner for module, owner in called.items() if module.rpartition(".")[0] not in called}
    if imports is None and not called:
        return None, None
    own, versions, complete, *_ = imports or Imports({}, {}, complete=True)
    names = {**dict.fromkeys(called, ()), **own}
    providers = find_providers(names, captured.places)
    told = Imports(dict(sorted(names.items())), versions, complete, providers.packages, providers.missing)
    # Code beside plain data, as a script that trains, need not be all that something is done with it by.
    is_plain = imports is not None and (own or not versions) and providers.packages.keys().isdisjoint(own)
    known = complete and not providers.missing and not is_plain
    return told, providers.owners if known else None


def _roots(
    imports: Imports | None,
    providing: frozenset[str] | None,
    reading: frozenset[str] | None,
    installed: Collection[str],
) -> frozenset[str] | None:
    """Return the packages that loading begins with; None or none where they are not all known."""
    if reading is None:
        return None
    if imports is None or (not imports.names and imports.versions):
        return reading  # it is no pickle
    if not providing:
        return None  # not known; or plain data, which something must be done with, too
    adapted = {ADAPTERS[module] for module in imports.names if module in ADAPTERS}
    return providing | reading | adapted.intersection(installed)


def _load_critical(environment: Environment, roots: frozenset[str] | None) -> tuple[str, ...] | None:
    if not roots:
        return None
    from modelreg.environment.roles import load_critical

    return load_critical(environment, roots)


def _needed(environment: Environment, imports: Imports | None) -> Collection[str]:
    """Return what the model needs for all that is known, where not all of it is: groups may not leave that out."""
    owners = (imports.packages if imports else None) or {}
    if not owners:
        return ()
    # Imported here: most models' needs are known, or nothing is known of them.
    from modelreg.environment.closure import Edges, Wanted

    return Edges(environment).closure(Wanted(owner) for owner in set(owners.values())).packages


def _groups(
    environment: Environment, given: Mapping[str, str | Sequence[str]] | None, needed: Collection[str]
) -> tuple[Mapping[str, Group] | None, tuple[str, ...]]:
    from modelreg.environment.declaration import declared_groups

    declarations = declared_groups(given)
    if not declarations:
        return None, ()
    # Imported here: most projects declare no groups.
    from modelreg.environment.groups import split

    grouping = split(environment, declarations, needed)
    remarks = tuple(f"{name} does not say what it needs, so the groups may lack packages" for name in grouping.unknown)
    return grouping.groups, remarks
