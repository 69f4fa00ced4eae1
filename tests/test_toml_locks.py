"""What a pylock.toml or a uv.lock would install, as the newest tools write them and as nobody should."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from environments import make_wheel
from hypothesis import given, settings
from hypothesis import strategies as st

from modelreg import Environment, Platform, Python
from modelreg.errors import EnvironmentUnreadableError, ModelregError, UsageError
from modelreg.lock.locked import Lock
from modelreg.lock.reading import LockFile

LINUX = Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64", "glibc", "2.36"))
NEWER = LINUX._replace(python=Python("3.13.1", "cpython"))
WINDOWS = Environment(Python("3.12.0", "cpython"), Platform("windows", "amd64"))
COMMIT = "a" * 40
SHA = "b" * 64


def lock(text: str, name: str, environment: Environment = LINUX, group: str | None = None) -> Lock:
    Path(name).write_text(text, encoding="utf-8")
    return LockFile(Path(name)).read(environment, group)


def pylock(text: str, environment: Environment = LINUX, group: str | None = None) -> Lock:
    return lock(f'lock-version = "1.0"\ncreated-by = "hand"\n{text}', "pylock.toml", environment, group)


def uv_lock(text: str, environment: Environment = LINUX, group: str | None = None) -> Lock:
    return lock(f'version = 1\nrevision = 5\nrequires-python = ">=3.11"\n{text}', "uv.lock", environment, group)


def pins(found: Lock) -> dict[str, str]:
    return {one.package.name: one.package.version for one in found.packages}


def loose(found: Lock) -> dict[str, str]:
    return {one.name: one.reason for one in found.loose}


# As their own tools write them


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with groups, an extra and forks, and an index of small wheels beside it."""
    wheels = tmp_path / "wheels"
    for name, version, requires in (
        ("alpha", "1.0", ("beta>=1", "only_windows; sys_platform == 'win32'", "extra_of_alpha; extra == 'more'")),
        ("beta", "1.0", ()),
        ("beta", "2.0+cpu", ()),
        ("only_windows", "1.0", ()),
        ("extra_of_alpha", "1.0", ()),
        ("server", "1.0", ()),
        ("trainer", "1.0", ()),
    ):
        make_wheel(wheels, name, version, requires=requires)
    folder = tmp_path / "project"
    folder.mkdir()
    folder.joinpath("pyproject.toml").write_text(
        '[project]\nname = "The_App"\nversion = "0.1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["alpha[more]", "beta==1.0; python_version < \'3.13\'", '
        "\"beta==2.0+cpu; python_version >= '3.13'\"]\n"
        '[project.optional-dependencies]\nserve = ["server"]\n[dependency-groups]\ntrain = ["trainer"]\n'
        f'[tool.uv]\nno-index = true\nfind-links = ["{wheels.as_posix()}"]\n',
        encoding="utf-8",
    )
    return folder


