"""From what a caller gives to what is registered: everything checked before anything is written."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from os import PathLike
from pathlib import Path

from modelreg import __version__
from modelreg.canonical import encode
from modelreg.environment.capture import Capture, capture
from modelreg.environment.interpreter import find_interpreter
from modelreg.environment.obstacles import obstacles
from modelreg.environment.record import Environment
from modelreg.errors import EnvironmentMismatchError, UsageError
from modelreg.files import find_source
from modelreg.formats import model_format
from modelreg.records import Artifact, CaptureNote, EnvironmentSummary, VersionRecord, metric
from modelreg.reference import check_model_name
from modelreg.registry.hidden import hidden_remarks
from modelreg.registry.needs import needs
from modelreg.registry.register import Submission
from modelreg.settings import actor, model_name
from modelreg.source import git_source


def submission(
    path: Path,
    name: str | None = None,
    *,
    python: str | PathLike[str] | None = None,
    captured: Capture | None = None,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    metrics: Mapping[str, str | float | Decimal] | None = None,
    description: str = "",
    groups: Mapping[str, str | Sequence[str]] | None = None,
    allow_mismatch: bool = False,
    strict_env: bool = False,
) -> Submission:
    """Look at the files, the environment and the git work tree, and check all names and values.

    groups: by group, requirements files, names of groups, or requirements; see docs/environments.md.
    allow_mismatch: take a model that says it was made with other versions than those of the environment.
    strict_env: refuse what cannot be built again elsewhere.
    """
    model = name if name is not None else model_name(path)
    files = find_source(path)
    try:
        check_model_name(model)
    except UsageError as error:
        if name is not None:
            raise
        raise UsageError(f"{error}; give a name: modelreg register {path} NAME") from None
    captured = captured or capture(find_interpreter(python))
    form = model_format(files.files, files.layout)
    needed = needs(files.files, form, captured, groups, allow_mismatch=allow_mismatch)
    source = git_source(Path(), files.files[0].location.parent)
    hidden = tuple(hidden_remarks(captured, needed.imports))
    if strict_env:
        _refuse([*obstacles(captured.environment, source), *hidden])
    remarks = (*captured.remarks, *hidden, *needed.remarks)
    record = VersionRecord(
        model,
        *(0, "", ""),  # number, op and time
        actor(),
        Artifact("", "", files.size, len(files.files), files.layout, form),
        summary(captured.environment),
        CaptureNote(f"modelreg {__version__}", captured.kind, remarks, captured.paths, captured.cpu),
        source,
        checked_text("description", description),
        checked_pairs("tag", tags),
        checked_pairs("param", params),
        checked_metrics(metrics),
        imports=needed.imports,
        groups=needed.groups,
        roles=needed.roles,
    )
    return Submission(files, encode(captured.environment.to_mapping()), record)


def _refuse(found: Sequence[str]) -> None:
    """Refuse an environment in whose way something stands, if something does."""
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise EnvironmentMismatchError(
            f"{found[0]}{more}; publish or commit what is missing, or register without --strict-env"
        )


def summary(environment: Environment) -> EnvironmentSummary:
    """Return what a version record says of its environment."""
    return EnvironmentSummary(environment.digest, environment.python.version, len(environment.packages))


def checked_pairs(what: str, pairs: Mapping[str, str] | None) -> dict[str, str]:
    """Return tags or params whose names and values are text that any terminal may show.

    Raises:
        UsageError: one is not.
    """
    return {checked_text(what, name): checked_text(what, value) for name, value in (pairs or {}).items()}


def checked_metrics(metrics: Mapping[str, str | float | Decimal] | None) -> dict[str, str]:
    """Return metrics as the decimal strings that records hold.

    Raises:
        UsageError: one is no finite number.
    """
    return {checked_text("metric", name): metric(name, value) for name, value in (metrics or {}).items()}


def checked_text(what: str, text: str) -> str:
    """Refuse what a terminal would obey, or UTF-8 cannot hold."""
    allowed = "\n\t" if what == "description" else ""
    if not text and what != "description":
        raise UsageError(f"a {what} has neither an empty name nor an empty value")
    if any(not (character.isprintable() or character in allowed) for character in text):
        raise UsageError(f"the {what} {text!r} holds a control character")
    return text
