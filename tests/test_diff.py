"""modelreg diff: what changed between two versions, or between a version and an environment."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Run
from terminal import on_terminal, plain

from modelreg import Capture, Environment, NotFoundError, Origin, Package, Platform, Python, Registry
from modelreg.difference import environment_difference
from modelreg.digest import sha256_of

PLAIN = Environment(Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu"), Platform("linux", "x86_64"))

COMMIT, OTHER_COMMIT = "a" * 40, "b" * 40
_GIT = "https://example.org/numpy.git"

PACKAGES: dict[str, tuple[Package | None, Package | None, tuple[str | None, str | None, str] | None]] = {
    "the same": (Package("numpy", "1.26.4"), Package("numpy", "1.26.4"), None),
    "added": (None, Package("numpy", "1.26.4"), (None, "1.26.4", "")),
    "removed": (Package("numpy", "1.26.4"), None, ("1.26.4", None, "")),
    "up": (Package("numpy", "1.9"), Package("numpy", "1.10"), ("1.9", "1.10", "up")),
    "down": (Package("numpy", "2.0.0"), Package("numpy", "2.0.0rc1"), ("2.0.0", "2.0.0rc1", "down")),
    "up to a local build": (Package("numpy", "2.0"), Package("numpy", "2.0+cu118"), ("2.0", "2.0+cu118", "up")),
    "written differently": (
        Package("numpy", "1.0"),
        Package("numpy", "1.0.0"),
        ("1.0", "1.0.0", "the same version, written differently"),
    ),
    "a version that is none": (Package("numpy", "1.0"), Package("numpy", "custom"), ("1.0", "custom", "")),
    "two that are none": (Package("numpy", "odd"), Package("numpy", "custom"), ("odd", "custom", "")),
    "spelled differently": (Package("numpy", "1.0"), Package("numpy", "1.0", "NumPy"), None),
    "from git instead of an index": (
        Package("numpy", "1.0"),
        Package("numpy", "1.0", origin=Origin("vcs", _GIT, "git", COMMIT)),
        ("1.0 from an index", f"1.0 from git {_GIT}@{COMMIT}", ""),
    ),
    "another commit": (
        Package("numpy", "1.0", origin=Origin("vcs", _GIT, "git", COMMIT)),
        Package("numpy", "1.0", origin=Origin("vcs", _GIT, "git", OTHER_COMMIT)),
        (f"1.0 from git {_GIT}@{COMMIT}", f"1.0 from git {_GIT}@{OTHER_COMMIT}", ""),
    ),
    "the same commit by another name": (
        Package("numpy", "1.0", origin=Origin("vcs", _GIT, "git", COMMIT, "main")),
        Package("numpy", "1.0", origin=Origin("vcs", _GIT, "git", COMMIT, "v1")),
        None,
    ),
    "another version from another place": (
        Package("numpy", "1.0"),
        Package("numpy", "1.1", origin=Origin("editable")),
        ("1.0 from an index", "1.1 from a local editable", "up"),
    ),
    "another version from the same place": (
        Package("numpy", "1.0", origin=Origin("editable")),
        Package("numpy", "1.1", origin=Origin("editable")),
        ("1.0", "1.1", "up"),
    ),
    "by conda instead of pip": (
        Package("numpy", "1.0"),
        Package("numpy", "1.0", origin=Origin("conda")),
        ("1.0 from an index", "1.0 from conda", ""),
    ),
    "another archive": (
        Package("numpy", "1.0", origin=Origin("archive", "https://example.org/a.whl", sha256="1" * 64)),
        Package("numpy", "1.0", origin=Origin("archive", "https://example.org/a.whl", sha256="2" * 64)),
        (
            f"1.0 from archive https://example.org/a.whl, sha256:{'1' * 64}",
            f"1.0 from archive https://example.org/a.whl, sha256:{'2' * 64}",
            "",
        ),
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), PACKAGES.values(), ids=list(PACKAGES))
def test_a_package_is_added_removed_up_down_or_from_elsewhere(
    before: Package | None, after: Package | None, expected: tuple[str | None, str | None, str] | None
) -> None:
    environments = [PLAIN._replace(packages=(package,) if package else ()) for package in (before, after)]
    changes = environment_difference(*environments)
    told = [(change.part, change.name, change.before, change.after, change.note) for change in changes]
    assert told == ([("package", "numpy", *expected)] if expected else [])


def test_packages_are_told_by_name() -> None:
    before = tuple(Package(name, "1") for name in ("alpha", "beta", "delta"))
    after = tuple(Package(name, "2") for name in ("beta", "gamma"))
    changes = environment_difference(PLAIN._replace(packages=before), PLAIN._replace(packages=after))
    assert [(change.name, change.kind) for change in changes] == [
        ("alpha", "removed"),
        ("beta", "changed"),
        ("delta", "removed"),
        ("gamma", "added"),
    ]


INTERPRETERS: dict[str, tuple[Environment, list[tuple[str, str, str, str]]]] = {
    "the same": (PLAIN, []),
    "another Python": (
        PLAIN._replace(python=Python("3.12.1", "cpython", "cpython-312-x86_64-linux-gnu")),
        [("python", "", "cpython 3.11.7", "cpython 3.12.1")],
    ),
    "another implementation": (
        PLAIN._replace(python=Python("3.11.7", "pypy")),
        [("python", "", "cpython 3.11.7", "pypy 3.11.7")],
    ),
    "another build of the same Python": (
        PLAIN._replace(python=Python("3.11.7", "cpython", "cpython-311d-x86_64-linux-gnu")),
        [("python", "abi", "cpython-311-x86_64-linux-gnu", "cpython-311d-x86_64-linux-gnu")],
    ),
    "a build that is not known": (PLAIN._replace(python=Python("3.11.7", "cpython")), []),
    "another machine": (
        PLAIN._replace(platform=Platform("linux", "aarch64")),
        [("platform", "", "linux x86_64", "linux aarch64")],
    ),
    "another C library": (
        PLAIN._replace(platform=Platform("linux", "x86_64", "musl", "1.2")),
        [("platform", "", "linux x86_64", "linux x86_64, musl 1.2")],
    ),
}


@pytest.mark.parametrize(("after", "expected"), INTERPRETERS.values(), ids=list(INTERPRETERS))
def test_python_and_the_platform_are_told_where_they_differ(
    after: Environment, expected: list[tuple[str, str, str, str]]
) -> None:
    changes = environment_difference(PLAIN, after)
    assert [(change.part, change.name, change.before, change.after) for change in changes] == expected


# Two versions


def _register(
    registry: Registry,
    captured: Capture,
    files: Mapping[str, bytes],
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    description: str = "",
) -> None:
    folder = Path(f"folder-{os.urandom(4).hex()}")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    registry.register(
        folder, "fraud", capture=captured, tags=tags, metrics=metrics, params=params, description=description
    )


def _differences(registry: Registry, part: str) -> list[tuple[str, str | None, str | None, str]]:
    changes = [change for change in registry.diff("fraud:1", "fraud:2") if change.part == part]
    return [(change.name, change.before, change.after, change.note) for change in changes]


def test_files_are_compared_by_size_and_digest(registry: Registry, captured: Capture) -> None:
    long = b"x" * 1234
    _register(registry, captured, {"a/same": b"same", "changed": b"one", "removed": b"three", "renamed": b"r"})
    _register(registry, captured, {"a/same": b"same", "changed": b"two", "added": long, "a/renamed": b"r"})
    assert _differences(registry, "file") == [
        ("a/renamed", None, f"1 bytes, sha256:{sha256_of(b'r')}", ""),
        ("added", None, f"1,234 bytes, sha256:{sha256_of(long)}", ""),
        ("changed", f"3 bytes, sha256:{sha256_of(b'one')}", f"3 bytes, sha256:{sha256_of(b'two')}", ""),
        ("removed", f"5 bytes, sha256:{sha256_of(b'three')}", None, ""),
        ("renamed", f"1 bytes, sha256:{sha256_of(b'r')}", None, ""),
    ]


METRICS: dict[str, tuple[str | None, str | None, list[tuple[str, str | None, str | None, str]]]] = {
    "the same": ("0.93", "0.93", []),
    "the same number": ("0.93", "0.9300", []),
    "the same number, otherwise": ("1e2", "100", []),
    "up, exactly": ("0.1", "0.3", [("auc", "0.1", "0.3", "+0.2")]),
    "down, exactly": ("0.3", "0.1", [("auc", "0.3", "0.1", "-0.2")]),
    "by less than a double can tell": (
        "1.0000000000000000000001",
        "1.0000000000000000000003",
        [("auc", "1.0000000000000000000001", "1.0000000000000000000003", "+2E-22")],
    ),
    "by one in a long number": ("9" * 40, f"{'9' * 39}8", [("auc", "9" * 40, f"{'9' * 39}8", "-1")]),
    "from nothing to less": ("0", "-1e-3", [("auc", "0", "-1e-3", "-0.001")]),
    "added": (None, "0.93", [("auc", None, "0.93", "")]),
    "removed": ("0.93", None, [("auc", "0.93", None, "")]),
}


@pytest.mark.parametrize(("before", "after", "expected"), METRICS.values(), ids=list(METRICS))
def test_metrics_are_told_with_their_exact_difference(
    registry: Registry,
    captured: Capture,
    before: str | None,
    after: str | None,
    expected: list[tuple[str, str | None, str | None, str]],
) -> None:
    for value in (before, after):
        _register(registry, captured, {"model": b"m"}, metrics={"auc": value} if value else None)
    assert _differences(registry, "metric") == expected


def test_params_tags_and_the_description_are_compared_as_they_are_now(registry: Registry, captured: Capture) -> None:
    _register(registry, captured, {"model": b"m"}, {"team": "risk", "draft": "yes"}, None, {"lr": "0.1"}, "October")
    _register(registry, captured, {"model": b"m"}, {"team": "risk"}, None, {"lr": "0.2", "depth": "6"})
    registry.annotate("fraud:1", tags={"team": "fraud"})
    registry.annotate("fraud:2", description="November")
    assert _differences(registry, "param") == [("depth", None, "6", ""), ("lr", "0.1", "0.2", "")]
    assert _differences(registry, "tag") == [("draft", "yes", None, ""), ("team", "fraud", "risk", "")]
    assert _differences(registry, "description") == [("", "October", "November", "")]
    parts = [change.part for change in registry.diff("fraud:1", "fraud:2")]
    assert parts == ["param", "param", "tag", "tag", "description"]


def test_git_commits_are_compared(registry: Registry, captured: Capture) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=anna", "-c", "user.email=anna@example.org")
        return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def register() -> None:
        registry.register("model.pkl", "fraud", capture=captured)

    Path("model.pkl").write_bytes(b"m")
    register()
    git("init", "-q", "-b", "main")
    git("add", "model.pkl")
    git("commit", "-q", "-m", "one")
    first = git("rev-parse", "HEAD")
    register()
    assert _differences(registry, "source") == [("branch", None, "main", ""), ("commit", None, first, "")]
    git("commit", "-q", "--allow-empty", "-m", "two")
    Path("model.pkl").write_bytes(b"another")
    register()
    changes = [(change.name, change.before, change.after) for change in registry.diff("fraud:2", "fraud:3")]
    assert ("commit", first, f"{git('rev-parse', 'HEAD')} with changes") in changes


def test_nothing_differs_between_a_version_and_itself_or_its_environment(
    registry: Registry, captured: Capture, other_environment: Capture
) -> None:
    _register(registry, captured, {"model": b"m"}, {"a": "b"}, {"auc": "1"}, {"lr": "1"}, "text")
    assert registry.diff("fraud:1", "fraud") == ()
    assert registry.diff("fraud:1", captured) == ()
    added = [(change.name, change.kind) for change in registry.diff("fraud:1", other_environment)]
    assert added == [("xgboost", "added")]
    with pytest.raises(NotFoundError):
        registry.diff("fraud:1", "fraud:2")


# The command


@pytest.fixture
def two(beside: Registry, captured: Capture, other_environment: Capture) -> Registry:
    """The registry that commands work on, with two versions that differ in everything that a line can tell."""
    _register(beside, captured, {"model.pkl": b"one"}, {"team": "risk"}, {"auc": "0.91"}, {"lr": "0.1"}, "October")
    newer = other_environment.environment._replace(python=captured.environment.python._replace(version="3.11.9"))
    capture = captured._replace(environment=newer)
    _register(beside, capture, {"model.pkl": b"three"}, {}, {"auc": "0.93", "f1": "0.8"}, {"lr": "0.1"}, "two\nlines")
    return beside


TEXT = """\
Files
  ~ model.pkl  3 bytes, sha256:7692c3ad3540 -> 5 bytes, sha256:8b5b9db0c13d