def _uv(uv: Path, folder: Path, *arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    subprocess.run([uv, "-q", *arguments, "-p", sys.executable], cwd=folder, env=environ, check=True)


BASE = {"alpha": "1.0", "beta": "1.0", "extra-of-alpha": "1.0"}


@pytest.mark.parametrize(
    ("environment", "group", "wanted"),
    [
        (LINUX, None, BASE),
        (NEWER, None, BASE | {"beta": "2.0+cpu"}),
        (WINDOWS, None, BASE | {"only-windows": "1.0"}),
        (LINUX, "serve", BASE | {"server": "1.0"}),
        (LINUX, "train", BASE | {"trainer": "1.0"}),
        (LINUX, "none", BASE),
    ],
    ids=["linux", "a later Python", "windows", "an extra", "a group", "no such group"],
)
def test_a_uv_lock_says_what_uv_would_install_and_nothing_of_other_forks(
    uv: Path, project: Path, environment: Environment, group: str | None, wanted: dict[str, str]
) -> None:
    _uv(uv, project, "lock")
    found = LockFile(project / "uv.lock").read(environment, group)
    assert pins(found) == wanted
    assert not found.loose
    assert (found.python, found.kind, found.foreign) == (">=3.11", "uv.lock", ())
    assert found.group == (group if group != "none" else None)
    lines = (project / "uv.lock").read_text(encoding="utf-8").splitlines()
    _, line = found.lines["alpha"]
    assert lines[line - 1 : line + 1] == ["[[package]]", 'name = "alpha"']


@pytest.mark.parametrize("environment", [LINUX, NEWER, WINDOWS], ids=["linux", "later", "windows"])
def test_what_uv_exports_says_the_same_in_every_form(uv: Path, project: Path, environment: Environment) -> None:
    for form, name in (("pylock.toml", "pylock.toml"), ("requirements.txt", "requirements.txt")):
        _uv(uv, project, "export", "--format", form, "-o", name)
    wanted = pins(LockFile(project / "uv.lock").read(environment))
    for name in ("pylock.toml", "requirements.txt"):
        found = LockFile(project / name).read(environment)
        assert pins(found) == wanted
        assert not found.loose


def test_what_pip_and_uv_lock_of_requirements_is_read_with_its_hashes(uv: Path, project: Path) -> None:
    project.joinpath("asked.in").write_text("alpha\nbeta==2.0+cpu\n", encoding="utf-8")
    wheels = str(project.parent / "wheels")
    pip = [sys.executable, "-m", "pip", "-q", "lock", "--no-index", "-f", wheels]
    subprocess.run(
        [*pip, "-r", "asked.in", "-o", "pylock.pip.toml"], cwd=project, check=True, stderr=subprocess.DEVNULL
    )
    _uv(uv, project, "pip", "compile", "asked.in", "--format", "pylock.toml", "-o", "pylock.uv.toml")
    _uv(uv, project, "pip", "compile", "asked.in", "--generate-hashes", "-o", "asked.txt")
    for name in ("pylock.pip.toml", "pylock.uv.toml", "asked.txt"):
        found = LockFile(project / name).read(LINUX)
        assert pins(found) == {"alpha": "1.0", "beta": "2.0+cpu"}
        assert all(one.hashes for one in found.packages) or name == "pylock.uv.toml"


# Groups, sources and what stands in the standard


def test_groups_and_extras_of_a_pylock_are_chosen_by_name_and_defaults_without_one() -> None:
    text = (
        'dependency-groups = ["serve", "dev"]\nextras = ["Web_UI"]\ndefault-groups = ["dev"]\n'
        '[[packages]]\nname = "base"\nversion = "1"\nsdist = {url = "https://h/base-1.tar.gz", hashes = {}}\n'
    )
    for name, marker in (
        ("server", "'serve' in dependency_groups"),
        ("tester", "'dev' in dependency_groups or 'dev' in extras"),
        ("web", "'web-ui' in extras and python_version >= '3'"),
        ("other", "'serve' not in dependency_groups"),
    ):
        text += f'[[packages]]\nname = "{name}"\nversion = "1"\nmarker = "{marker}"\n'
        text += f'wheels = [{{name = "{name}-1-py3-none-any.whl"}}]\n'
    # As PEP 751 has it, and pip and uv do: an extra is no group, so the default ones stay chosen.
    extra = {"web", "tester", "other"}
    for group, wanted in ((None, {"tester", "other"}), ("serve", {"server"}), ("web-ui", extra)):
        assert pins(pylock(text, group=group)).keys() - {"base"} == wanted


def test_every_source_of_a_pylock_is_an_origin() -> None:
    found = pylock(
        f'[[packages]]\nname = "git"\n[packages.vcs]\ntype = "git"\nurl = "https://u:p@h/git.git"\n'
        f'commit-id = "{COMMIT}"\n'
        'requested-revision = "main"\nsubdirectory = "py"\n'
        '[[packages]]\nname = "folder"\n[packages.directory]\npath = "../folder"\neditable = true\n'
        f'[[packages]]\nname = "file"\n[packages.archive]\nurl = "https://h/file-3.0-py3-none-any.whl"\n'
        f'[packages.archive.hashes]\nsha256 = "{SHA}"\n'
        f'[[packages]]\nname = "wheel"\n[[packages.wheels]]\nurl = "https://h/wheel-4.0%2Bcpu-py3-none-any.whl"\n'
        f'[packages.wheels.hashes]\nsha256 = "{SHA}"\n'
    )
    origins = {one.package.name: one.package.origin for one in found.packages}
    assert pins(found) == {"git": "", "folder": "", "file": "3.0", "wheel": "4.0+cpu"}
    assert {name: origin.kind for name, origin in origins.items() if origin} == {
        "git": "vcs",
        "folder": "editable",
        "file": "archive",
    }
    git = origins["git"]
    assert git is not None
    assert (git.url, git.commit, git.requested_revision, git.subdirectory) == (
        "https://h/git.git",
        COMMIT,
        "main",
        "py",
    )
    assert {one.package.name: one.where[1] for one in found.packages} == {
        "git": 3,
        "folder": 11,
        "file": 16,
        "wheel": 22,
    }


def test_what_a_pylock_leaves_open_is_named() -> None:
    wheel = 'version = "1"\nwheels = [{name = "x-1-py3-none-any.whl"}]\n'
    found = pylock(
        f'[[packages]]\nname = "twice"\n{wheel}[[packages]]\nname = "twice"\n{wheel}'
        f'[[packages]]\nname = "later"\nrequires-python = ">=3.12"\n{wheel}'
        f'[[packages]]\nname = "odd"\nmarker = "colour == \'red\'"\n{wheel}'
        '[[packages]]\nname = "empty"\nversion = "1"\n'
        '[[packages]]\nname = "moving"\n[packages.vcs]\ntype = "git"\nurl = "https://h/m"\ncommit-id = "main"\n'
    )
    assert not found.packages
    assert loose(found).keys() == {"twice", "later", "odd", "empty", "moving"}
    assert loose(found)["twice"] == "the lock chooses it twice for this Python and platform"


@pytest.mark.parametrize(
    ("files", "version", "reason"),
    [
        (("x-1.0+cpu",), "1.0+cpu", None),
        (("x-1.0%2Bcpu", "x-1.0%2Bcpu"), "1.0+cpu", None),
        (("x-1.0", "x-1.0.0"), "1.0", None),
        (("x-1.0", "x-1.0+cpu"), None, "its files are of version 1.0 and 1.0+cpu, and the lock says 1.0"),
        (("x-2.0",), None, "its files are of version 2.0, and the lock says 1.0"),
    ],
)
def test_what_the_names_of_files_tell_of_their_version_counts_as_they_are_what_is_installed(
    files: tuple[str, ...], version: str | None, reason: str | None
) -> None:
    wheels = ", ".join(f'{{ url = "https://h/{file}-py3-none-any.whl" }}' for file in files)
    entry = f'name = "x"\nversion = "1.0"\nwheels = [{wheels}]\n'
    project = '[[package]]\nname = "app"\nsource = { virtual = "." }\ndependencies = [{ name = "x" }]\n'
    for found in (
        pylock(f"[[packages]]\n{entry}"),
        uv_lock(f'{project}[[package]]\n{entry}source = {{ registry = "https://h" }}\n'),
    ):
        assert (pins(found).get("x"), loose(found).get("x")) == (version, reason)


def test_a_lock_for_other_environments_says_which() -> None:
    assert pylock("environments = [\"sys_platform == 'linux'\"]\npackages = []").foreign == ()
    assert pylock("environments = [\"sys_platform == 'win32'\"]\npackages = []").foreign == ("sys_platform == 'win32'",)
    assert uv_lock("supported-markers = [\"sys_platform == 'win32'\"]\npackage = []").foreign


def test_every_source_of_a_uv_lock_is_an_origin() -> None:
    names = ("git", "url", "path", "linked", "folder", "held", "strange")
    found = uv_lock(
        '[[package]]\nname = "app"\nsource = { editable = "." }\ndependencies = [\n'
        + "".join(f'{{ name = "{name}" }},\n' for name in names)
        + ']\n[[package]]\nname = "git"\nversion = "1"\n'
        f'source = {{ git = "https://h/r.git?subdirectory=py&rev=main#{COMMIT}" }}\n'
        '[[package]]\nname = "url"\nversion = "2"\nsource = { url = "https://h/url-2-py3-none-any.whl" }\n'
        f'wheels = [{{ url = "https://h/url-2-py3-none-any.whl", hash = "sha256:{SHA}" }}]\n'
        '[[package]]\nname = "path"\nversion = "3"\nsource = { path = "dist/path-3-py3-none-any.whl" }\n'
        '[[package]]\nname = "linked"\nversion = "4"\nsource = { editable = "linked" }\n'
        '[[package]]\nname = "folder"\nversion = "5"\nsource = { directory = "folder" }\n'
        '[[package]]\nname = "held"\nversion = "6"\nsource = { virtual = "held" }\n'
        '[[package]]\nname = "strange"\nversion = "7"\nsource = { carrier = "pigeon" }\n'
        '[[package]]\nname = "unreached"\nversion = "8"\nsource = { registry = "https://h/simple" }\n'
    )
    assert pins(found) == {"app": "", "git": "1", "url": "2", "path": "3", "linked": "4", "folder": "5"}
    origins = {one.package.name: one.package.origin for one in found.packages}
    git, url = origins["git"], origins["url"]
    assert git is not None
    assert url is not None
    assert (git.url, git.commit, git.subdirectory, git.requested_revision) == ("https://h/r.git", COMMIT, "py", "main")
    assert (url.kind, url.url, url.sha256) == ("archive", "https://h/url-2-py3-none-any.whl", SHA)
    assert loose(found) == {"strange": "its source is of a kind that is not known: carrier"}


def test_a_group_that_needs_nothing_counts_in_no_condition_as_it_does_not_for_uv() -> None:
    project = (
        '[[package]]\nname = "app"\nsource = { virtual = "." }\ndependencies = [\n'
        """{ name = "beta", version = "1.0", marker = "extra == 'group-3-app-small'" },\n"""
        """{ name = "beta", version = "2.0", marker = "extra != 'group-3-app-small'" },\n]\n"""
    )
    said = "[package.metadata.requires-dev]\nsmall = []\n"
    for version in ("1.0", "2.0"):
        said += f'[[package]]\nname = "beta"\nversion = "{version}"\nsource = {{ registry = "r" }}\n'
    assert pins(uv_lock(project + said, group="small")) == {"beta": "2.0"}
    needing = '[package.dev-dependencies]\nsmall = [{ name = "beta", version = "1.0" }]\n'
    assert pins(uv_lock(project + needing + said, group="small")) == {"beta": "1.0"}


def test_groups_that_exclude_each_other_in_a_uv_lock_are_told_apart(uv: Path, project: Path) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(
        '[project]\nname = "the-app"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = ["server"]\n'
        '[project.optional-dependencies]\ncpu = ["beta==1.0"]\n[dependency-groups]\nserve = ["beta==2.0+cpu"]\n'
        'small = ["the-app[cpu]"]\n'
        '[tool.uv]\nno-index = true\nconflicts = [[{ extra = "cpu" }, { group = "serve" }]]\n'
        f'find-links = ["{(project.parent / "wheels").as_posix()}"]\n',
        encoding="utf-8",
    )
    _uv(uv, project, "lock")
    for group, beta in (
        ("cpu", {"beta": "1.0"}),
        ("serve", {"beta": "2.0+cpu"}),
        ("small", {"beta": "1.0"}),
        (None, {}),
    ):
        found = LockFile(project / "uv.lock").read(LINUX, group)
        assert pins(found) == {"server": "1.0", **beta}
        assert not found.loose


# What is damaged


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pylock.toml", 'lock-version = "1.0', "is no TOML"),
        ("pylock.toml", 'lock-version = "2.0"\npackages = []', "is of lock-version 2.0"),
        ("pylock.toml", 'lock-version = "1.0"\npackages = 3', "the field packages has the wrong type"),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nversion = "1"', "the field packages[0].name is missing"),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "../x"', "is no name of a package"),
        ("pylock.toml", f'lock-version = "1.0"\nx = {"[" * 5000}', "is no TOML"),
        ("pylock.toml", f'lock-version = "1.0"\npackages = []\n{"a." * 200_000}a = 1', "nests its keys too deep"),
        ("pylock.toml", f'lock-version = "1.0"\npackages = []\n[{"a . " * 200_000}a]', "nests its keys too deep"),
        (
            "uv.lock",
            'version = 1\n[[package]]\nname = "app"\nsource = { virtual = "." }\n'
            + '[[package]]\nname = "x"\nversion = "1"\nsource = { registry = "r" }\n' * 101,
            "x has more than 100 entries",
        ),
        ("uv.lock", 'version = 2\nrequires-python = ">=3.11"', "is of version 2"),
        ("uv.lock", 'version = 1\n[[package]]\nname = "x"', "the field package[0].source is missing"),
        (
            "uv.lock",
            'version = 1\n[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\ndependencies = [3]',
            "is no list",
        ),
    ],
)
def test_a_damaged_lock_is_one_error_with_exit_4(name: str, text: str, said: str) -> None:
    with pytest.raises(ModelregError) as error:
        lock(text, name)
    assert isinstance(error.value, EnvironmentUnreadableError)
    assert said in str(error.value)
    assert str(error.value).startswith(name)


