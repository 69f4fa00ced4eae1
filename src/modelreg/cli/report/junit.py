"""A report as JUnit XML, which GitLab, Jenkins and most other CI systems show.

The elements are those that the Ant task and Jenkins' schema have in common.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from modelreg.cli.output import clean
from modelreg.environment.finding import Finding

if TYPE_CHECKING:
    from modelreg.cli.targets import Failure
    from modelreg.registry.verify import EnvironmentReport

_ALWAYS = ("python", "platform")


def suites(reports: "Sequence[EnvironmentReport]", failures: "Sequence[Failure]" = ()) -> str:
    """Return one suite a version, with one case for Python, the platform and each package that was compared.

    A model that could not be checked is a suite of one case with an error.
    """
    root = ET.Element("testsuites", name="modelreg verify-env")
    for report in reports:
        root.append(_suite(report))
    for wanted, error in failures:
        reference = clean(wanted.reference)
        suite = ET.SubElement(root, "testsuite", name=reference, tests="1", failures="0", errors="1", skipped="0")
        case = ET.SubElement(suite, "testcase", classname=reference, name="verify-env")
        ET.SubElement(case, "error", message=clean(str(error)), type=type(error).__name__)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _suite(report: "EnvironmentReport") -> ET.Element:
    comparison = report.comparison
    failing: dict[str, list[Finding]] = {}
    told: dict[str, list[Finding]] = {}
    for finding in comparison.findings:
        by = failing if finding.severity in comparison.failing else told
        by.setdefault(finding.subject, []).append(finding)
    names = dict.fromkeys((*_ALWAYS, *comparison.roles, *failing))
    reference = clean(report.reference)
    suite = ET.Element(
        "testsuite", name=reference, tests=str(len(names)), failures=str(len(failing)), errors="0", skipped="0"
    )
    for name in names:
        case = ET.SubElement(suite, "testcase", classname=reference, name=clean(name))
        if name in failing:
            said = [clean(one.in_full) for one in failing[name]]
            failure = ET.SubElement(case, "failure", message=said[0], type=failing[name][0].kind)
            failure.text = "\n".join(said)
        if name in told:
            ET.SubElement(case, "system-out").text = "\n".join(clean(str(one)) for one in told[name])
    return suite
