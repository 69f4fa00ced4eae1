"""A report as GitHub shows it: annotations on the lines of files, and a summary of the job.

The commands are those of "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelreg.cli.output import clean, print_raw, warn
from modelreg.cli.report.text import is_counted_only, summary
from modelreg.environment.finding import Finding, Severity

if TYPE_CHECKING:
    from modelreg.cli.targets import Failure
    from modelreg.registry.verify import EnvironmentReport

_SHOWN = 10
"""How many annotations of a kind GitHub shows of a step."""
_LARGEST = 1024 * 1024
"""How many bytes a step's summary may have."""
_MARKUP = re.compile(r"[\\|`*_\[\]~$]")
_TOLD = (Severity.ERROR, Severity.UNCHECKED, Severity.WARNING)


def annotate(reports: "Sequence[EnvironmentReport]", failures: "Sequence[Failure]" = ()) -> None:
    """Print annotations, and add the reports to the job's summary, where GITHUB_STEP_SUMMARY says where that is."""
    for level in ("error", "warning"):
        annotations = [one for report in reports for one in _annotations(report, level)]
        if level == "error":
            annotations[:0] = map(_failed, failures)
        for title, place, messages in _few(annotations):
            properties = "".join(f",{name}={_property(value)}" for name, value in place)
            print_raw(f"::{level} title={_property(title)}{properties}::{_message(messages)}")
    for report in reports:
        print_raw(f"{clean(report.target)} {'fits' if report.fits else 'does not fit'} {clean(report.reference)}")
        for line in summary(report.comparison):
            print_raw(f"  {clean(line)}")
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        told = (
            f"### {_cell(wanted.reference)} ❌ could not be checked\n\n{_cell(str(error))}\n\n"
            for wanted, error in failures
        )
        _add_summary(Path(path), "".join((*told, *map(_markdown, reports))))


Place = tuple[tuple[str, str], ...]
Annotation = tuple[str, Place, list[str]]


def _annotations(report: "EnvironmentReport", level: str) -> Iterator[Annotation]:
    """Yield one annotation for each line of a file that findings stand on, and one for all the others."""
    title = f"{report.reference} does not fit" if not report.fits else f"{report.reference} fits, with warnings"
    by_place: dict[Place, list[str]] = {}
    for finding in report.findings:
        if finding.severity in _TOLD and (level == "error") is (finding.severity in report.comparison.failing):
            by_place.setdefault(_place(report, finding), []).append(finding.in_full)
    for place, messages in by_place.items():
        yield title, place, messages


def _failed(failure: "Failure") -> Annotation:
    wanted, error = failure
    return f"{wanted.reference} could not be checked", _at(wanted.where), [str(error)]


def _place(report: "EnvironmentReport", finding: Finding) -> Place:
    return _at(report.lines.get(finding.subject) or report.where)


def _at(where: tuple[str, int] | None) -> Place:
    return () if where is None else (("file", _in_repository(where[0])), ("line", str(where[1])))


def _in_repository(file: str) -> str:
    """Return a file as GitHub knows it: from the folder of the repository, wherever the command runs."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if not workspace:
        return file
    root, path = Path(os.path.realpath(workspace)), Path(os.path.realpath(Path(file).parent), Path(file).name)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def _few(annotations: list[Annotation]) -> list[Annotation]:
    """Fold into the last annotation what GitHub would not show, each with its own title where that is another."""
    if len(annotations) <= _SHOWN:
        return annotations
    title, place, _ = annotations[_SHOWN - 1]
    rest = [
        message if other == title else f"{other}: {message}"
        for other, _, messages in annotations[_SHOWN - 1 :]
        for message in messages
    ]
    return [*annotations[: _SHOWN - 1], (title, place, rest)]


def _message(messages: Sequence[str]) -> str:
    return "%0A".join(_escaped(message) for message in messages)


def _property(value: str) -> str:
    return _ends_escaped(value).replace(":", "%3A").replace(",", "%2C")


def _ends_escaped(text: str) -> str:
    """Escape the ends of lines, too, which the name of a file may hold."""
    return "%0A".join("%0D".join(map(_escaped, line.split("\r"))) for line in text.split("\n"))


def _escaped(text: str) -> str:
    return clean(text).replace("%", "%25")


def _markdown(report: "EnvironmentReport") -> str:
    verdict = "✅ fits" if report.fits else "❌ does not fit"
    lines = [f"### {_cell(report.target)} {verdict} {_cell(report.reference)}", ""]
    told = [finding for finding in report.findings if not is_counted_only(finding)]
    if told:
        lines += ["| | package | wanted | found | |", "|---|---|---|---|---|"]
    for finding in told:
        cells = (finding.severity.value, finding.subject, finding.wanted or "", finding.found or "", finding.in_full)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join([*lines, "", *map(_cell, summary(report.comparison)), "", ""])


def _cell(text: str) -> str:
    """Return text as Markdown shows it, without links, images and formatting of its own."""
    return clean(_MARKUP.sub(r"\\\g<0>", text.replace("\n", " ")).replace("&", "&amp;").replace("<", "&lt;"))


def _add_summary(path: Path, text: str) -> None:
    data = text.encode()
    try:
        room = _LARGEST - (path.stat().st_size if path.exists() else 0)
        if len(data) > room:
            data = f"The report is too long to be shown here: {len(data)} bytes.\n".encode()
        if len(data) <= room:
            with path.open("ab") as file:
                file.write(data)
    except OSError as error:
        warn(f"the job's summary cannot be written: {error.strerror}")
