"""A report as a person reads it."""

from collections import Counter
from typing import TYPE_CHECKING

from modelreg.cli.output import count_text, print_line
from modelreg.environment.finding import Finding, Role, Severity, few

if TYPE_CHECKING:
    from modelreg.environment.compare import Comparison
    from modelreg.registry.verify import EnvironmentReport

_INDENT = " " * 12
_RISK = "With another version than its own a model may not load, or load and compute something else, unnoticed."


def print_report(report: "EnvironmentReport") -> None:
    """Print every difference that matters, a line each, and how much was compared."""
    comparison = report.comparison
    print_line(f"{report.target} {'fits' if report.fits else 'does not fit'} {report.reference}")
    for finding in comparison.findings:
        if not is_counted_only(finding):
            print_line(f"  {finding.severity.value:10}{finding}")
            if finding.note:
                print_line(f"{_INDENT}{finding.note}")
    for line in summary(comparison):
        print_line(f"  {line}")
    if any(finding.severity is Severity.ERROR and finding.kind in _RISKY for finding in comparison.findings):
        print_line(f"  {_RISK}")
    if any(finding.severity is Severity.ERROR and _has_remedy(finding) for finding in comparison.findings):
        print_line(f"  {_remedy(report)}")


def _has_remedy(finding: Finding) -> bool:
    return finding.is_pin or finding.kind in ("code", "files")


def _remedy(report: "EnvironmentReport") -> str:
    """Say what to do about packages that do not fit."""
    if report.capture.interpreter is not None:
        return "Add --fix-command for the pip or uv command that puts it right."
    if report.is_lock:
        return f"Pin what the model wants: modelreg export {report.reference} writes it."
    return f"Build it from what the version pins: modelreg image build {report.reference}"


_NAMED = 8
"""How many packages that were not compared are named."""
_RISKY = ("version", "origin", "rebuilt", "file")
_COUNTED = {
    "extra": "{} more than the model asks for",
    "missing": "missing {} that it can do without",
    "rebuilt": "{} of another build",
    "library": "{} of conda's that no numbers are computed with differ",
}
"""What is said of information of which only the number is told."""


def is_counted_only(finding: Finding) -> bool:
    """Tell whether a finding is one of many that only their number is told of, such as packages that were added."""
    if finding.severity is not Severity.INFO or finding.note:
        return False
    return finding.kind in _COUNTED or finding.role is Role.OTHER


def summary(comparison: "Comparison") -> list[str]:
    """Say how many packages were compared at which level, under which policy, and what was not."""
    terms = comparison.terms
    by_role = Counter(comparison.roles.values())
    levels = ", ".join(f"{by_role[role]} {role}" for role in Role if by_role[role])
    group = f", group {terms.group}" if terms.group else ""
    counted = count_text(comparison.compared, "package")
    beside = "" if comparison.unsaid else ", Python and the platform"
    verb = "was" if comparison.compared == 1 and not beside else "were"
    lines = [f"{counted} ({levels}){beside} {verb} compared; policy {terms.policy}{group}"]
    if not levels:
        lines = [f"no package was compared; policy {terms.policy}{group}"]
    lines += comparison.unsaid
    unchecked = comparison.number_of(Severity.UNCHECKED)
    if unchecked:
        allowed = "allowed" if terms.allow_unchecked else "which fails; --allow-unchecked lets it pass"
        lines.append(f"{count_text(unchecked, 'thing')} could not be checked, {allowed}")
    told = [finding for finding in comparison.findings if is_counted_only(finding)]
    counts = Counter(finding.kind for finding in told)
    parts = [f"not compared: {few(comparison.ignored, _NAMED)} (tooling)"] if comparison.ignored else []
    parts += [said.format(count_text(counts[kind], "package")) for kind, said in _COUNTED.items() if counts[kind]]
    others = sum(number for kind, number in counts.items() if kind not in _COUNTED)
    parts += [f"{count_text(others, 'package')} of other groups differ{'' if others > 1 else 's'}"] if others else []
    return [*lines, *(["; ".join(parts)] if parts else [])]