WHOLE = {
    "pylock.toml": (
        'lock-version = "1.0"\nrequires-python = ">=3.11"\nenvironments = ["os_name == \'posix\'"]\nextras = ["gpu"]\n'
        'dependency-groups = ["serve"]\ndefault-groups = ["serve"]\n[[packages]]\nname = "x"\nversion = "1"\n'
        'marker = "\'gpu\' in extras"\nrequires-python = ">=3"\nwheels = [{ url = "https://h/x-1-py3-none-any.whl", '
        'hashes = { sha256 = "0" } }]\n[[packages]]\nname = "y"\nvcs = { type = "git", url = "https://h/y", '
        'commit-id = "0", subdirectory = "s" }\n[[packages]]\nname = "z"\narchive = { url = "https://h/z-1.zip", '
        'hashes = { sha256 = "0" } }\n'
    ),
    "uv.lock": (
        'version = 1\nrequires-python = ">=3.11"\nsupported-markers = ["os_name == \'posix\'"]\n'
        '[manifest]\nmembers = ["x"]\nrequirements = [{ name = "y", extra = ["e"] }]\n[[package]]\nname = "x"\n'
        'source = { editable = "." }\ndependencies = [{ name = "y", version = "1", marker = "os_name == \'posix\'" }]\n'
        'optional-dependencies = { gpu = [{ name = "y" }] }\ndev-dependencies = { serve = [{ name = "z" }] }\n'
        '[[package]]\nname = "y"\nversion = "1"\nsource = { git = "https://h/y?rev=main#0" }\n[[package]]\nname = "z"\n'
        'source = { url = "https://h/z-1.zip" }\nresolution-markers = ["os_name == \'posix\'"]\n'
        'sdist = { url = "https://h/z-1.zip", hash = "sha256:0" }\n'
    ),
}
VALUES = st.sampled_from(
    ['""', '"x"', "1", "true", "{}", "[]", "[{}]", '["x"]', '"https://[h/x.zip"', "1.5", "2026-01-01"]
)


