"""A report as a script reads it; docs/verify-env.md describes the document."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelreg.environment.finding import Severity

if TYPE_CHECKING:
    from modelreg.environment.fix import Fix
    from modelreg.registry.verify import EnvironmentReport

VERSION = 1
"""The version of the document. It rises when a field is removed or changes its meaning, not when one is added."""


def document(reports: "Sequence[EnvironmentReport]", fix: "Fix | None" = None) -> dict[str, object]:
    """Return the reports as one document; fix: the command that puts the environment right."""
    fits = all(report.fits for report in reports)
    mapping = {"format": VERSION, "fits": fits, "results": [_result(report) for report in reports]}
    return mapping | ({"fix": {"command": list(fix.command), "remarks": list(fix.remarks)}} if fix else {})


def _result(report: "EnvironmentReport") -> dict[str, object]:
    comparison = report.comparison
    return {
        "reference": report.reference,
        "fits": report.fits,
        "environment": report.capture.prefix,
        "policy": str(comparison.terms.policy),
        "group": comparison.terms.group,
        "compared": comparison.compared,
        "roles": dict(Counter(comparison.roles.values())),
        "ignored": list(comparison.ignored),
        "unsaid": list(comparison.unsaid),
        "counts": {severity.value: comparison.number_of(severity) for severity in Severity},
        "findings": [finding._asdict() | {"message": str(finding)} for finding in comparison.findings],
    }
