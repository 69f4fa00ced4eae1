"""A report as a script reads it; docs/verify-env.md describes the document."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelreg.environment.finding import Severity

if TYPE_CHECKING:
    from modelreg.cli.targets import Failure
    from modelreg.environment.fix import Fix
    from modelreg.registry.verify import EnvironmentReport

VERSION = 1
"""The version of the document. It rises when a field is removed or changes its meaning, not when one is added."""


def document(
    reports: "Sequence[EnvironmentReport]", failures: "Sequence[Failure]" = (), fix: "Fix | None" = None
) -> dict[str, object]:
    """Return the reports as one document, with what could not be checked; fix: the command that puts things right."""
    mapping: dict[str, object] = {
        "format": VERSION,
        "fits": not failures and all(report.fits for report in reports),
        "results": [_result(report) for report in reports],
        "failures": [
            {"reference": wanted.reference, "exit_code": error.exit_code, "message": str(error)}
            for wanted, error in failures
        ],
    }
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
