"""How environments fit: as text for people, as JSON for scripts, and as what CI systems read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelreg.environment.fix import Fix
    from modelreg.registry.verify import EnvironmentReport


class Form(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"


def print_reports(
    reports: "Sequence[EnvironmentReport]", form: Form, *, quiet: bool = False, fix: "Fix | None" = None
) -> None:
    """Print how an environment fits each of several versions; quiet: only the references of those it does not fit.

    fix: the command that puts it right, for a document.
    """
    # Imported here: each run writes one form, and whatever asks for one needs none of it.
    from modelreg.cli.output import print_json, print_raw

    if form is Form.JSON:
        from modelreg.cli.report.json import document

        print_json(document(reports, fix))
    elif form is Form.JUNIT:
        from modelreg.cli.report.junit import suites

        print_raw(suites(reports))
    elif form is Form.GITHUB:
        from modelreg.cli.report.github import annotate

        annotate(reports)
    elif quiet:
        for report in reports:
            if not report.fits:
                print_raw(report.reference)
    else:
        from modelreg.cli.report.text import print_report

        for report in reports:
            print_report(report)
