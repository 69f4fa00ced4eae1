"""Does an environment fit? Every difference, how much it weighs, and the sentence that says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import Environment, Origin, Package, Platform, Python
from modelreg.environment.compare import Comparison, same_version
from modelreg.environment.compare import compare as compare_with
from modelreg.environment.expected import Expected
from modelreg.environment.finding import Finding, Role, Severity

PYTHON = Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu")
LINUX = Platform("linux", "x86_64", "glibc", "2.36")
TAG_313 = "cpython-313-x86_64-linux-gnu"
NUMPY = Package("numpy", "2.1.0")
ERROR, UNCHECKED, WARNING, INFO = Severity


def environment(*packages: Package, python: Python = PYTHON, platform: Platform = LINUX) -> Environment:
    return Environment(python, platform, packages or (NUMPY,))


def commit(letter: str) -> Origin:
    return Origin("vcs", "https://host/pkg", "git", letter * 40)


def compare(wanted: Environment, found: Environment) -> Comparison:
    """Compare where nothing is known of what the packages are to the model, so that all of them count."""
    return compare_with(Expected(wanted), found)


WANTED = environment()
EDITABLE, FOLDER = Origin("editable"), Origin("directory")


def test_an_environment_fits_itself() -> None:
    comparison = compare(WANTED, WANTED)
    assert (comparison.fits, comparison.findings, comparison.compared, comparison.ignored) == (True, (), 1, ())


SAME = [
    ("1.2", "1.2"),
    ("1.2", "1.2.0"),
    ("1.2", "v1.2"),
    ("1.0-RC.1", "1.0rc1"),
    ("1.0.post1", "1.0-1"),
    ("1.2+CPU", "1.2+cpu"),
    ("1.2+cu-12", "1.2+cu.12"),
    ("1!1.0", "1!1.0.0"),
    ("2004d-foo", "2004d-foo"),
    ("01.02", "1.2"),
]
DIFFERENT = [
    ("1.2", "1.3"),
    ("1.2", "1.2.1"),
    ("1.2", "1.20"),
    ("1.2", "1.2+cpu"),
    ("1.2+cpu", "1.2"),
    ("1.2+cpu", "1.2+cu121"),
    ("1.0", "1!1.0"),
    ("1.0", "1.0.post1"),
    ("1.0", "1.0.dev1"),
    ("1.0rc1", "1.0"),
    ("1.0rc1", "1.0rc2"),
    ("2004d-foo", "2004d-bar"),
    ("2004d-foo", "2004"),
    ("1.2", "nonsense"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_versions_that_differ_in_spelling_alone_are_the_same(one: str, other: str) -> None:
    assert same_version(one, other)
    assert compare(environment(Package("pkg", one)), environment(Package("pkg", other))).findings == ()


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_any_other_version_is_an_error(one: str, other: str) -> None:
    (finding,) = compare(environment(Package("pkg", one)), environment(Package("pkg", other))).findings
    assert finding == Finding(ERROR, "version", "pkg", one, other, role=Role.PINNED)
    assert str(finding) == f"pkg is {other}; the model wants {one}"


CASES: dict[str, tuple[Environment, Environment, Severity, str]] = {
    "missing": (
        environment(NUMPY, Package("joblib", "1.5.1")),
        environment(NUMPY),
        ERROR,
        "joblib is not installed; the model wants 1.5.1",
    ),
    "another commit": (
        environment(Package("pkg", "1.0", origin=commit("a"))),
        environment(Package("pkg", "1.0", origin=commit("b"))),
        ERROR,
        f"pkg was installed from commit {'b' * 40}; the model wants it from commit {'a' * 40}",
    ),
    "a release instead of a commit": (
        environment(Package("pkg", "1.0", origin=commit("a"))),
        environment(Package("pkg", "1.0")),
        ERROR,
        f"pkg was installed from a release; the model wants it from commit {'a' * 40}",
    ),
    "editable instead of a release": (
        environment(Package("pkg", "1.0")),
        environment(Package("pkg", "1.0", origin=EDITABLE)),
        ERROR,
        "pkg was installed from an editable folder; the model wants it from a release",
    ),
    "a release instead of editable": (
        environment(Package("pkg", "1.0", origin=EDITABLE)),
        environment(Package("pkg", "1.0", origin=Origin("conda"))),
        ERROR,
        "pkg was installed from a release; the model wants it from an editable folder",
    ),
    "another patch level of Python": (
        WANTED,
        environment(python=PYTHON._replace(version="3.11.9")),
        WARNING,
        "Python is 3.11.9; the model wants 3.11.7",
    ),
    "a pre-release of the same Python": (
        environment(python=PYTHON._replace(version="3.14.0rc1")),
        environment(python=PYTHON._replace(version="3.14.0")),
        WARNING,
        "Python is 3.14.0; the model wants 3.14.0rc1",
    ),
    "another Python": (
        WANTED,
        environment(python=Python("3.12.1", "cpython", "cpython-312-x86_64-linux-gnu")),
        ERROR,
        "Python is 3.12.1; the model wants 3.11.7",
    ),
    "a Python whose number only begins the same": (
        environment(python=Python("3.1.7", "cpython")),
        environment(python=Python("3.11.7", "cpython")),
        ERROR,
        "Python is 3.11.7; the model wants 3.1.7",
    ),
    "another implementation": (
        WANTED,
        environment(python=Python("3.11.7", "pypy", "pypy311-pp73-x86_64-linux-gnu")),
        ERROR,
        "the interpreter is pypy; the model wants cpython",
    ),
    "free-threaded": (
        environment(python=Python("3.13.0", "cpython", TAG_313)),
        environment(python=Python("3.13.0", "cpython", "cpython-313t-x86_64-linux-gnu")),
        ERROR,
        f"the interpreter takes extension modules for cpython-313t-x86_64-linux-gnu; the model wants {TAG_313}",
    ),
    "a 32-bit Python on the same machine": (
        environment(),
        environment(python=PYTHON._replace(soabi="cpython-311-i386-linux-gnu")),
        ERROR,
        f"the interpreter takes extension modules for cpython-311-i386-linux-gnu; the model wants {PYTHON.soabi}",
    ),
    "another system": (
        WANTED,
        environment(python=PYTHON._replace(soabi="cpython-311-darwin"), platform=Platform("darwin", "x86_64")),
        ERROR,
        "the system is darwin; the model wants linux",
    ),
    "another machine": (
        WANTED,
        environment(platform=LINUX._replace(machine="aarch64")),
        ERROR,
        "the machine is aarch64; the model wants x86_64",
    ),
    "an older C library": (
        WANTED,
        environment(platform=LINUX._replace(libc_version="2.9")),
        ERROR,
        "the C library is glibc 2.9; the model wants glibc 2.36 or newer",
    ),
    "another C library": (
        WANTED,
        environment(platform=Platform("linux", "x86_64", "musl")),
        ERROR,
        "the C library is musl; the model wants glibc 2.36 or newer",
    ),
    "an unknown C library": (
        WANTED,
        environment(platform=Platform("linux", "x86_64")),
        UNCHECKED,
        "platform could not be checked: its C library is not known; the model wants glibc 2.36 or newer",
    ),
    "a package that is not asked for": (
        WANTED,
        environment(NUMPY, Package("pandas", "2.2")),
        INFO,
        "pandas 2.2 is installed; the model does not ask for it",
    ),
}


@pytest.mark.parametrize(("wanted", "found", "severity", "sentence"), CASES.values(), ids=CASES)
def test_a_difference_is_said_once_with_what_is_wanted_and_what_is_there(
    wanted: Environment, found: Environment, severity: Severity, sentence: str
) -> None:
    comparison = compare(wanted, found)
    assert [(finding.severity, str(finding)) for finding in comparison.findings] == [(severity, sentence)]
    assert comparison.fits is (severity not in (ERROR, UNCHECKED))
    assert [comparison.number_of(each) for each in Severity] == [severity is each for each in Severity]


FITTING: dict[str, tuple[Environment, Environment]] = {
    "a newer C library": (WANTED, environment(platform=LINUX._replace(libc_version="2.100"))),
    "a C library of an unknown version": (
        environment(platform=Platform("linux", "x86_64", "musl")),
        environment(platform=Platform("linux", "x86_64", "musl", "1.2.5")),
    ),
    "a system without a C library of its own": (
        environment(platform=Platform("darwin", "arm64")),
        environment(platform=Platform("darwin", "arm64")),
    ),
    "an unknown tag": (environment(python=PYTHON._replace(soabi=None)), WANTED),
    "a commit from a mirror": (
        environment(Package("pkg", "1.0", origin=commit("a"))),
        environment(Package("pkg", "1.0", origin=commit("a")._replace(url="ssh://git@mirror/pkg"))),
    ),
    "conda instead of an index": (WANTED, environment(NUMPY._replace(origin=Origin("conda")))),
    "another spelling of the name": (
        environment(Package("scikit-learn", "1.5", "scikit_learn")),
        environment(Package("scikit-learn", "1.5", "Scikit.Learn")),
    ),
    "a folder that was installed as it was": (environment(NUMPY._replace(origin=FOLDER)), WANTED),
}


@pytest.mark.parametrize(("wanted", "found"), FITTING.values(), ids=FITTING)
def test_what_makes_no_difference_is_not_found(wanted: Environment, found: Environment) -> None:
    assert compare(wanted, found).findings == ()


def test_where_nothing_is_pinned_nothing_fits() -> None:
    nothing = Environment(PYTHON, LINUX)
    for wanted in (nothing, environment(Package("pip", "24.0"), Package("modelreg", "0.1.0"))):
        comparison = compare(wanted, WANTED)
        assert not comparison.fits
        assert comparison.compared == 0
        assert str(comparison.findings[0]) == "no package is pinned, so none could be compared"


def test_tooling_is_ignored_on_both_sides_and_said_so() -> None:
    wanted = environment(NUMPY, Package("pip", "24.0"), Package("modelreg", "0.1.0"))
    found = environment(NUMPY, Package("pip", "26.3"), Package("uv", "0.13.9"))
    comparison = compare(wanted, found)
    assert (comparison.findings, comparison.compared, comparison.ignored) == ((), 1, ("pip", "modelreg"))


def test_where_python_or_the_platform_differs_its_tag_is_not_said_as_well() -> None:
    found = environment(python=Python("3.12.1", "pypy", "pypy312"), platform=Platform("windows", "amd64"))
    kinds = [finding.kind for finding in compare(WANTED, found).findings]
    assert kinds == ["implementation", "python", "system", "machine"]


def test_errors_come_first_and_then_warnings() -> None:
    wanted = environment(Package("a", "1"), Package("b", "1"), Package("c", "1"))
    found = environment(
        Package("aa", "1"), Package("b", "2"), Package("d", "1"), python=PYTHON._replace(version="3.11.0")
    )
    findings = compare(wanted, found).findings
    assert [(finding.severity, finding.subject) for finding in findings] == [
        (ERROR, "a"),
        (ERROR, "b"),
        (ERROR, "c"),
        (WARNING, "python"),
        (INFO, "aa"),
        (INFO, "d"),
    ]


def test_only_what_is_about_a_pinned_package_is_a_pin() -> None:
    wanted = environment(NUMPY, Package("a", "1"), Package("b", "1"), Package("c", "1", origin=commit("a")))
    found = environment(Package("b", "2"), Package("c", "1"), NUMPY, Package("d", "1"), python=Python("3.12.0", "pypy"))
    pins = {finding.subject: finding.is_pin for finding in compare(wanted, found).findings}
    assert pins == {"a": True, "b": True, "c": True, "d": False, "python": False}


def test_a_finding_says_since_when_it_is_wanted() -> None:
    finding = Finding(ERROR, "version", "numpy", "2.1.0", "1.26", since="fraud:3 of 2025-01-31")
    assert str(finding) == "numpy is 1.26; the model wants 2.1.0 (wanted since fraud:3 of 2025-01-31)"


@given(st.text(max_size=12), st.text(max_size=12))
def test_versions_compare_without_failing_and_both_ways_alike(one: str, other: str) -> None:
    assert same_version(one, one)
    assert same_version(one, other) == same_version(other, one)
