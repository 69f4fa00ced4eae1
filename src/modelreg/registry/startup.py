"""Checking the process that serves a model, when it starts: `modelreg.verify_env("fraud@production")`.

A server waits for it, so it reads no more than what counts, starts nothing, and imports neither Typer nor packaging nor
YAML where it can be avoided.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.environment.capture import capture_running
from modelreg.environment.expected import Expected
from modelreg.environment.finding import few
from modelreg.environment.policy import Terms
from modelreg.errors import EnvironmentMismatchError
from modelreg.reference import Reference
from modelreg.registry.verify import EnvironmentReport, check, is_path, read_pulled, todays

if TYPE_CHECKING:
    from modelreg.environment.policy import Policy

_SHOWN = 3  # findings that the error names
_OF_THE_PATH = ("shadowed", "standard", "stray")


def verify_env(
    reference: "str | Reference | os.PathLike[str]",
    *,
    registry: str | None = None,
    policy: "str | Policy" = "exact",
    group: str | None = None,
    allow_unchecked: bool = False,
    deep: bool = False,
) -> EnvironmentReport:
    """Check that the running process has what a model needs, and refuse to go on where it has not.

    reference: as on the command line: `fraud@production`, or a pulled folder or its manifest, which needs no registry.
    registry: its URL; without it, the one that the settings name. The rest is as in `Registry.verify_env`.

    It looks along `sys.path` as it is now, at the packages that count by the policy; the others are not looked at, so
    the report does not tell of them. Where all is well it takes some milliseconds, and the registry's own time.

    Raises:
        EnvironmentMismatchError: the environment does not fit, or could not be checked in full.
        UsageError, NotFoundError, StoreError: the model cannot be found, so nothing was checked.
    """
    name, expected = _expected(reference, registry)
    terms = todays(policy, group, allow_unchecked=allow_unchecked, deep=deep)
    report = _check(name, expected, terms)
    if not report.fits:
        faults = few([str(fault) for fault in report.comparison.faults], _SHOWN, "; ", "; and ")
        is_of_the_path = any(finding.kind in _OF_THE_PATH for finding in report.findings)
        but = ", but not what this program itself put on its path" if is_of_the_path else ""
        raise EnvironmentMismatchError(
            f"this process does not fit {name}: {faults}; "
            f"{_command(reference, name, registry, report.comparison.terms)} tells the whole of it{but}"
        )
    return report


def _command(reference: "str | Reference | os.PathLike[str]", name: str, registry: str | None, terms: Terms) -> str:
    """Return the command that makes the same check of this interpreter."""
    # Imported here: most servers fit.
    import shlex

    options = {
        "--registry": registry,
        "--policy": None if terms.policy.name == "exact" else str(terms.policy),
        "--group": terms.group,
        "--python": sys.executable or None,
    }
    given = [word for option, value in options.items() if value is not None for word in (option, value)]
    deep = ["--deep"] if terms.deep else []
    return shlex.join(["modelreg", "verify-env", _path(reference) or name, *given, *deep])


def _path(reference: "str | Reference | os.PathLike[str]") -> str | None:
    """Return the path of what was pulled, as the command takes it; None of a version of the registry."""
    if isinstance(reference, Reference):
        return None
    path = os.fspath(reference)
    if is_path(path):
        return path
    return None if isinstance(reference, str) else os.path.join(os.curdir, path)  # noqa: PTH118  # pathlib drops the ./


def _check(name: str, expected: Expected, terms: Terms) -> EnvironmentReport:
    if terms.policy.strict:
        return check(name, expected, capture_running(), terms)
    pins = expected.pins(expected.group(terms.group))
    counted = {name for name, pin in pins.items() if terms.policy.counts(pin.role)}
    packages = tuple(package for package in expected.environment.packages if package.name in counted)
    environment = expected.environment._replace(packages=packages)
    needed = Expected(environment, expected.imports, expected.groups, expected.roles)
    return check(name, needed, capture_running(counted), terms)


def _expected(reference: "str | Reference | os.PathLike[str]", registry: str | None) -> tuple[str, Expected]:
    if isinstance(reference, os.PathLike) or (isinstance(reference, str) and is_path(reference)):
        manifest = read_pulled(Path(reference))
        needs = (manifest.imports, manifest.groups, manifest.roles)
        return manifest.reference, Expected(manifest.environment, *needs)
    # Imported here: what was pulled needs no store.
    from modelreg.registry.ledger import check_marker
    from modelreg.registry.model import ModelReader
    from modelreg.registry.show import read_environment
    from modelreg.settings import bucket_settings, registry_url
    from modelreg.store import open_store

    parsed = Reference.parse(reference) if isinstance(reference, str) else reference
    store = open_store(registry_url(registry), bucket_settings)
    check_marker(store)
    version = ModelReader(store, parsed.model).resolve(parsed)
    record = version.record
    return version.reference, Expected(read_environment(store, version)[1], record.imports, record.groups, record.roles)
