"""Reports of verify-env: what people, GitHub, JUnit's readers and scripts are told."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from conftest import Run
from environments import add, make_place

from modelreg import Capture, NotFoundError, Package, Registry
from modelreg.cli.report import Form, print_reports
from modelreg.cli.targets import Failure, Wanted
from modelreg.environment.finding import Finding, Role, Severity
from modelreg.registry.verify import EnvironmentReport

ERROR, UNCHECKED, WARNING, INFO = Severity


@pytest.fixture
def report(beside: Registry, model: Path, captured: Capture) -> EnvironmentReport:
    """A report with an error, a warning and a package more."""
    beside.register(model, "fraud", capture=captured)
    there = captured.environment
    packages = (*there.packages[:2], there.packages[2]._replace(version="1.6.0"), Package("zz", "1"))
    found = there._replace(packages=packages, python=there.python._replace(version="3.11.9"))
    return beside.verify_env("fraud", environment=captured._replace(environment=found))


def _printed(
    capsys: pytest.CaptureFixture[str],
    reports: Sequence[EnvironmentReport],
    form: Form,
    failures: Sequence[Failure] = (),
) -> str:
    print_reports(reports, form, failures)
    return capsys.readouterr().out


def _with(report: EnvironmentReport, *findings: Finding) -> EnvironmentReport:
    return report._replace(comparison=report.comparison._replace(findings=findings))


HOSTILE = "50% off\n::error::no\x1b[31m, a:b"


def test_text_gives_each_difference_a_line_and_says_what_was_compared(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _printed(capsys, [report], Form.TEXT).splitlines()
    assert lines[0] == "/somewhere/venv (Python 3.11.9) does not fit fraud:1"
    assert re.match(
        r"  error     scikit-learn is 1\.6\.0; the model wants 1\.5\.2 \(wanted since fraud:1 of ", lines[1]
    )
    assert lines[2:5] == [
        "  warning   Python is 3.11.9; the model wants 3.11.7",
        "  3 packages (3 pinned), Python and the platform were compared; policy exact",
        "  1 package more than the model asks for",
    ]
    assert "may not load, or load and compute something else" in lines[5]
    assert "modelreg image build fraud:1" in lines[6]


def test_text_counts_what_differs_of_other_groups_packages(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = [Finding(INFO, kind, kind, "1", "2", role=Role.OTHER) for kind in ("version", "origin", "missing")]
    lines = _printed(capsys, [_with(report, *findings)], Form.TEXT).splitlines()
    assert lines[2:] == ["  missing 1 package that it can do without; 2 packages of other groups differ"]


def test_text_names_some_of_the_tooling_that_was_not_compared(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    tooling = tuple(f"tool{number}" for number in range(10))
    told = report._replace(comparison=report.comparison._replace(findings=(), ignored=tooling))
    ignored = _printed(capsys, [told], Form.TEXT).splitlines()[2]
    assert ignored == f"  not compared: {', '.join(tooling[:8])} and 2 more (tooling)"


@pytest.mark.parametrize("kind", ["files", "code"])
def test_text_names_the_command_that_installs_again_what_is_not_as_it_was_installed(
    kind: str, report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    here = report._replace(capture=report.capture._replace(interpreter=Path("python")))
    printed = _printed(capsys, [_with(here, Finding(ERROR, kind, "pkg", "1", "pkg is missing"))], Form.TEXT)
    assert printed.endswith("  Add --fix-command for the pip or uv command that puts it right.\n")


def test_github_gets_one_annotation_for_all_errors_and_one_for_all_warnings(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [Finding(ERROR, "missing", f"pkg{number}", "1", None) for number in range(30)]
    out = _printed(capsys, [_with(report, *errors, *report.findings)], Form.GITHUB)
    (error,) = re.findall(r"^::error (.*)$", out, re.MULTILINE)
    (warning,) = re.findall(r"^::warning (.*)$", out, re.MULTILINE)
    title, _, message = error.partition("::")
    assert title == "title=fraud%3A1 does not fit"
    assert message.count("%0A") == 30
    assert message.startswith("pkg0 is not installed; the model wants 1%0Apkg1 is not installed")
    assert "Python is 3.11.9" in warning
    assert "zz" not in error + warning


def test_nothing_that_stands_in_a_report_is_taken_for_a_command_of_github(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Finding(ERROR, "unknown", "pkg", "1", HOSTILE, note=HOSTILE)
    out = _printed(capsys, [_with(report, hostile)._replace(where=("a,b:c%\nd.toml", 7))], Form.GITHUB)
    commands = [line for line in out.splitlines() if line.startswith("::")]
    assert len(commands) == 1
    assert ",file=a%2Cb%3Ac%25%0Ad.toml,line=7::" in commands[0]
    assert ",line=7::" in commands[0]
    assert "50%25 off" in commands[0]
    assert "\x1b" not in out


def test_github_shows_findings_on_their_lines_and_no_more_than_ten_annotations(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = [Finding(ERROR, "missing", f"pkg{number}", "1", None) for number in range(25)]
    lines = {finding.subject: ("requirements.txt", number + 1) for number, finding in enumerate(findings)}
    out = _printed(capsys, [_with(report, *findings)._replace(lines=lines)], Form.GITHUB)
    annotations = re.findall(r"^::error title=[^:]*,file=requirements\.txt,line=(\d+)::(.*)$", out, re.MULTILINE)
    assert [line for line, _ in annotations] == [str(number) for number in range(1, 11)]
    assert annotations[-1][1].count("%0A") == 15
    assert all(f"pkg{number} is not installed" in out for number in range(25))


def test_the_summary_of_the_job_is_added_to_and_stays_within_what_github_takes(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    _printed(capsys, [_with(report, Finding(ERROR, "unknown", "a|b", "1", "<img> `x`\n| *y*"))], Form.GITHUB)
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n### /somewhere/venv (Python 3.11.9) ❌ does not fit fraud:1\n")
    (row,) = [line for line in text.splitlines() if line.startswith("| error")]
    assert "a\\|b" in row
    assert "&lt;img>" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    many = [Finding(ERROR, "missing", f"pkg{number}", "1" * 200, None) for number in range(3000)]
    _printed(capsys, [_with(report, *many)], Form.GITHUB)
    assert summary.stat().st_size < 1024 * 1024
    assert "too long to be shown here" in summary.read_text(encoding="utf-8")


def test_a_summary_that_cannot_be_written_is_a_warning(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    print_reports([report], Form.GITHUB)
    said = capsys.readouterr()
    assert "warning: the job's summary cannot be written" in said.err
    assert said.out.startswith("::error ")


def test_junit_has_a_case_for_each_package_and_a_failure_for_each_that_does_not_fit(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Finding(UNCHECKED, "unknown", "pkg", "1", HOSTILE)
    root = ET.fromstring(_printed(capsys, [report, _with(report, hostile)], Form.JUNIT))
    one, two = root.findall("testsuite")
    assert (one.get("name"), one.get("tests"), one.get("failures")) == ("fraud:1", "5", "1")
    names = [case.get("name") for case in one.findall("testcase")]
    assert names == ["python", "platform", "joblib", "numpy", "scikit-learn"]
    (failure,) = one.findall("testcase/failure")
    assert "scikit-learn is 1.6.0; the model wants 1.5.2" in str(failure.get("message"))
    assert "Python is 3.11.9" in str(one.findtext("testcase[@name='python']/system-out"))
    assert two.get("failures") == str(len(two.findall("testcase/failure"))) == "1"
    assert two.get("tests") == str(len(two.findall("testcase")))


def test_json_is_as_it_is_described(report: EnvironmentReport, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(_printed(capsys, [report], Form.JSON))
    described = Path(__file__).parent.parent.joinpath("docs", "verify-env.md").read_text(encoding="utf-8")
    table = described[described.index("**Scripts** read") :]
    (result,) = document["results"]
    for field in (*document.keys() - {"results"}, *result):
        assert re.search(rf"`(results\[\])?\.?{field}(\[\])?`", table), field
    for field in result["findings"][0]:
        assert f"`{field}`" in table, field
    assert (document["format"], document["fits"]) == (1, False)
    assert result["counts"] == {"error": 1, "unchecked": 0, "warning": 1, "info": 1}
    assert (result["policy"], result["group"], result["compared"], result["roles"]) == ("exact", None, 3, {"pinned": 3})


FAILED = (Failure(Wanted("gone:1", ("pyproject.toml", 7)), NotFoundError(f"there is no model gone {HOSTILE}")),)


def test_a_model_that_could_not_be_checked_stands_in_every_document(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting = _with(report)
    root = ET.fromstring(_printed(capsys, [fitting], Form.JUNIT, FAILED))
    fits, fails = root.findall("testsuite")
    assert (fits.get("failures"), fits.get("errors")) == ("0", "0")
    assert (fails.get("name"), fails.get("tests"), fails.get("errors")) == ("gone:1", "1", "1")
    (error,) = fails.findall("testcase/error")
    assert str(error.get("message")).startswith("there is no model gone")
    document = json.loads(_printed(capsys, [fitting], Form.JSON, FAILED))
    assert (document["fits"], len(document["results"])) == (False, 1)
    assert (document["failures"][0]["reference"], document["failures"][0]["exit_code"]) == ("gone:1", 4)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    out = _printed(capsys, [fitting], Form.GITHUB, FAILED)
    (command,) = [line for line in out.splitlines() if line.startswith("::")]
    assert command.startswith(
        "::error title=gone%3A1 could not be checked,file=pyproject.toml,line=7::there is no model"
    )
    summary = tmp_path.joinpath("summary.md").read_text(encoding="utf-8")
    assert summary.startswith("### gone:1 ❌ could not be checked\n\nthere is no model gone ")


def test_the_line_of_pyproject_that_asks_for_a_check_is_named(run: Run, model: Path) -> None:
    place = make_place(Path("venv").absolute())
    add(place.site, "pkg", "1.0")
    run("register", str(model), "fraud", "--python", str(place.python))
    Path("pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.modelreg.models]\nchurn = "1"\nfraud = "1"\n')
    bare = make_place(Path("bare").absolute())
    run("register", str(model), "churn", "--python", str(bare.python))
    ran = run("verify-env", "--python", str(bare.python), "--format", "github")
    assert ran.code == 3
    assert "::error title=fraud%3A1 does not fit,file=pyproject.toml,line=6::pkg is not installed" in ran.out


def test_the_lines_of_a_lock_are_named(run: Run, model: Path) -> None:
    place = make_place(Path("venv").absolute())
    add(place.site, "pkg", "1.0")
    add(place.site, "other", "1.0")
    run("register", str(model), "fraud", "--python", str(place.python))
    Path("requirements.txt").write_text("# ours\nother==1.0\npkg==2.0\n")
    ran = run("verify-env", "fraud", "--lock", "requirements.txt", "--format", "github")
    assert ran.code == 3
    assert ",file=requirements.txt,line=3::pkg is 2.0; the model wants 1.0" in ran.out


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
@pytest.mark.parametrize(
    ("lock", "workspace", "named"),
    [
        ("requirements.txt", ".", "serving/requirements.txt"),
        ("{here}/requirements.txt", ".", "serving/requirements.txt"),
        ("../locks/more, all.txt", ".", "locks/more%2C all.txt"),
        ("{here}/../locks/more, all.txt", ".", "locks/more%2C all.txt"),
        ("requirements.txt", "linked", "serving/requirements.txt"),
        ("../locks/more, all.txt", "serving", "../locks/more%2C all.txt"),
        ("requirements.txt", "", "requirements.txt"),
    ],
)
def test_github_is_told_of_files_as_the_repository_has_them(
    run: Run, model: Path, lock: str, workspace: str, named: str
) -> None:
    place = make_place(Path("venv").absolute())
    add(place.site, "pkg", "1.0")
    run("register", str(model), "fraud", "--python", str(place.python))
    serving = Path("serving").absolute()
    for path in (Path("serving/requirements.txt"), Path("locks/more, all.txt")):
        path.parent.mkdir()
        path.write_text("\npkg==2.0\n", encoding="utf-8")
    Path("linked").symlink_to(Path.cwd(), target_is_directory=True)
    where = str(Path(workspace).absolute()) if workspace else ""
    ran = run(
        *("verify-env", "fraud", "--lock", lock.format(here=serving), "--format", "github"),
        cwd=serving,
        GITHUB_WORKSPACE=where,
    )
    assert ran.code == 3
    assert f",file={named},line=2::pkg is 2.0" in ran.out


def test_github_is_told_of_what_may_pass_unchecked_as_a_warning(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = _with(report, Finding(UNCHECKED, "unknown", "pkg", "1", "x"))
    terms = allowed.comparison.terms._replace(allow_unchecked=True)
    allowed = allowed._replace(comparison=allowed.comparison._replace(terms=terms))
    assert allowed.fits
    out = _printed(capsys, [allowed], Form.GITHUB)
    assert "::error" not in out
    assert out.startswith("::warning title=fraud%3A1 fits%2C with warnings::")


def test_github_is_told_which_model_a_folded_finding_is_about(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str]
) -> None:
    one = _with(report, Finding(ERROR, "missing", "pkg", "1", None))
    out = _printed(capsys, [one._replace(reference=f"m{number}:1") for number in range(12)], Form.GITHUB)
    last = re.findall(r"^::error (.*)$", out, re.MULTILINE)[-1]
    assert last.startswith("title=m9%3A1 does not fit::pkg is not installed")
    assert "%0Am10:1 does not fit: pkg is not installed" in last
    assert "%0Am11:1 does not fit: pkg is not installed" in last


def test_a_summary_holds_no_link_or_image_of_a_findings_and_never_outgrows_its_file(
    report: EnvironmentReport, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    hostile = _with(report, Finding(ERROR, "unknown", "pkg", "1", "![x](https://a.example/) &lt;b>"))
    _printed(capsys, [hostile], Form.GITHUB)
    text = summary.read_text(encoding="utf-8")
    assert "!\\[x\\](" in text
    assert "&amp;lt;b>" in text
    summary.write_bytes(b"x" * (1024 * 1024 - 10))
    _printed(capsys, [hostile], Form.GITHUB)
    assert summary.stat().st_size <= 1024 * 1024


@pytest.mark.parametrize("form", list(Form))
def test_a_report_of_any_name_can_be_printed(
    report: EnvironmentReport, capfdbinary: pytest.CaptureFixture[bytes], form: Form
) -> None:
    odd = _with(report, Finding(ERROR, "unknown", "p\x1b\udcff", "1", "x\udcff", note="\udcff"))
    capture = odd.capture._replace(prefix="/srv/\udcff\x1b")
    print_reports([odd._replace(reference="caf\udce9/m\x1b", capture=capture)], form)
    out = capfdbinary.readouterr().out
    assert b"\x1b" not in out
    if form is Form.JSON:
        assert json.loads(out)["results"][0]["findings"][0]["subject"].startswith("p\x1b")
    if form is Form.JUNIT:
        assert ET.fromstring(out).find("testsuite") is not None