Python
  ~ cpython 3.11.7 -> cpython 3.11.9
Packages
  + xgboost  2.1.1
Metrics
  ~ auc  0.91 -> 0.93  (+0.02)
  + f1   0.8
Tags
  - team  risk
Description
  ~ October -> two\\nlines
"""


def test_the_command_tells_it_in_parts(two: Registry, run: Run) -> None:
    ran = run("diff", "fraud:1", "fraud")
    assert (ran.code, ran.out, ran.err) == (0, TEXT, "")
    assert run("diff", "fraud:1", "fraud:2", "-q").out == "file\npython\npackage\nmetric\ntag\ndescription\n"


def test_json_tells_the_whole_digests_and_which_versions_were_compared(two: Registry, run: Run) -> None:
    two.set_alias("fraud:1", "production")
    answer = json.loads(run("diff", "fraud@production", "fraud", "--json").out)
    assert (answer["before"], answer["after"]) == ("fraud:1", "fraud:2")
    assert answer["changes"][0] == {
        "part": "file",
        "name": "model.pkl",
        "before": f"3 bytes, sha256:{sha256_of(b'one')}",
        "after": f"5 bytes, sha256:{sha256_of(b'three')}",
        "note": "",
        "kind": "changed",
    }
    assert json.loads(run("diff", "fraud:1", "fraud:1", "--json").out)["changes"] == []


EXITS = {
    "two that differ": (["fraud:1", "fraud:2"], 0),
    "two that differ, asked for a code": (["fraud:1", "fraud:2", "--exit-code"], 3),
    "the same, asked for a code": (["fraud:1", "fraud:1", "--exit-code"], 0),
    "quietly": (["fraud:1", "fraud:2", "--exit-code", "-q"], 3),
    "in json": (["fraud:1", "fraud:2", "--exit-code", "--json"], 3),
    "one version alone": (["fraud:1"], 2),
    "two versions and an environment": (["fraud:1", "fraud:2", "--python", "python3"], 2),
    "nothing": ([], 2),
    "a version that is not there": (["fraud:1", "fraud:3"], 4),
    "an interpreter that is not there": (["fraud:1", "--python", "absent"], 4),
}


@pytest.mark.parametrize(("arguments", "code"), EXITS.values(), ids=list(EXITS))
def test_differences_are_no_failure_unless_asked_for(two: Registry, run: Run, arguments: list[str], code: int) -> None:
    ran = run("diff", *arguments)
    assert ran.code == code
    assert ran.err.startswith("error: ") == (code in (2, 4)) or "Usage:" in ran.err


def test_where_nothing_differs_nothing_is_printed_but_said(two: Registry, run: Run) -> None:
    ran = run("diff", "fraud:1", "fraud:1")
    assert (ran.code, ran.out, ran.err) == (0, "", "Nothing differs between fraud:1 and fraud:1.\n")


def test_a_version_is_compared_with_the_environment_of_an_interpreter(run: Run, model: Path) -> None:
    run("register", str(model), "fraud", "--python", sys.executable)
    ran = run("diff", "fraud:1", "--python", sys.executable, "--exit-code")
    assert (ran.code, ran.out) == (0, "")
    venv = Path("empty-venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    ran = run("diff", "fraud:1", "--python", str(venv), "--exit-code", "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["after"]) == (3, str(venv))
    assert "pytest" in [change["name"] for change in answer["changes"] if change["kind"] == "removed"]


def test_colours_are_for_terminals_whose_owner_has_nothing_against_them(two: Registry) -> None:
    compare = ("diff", "fraud:1", "fraud:2")
    shown = on_terminal(*compare, MODELREG_REGISTRY=two.url)
    assert "\x1b[33m  ~ auc  0.91 -> 0.93  (+0.02)\x1b[0m" in shown
    assert "\x1b[32m  + xgboost  2.1.1\x1b[0m" in shown
    assert "\x1b[31m  - team  risk\x1b[0m" in shown
    assert plain(shown) == TEXT.splitlines()
    assert on_terminal(*compare, MODELREG_REGISTRY=two.url, NO_COLOR="1") == TEXT