@given(st.data())
@settings(max_examples=400)
def test_a_field_of_any_other_type_or_content_is_one_of_our_errors_or_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    values = list(re.finditer(r'(?<== )("[^"]*"|\[\]|[0-9]+)|(?<=\[)"[^"]*"', WHOLE[name]))
    chosen = data.draw(st.sampled_from(values))
    text = f"{WHOLE[name][: chosen.start()]}{data.draw(VALUES)}{WHOLE[name][chosen.end() :]}"
    with contextlib.suppress(ModelregError):
        lock(text, name, group=data.draw(st.sampled_from([None, "serve", "gpu"])))


def test_a_toml_file_that_is_no_lock_is_refused() -> None:
    for text in ("[project]\nname = 'x'\n", "version = '1'\n", ""):
        with pytest.raises(UsageError, match=r"is no requirements\.txt, pylock\.toml or uv\.lock; make one"):
            lock(text, "pyproject.toml")


def test_dependencies_that_go_round_end() -> None:
    text = '[[package]]\nname = "app"\nsource = { virtual = "." }\ndependencies = [{ name = "a", extra = ["x"] }]\n'
    for name, other in (("a", "b"), ("b", "a")):
        text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "r" }}\n'
        text += f'dependencies = [{{ name = "{other}" }}]\n'
        text += f'[package.optional-dependencies]\nx = [{{ name = "{name}", extra = ["x"] }}]\n'
    assert pins(uv_lock(text)) == {"a": "1", "b": "1"}
