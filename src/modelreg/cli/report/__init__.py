"""How environments fit: as text for people, as JSON for scripts, and as what CI systems read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from modelreg.cli.targets import Failure
    from modelreg.environment.fix import Fix
    from modelreg.registry.verify import EnvironmentReport


class Form(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"


def print_reports(
    reports: "Sequence[EnvironmentReport]",
    form: Form,
    failures: "Sequence[Failure]" = (),
    *,
    quiet: bool = False,
    fix: "Fix | None" = None,
) -> None:
    """Print how an environment fits each of several versions; quiet: only the references of those it does not fit.

    failures: models that could not be checked, which a document and what CI systems read tell, too. fix: the command
    that puts it right, for a document.
    """
    # Imported here: each run writes one form, and whatever asks for one needs none of it.
    from modelreg.cli.output import print_json, print_raw

    if form is Form.JSON:
        from modelreg.cli.report.json import document

        print_json(document(reports, failures, fix))
    elif form is Form.JUNIT:
        from modelreg.cli.report.junit import suites

        print_raw(suites(reports, failures))
    elif form is Form.GITHUB:
        from modelreg.cli.report.github import annotate

        annotate(reports, failures)
    elif quiet:
        for report in reports:
            if not report.fits:
                print_raw(report.reference)
    else:
        from modelreg.cli.report.text import print_report

        for report in reports:
            print_report(report)


def fail(failures: "Sequence[Failure]", *, of: int) -> NoReturn:
    """Say why models could not be checked, and end with the exit code of the first.

    of: how many were to be checked; where the same keeps all of them from it, no model is named.
    """
    by_message: dict[str, list[str]] = {}
    for wanted, error in failures:
        by_message.setdefault(str(error), []).append(wanted.reference)
    if len(failures) == of and len(by_message) == 1:
        raise failures[0].error
    import sys

    from modelreg.cli.output import say

    for message, references in by_message.items():
        say(f"error: {', '.join(references)} could not be checked: {message}")
    sys.exit(failures[0].error.exit_code)
