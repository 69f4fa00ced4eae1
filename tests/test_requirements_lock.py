"""What a requirements.txt would install, before anything is built."""

import contextlib
import json
import locale
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from environments import make_place, make_wheel
from hypothesis import given, settings
from hypothesis import strategies as st

from modelreg import Environment, Package, Platform, Python
from modelreg.environment.record import Origin
from modelreg.errors import EnvironmentUnreadableError, ModelregError, NotFoundError, UsageError
from modelreg.lock.locked import Lock, Loose, Unread
from modelreg.lock.reading import LockFile

LINUX = Environment(
    Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu"),
    Platform("linux", "x86_64", "glibc", "2.36"),
    (
        Package("scikit-learn", "1.5.2", requires=("numpy>=1.19.5", "pandas>=1 ; extra == 'docs'")),
        Package("numpy", "2"),
    ),
)
WINDOWS = LINUX._replace(python=Python("3.13.0", "cpython"), platform=Platform("windows", "amd64"))
LATIN = locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "") != "utf8"
COMMIT = "a" * 40
SHA = "b" * 64


def lock(text: str | bytes, environment: Environment = LINUX, name: str = "requirements.txt") -> Lock:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return LockFile(path).read(environment)


def pins(found: Lock) -> dict[str, str]:
    return {one.package.name: one.package.version for one in found.packages}


def loose(found: Lock) -> dict[str, str]:
    return {one.name: one.reason for one in found.loose}


def test_pins_comments_continuations_and_hashes_are_read_with_the_line_each_stands_on() -> None:
    found = lock(
        "# made by a tool\n--index-url https://anna:secret@host/simple\n\n"
        f"Scikit_Learn[all]==1.5.2 \\\n    --hash=sha256:{SHA} \\\n    --hash sha256:{'c' * 64}\n    # via -r in\n"
        "numpy == 2.1.0  # pinned\r\ntorch==2.3.0+cu121\nodd===2004d-foo\nepoch==1!2.0.post1\n"
    )
    assert pins(found) == {
        "epoch": "1!2.0.post1",
        "numpy": "2.1.0",
        "odd": "2004d-foo",
        "scikit-learn": "1.5.2",
        "torch": "2.3.0+cu121",
    }
    assert not found.loose
    assert found.lines["scikit-learn"] == ("requirements.txt", 4)
    assert found.lines["numpy"] == ("requirements.txt", 8)
    (hashed,) = [one for one in found.packages if one.hashes]
    assert hashed.hashes == {SHA, "c" * 64}


def test_a_comment_ends_a_continued_line_as_it_does_for_pip() -> None:
    assert pins(lock("numpy==2.1.0 \\\n# a comment \\\npandas==2.2.0\n")) == {"numpy": "2.1.0", "pandas": "2.2.0"}
    assert pins(lock("numpy\\\n==2.1.0")) == {"numpy": "2.1.0"}
    (hashed,) = lock(f"numpy==2.1.0 \\\n    --hash=sha256:{SHA}\\\n# a comment\n").packages
    assert hashed.hashes == {SHA}


@pytest.mark.parametrize(
    "line",
    [
        " " * 90_000 + "x",
        "numpy==2.1.0" + " " * 90_000 + ";",
        "# " + " #" * 45_000,
        "-e " + "a " * 45_000,
        "-e a" + "[" * 9_000,
        "x @ https://h/" + "; " * 4_000,
        "${" * 45_000,
        "numpy==2.1.0 ; '" + "' in extras " * 700,
    ],
    ids=["blank", "blank within", "signs", "words", "brackets", "semicolons", "variables", "quotes"],
)
def test_lines_that_would_take_a_careless_reader_hours_take_no_time(line: str) -> None:
    before = time.process_time()
    with contextlib.suppress(ModelregError):
        lock(f"{line}\n" * 20)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [(LINUX, {"tomli": "2.0.1", "uvloop": "0.21.0"}), (WINDOWS, {"tomli": "2.2.1", "colorama": "0.4.6"})],
    ids=["linux", "windows"],
)
def test_markers_are_judged_for_the_models_python_and_platform(
    environment: Environment, wanted: dict[str, str]
) -> None:
    text = (
        "tomli==2.0.1 ; python_full_version < '3.13'\ntomli==2.2.1 ; python_full_version >= '3.13'\n"
        'colorama==0.4.6 ; sys_platform == "win32" and platform_machine == "AMD64"\n'
        "uvloop==0.21.0 ; sys_platform != 'win32'\nextra==1 ; extra == 'never'\n"
    )
    found = lock(text, environment)
    assert pins(found) == wanted
    assert not found.loose


def test_a_marker_that_asks_for_what_is_not_recorded_leaves_its_package_open() -> None:
    found = lock("numpy==2.1.0 ; platform_release >= '5'\n")
    assert not found.packages
    assert "condition cannot be judged" in loose(found)["numpy"]
    assert "x" in loose(lock(f"x @ {WHEEL.replace('numpy', 'x')} ; platform.version >= '5'\n"))


def test_what_has_no_name_is_the_package_that_the_model_has_from_there() -> None:
    archive, other = "https://h/archive/v1.0.tar.gz", f"https://h/other@{COMMIT}"
    wanted = LINUX._replace(
        packages=(
            Package("a", "1.0", origin=Origin("vcs", "https://h/a.git", "git", COMMIT)),
            Package("b", "1.0", origin=Origin("archive", archive, sha256=SHA)),
        )
    )
    read = lock(f"git+https://h/a@{COMMIT}\n{archive}\ngit+{other}\n", wanted)
    assert [one.package.name for one in read.packages] == ["a", "b"]
    assert loose(read) == {"": f"git+{other} does not say which package it is"}


@pytest.mark.parametrize(
    "line", ["numpy", "numpy>=2", "numpy==2.*", "numpy~=2.1.0", "numpy[x]", "numpy!=2", "numpy<3,>=2"]
)
def test_what_is_not_pinned_is_left_open_and_named(line: str) -> None:
    found = lock(f"\n{line}\n")
    assert not found.packages
    assert loose(found)["numpy"].startswith("the lock does not pin it")
    assert found.lines["numpy"] == ("requirements.txt", 2)


def test_a_pin_beside_bounds_is_a_pin_and_two_pins_are_none() -> None:
    assert pins(lock("numpy==2.1.0,<3\nnumpy>=2\nnumpy==2.1.0\n")) == {"numpy": "2.1.0"}
    found = lock("numpy==2.1.0\nnumpy==2.2.0\n")
    assert not found.packages
    assert found.loose == (
        Loose("numpy", "it is asked for in two ways", ("requirements.txt", 1), (("requirements.txt", 2),)),
    )


WHEEL = "https://h/numpy-2.1.0-py3-none-any.whl"
TAKEN = {
    "a marker after a URL without a space": (f"numpy @ {WHEEL}; python_version > '3'", "2.1.0"),
    "a marker after a URL without any space": (f"numpy @ {WHEEL};python_version > '3'", "2.1.0"),
    "such a marker that does not hold": (f"numpy @ {WHEEL}; python_version < '3'", None),
    "a bare URL with a marker": (f"{WHEEL}; python_version > '3'", "2.1.0"),
    "a bare URL with one that does not hold": (f"{WHEEL} ; python_version < '3'", None),
    "a URL without spaces before it": (f"numpy@{WHEEL}", "2.1.0"),
    "a path with a marker": ("./numpy-2.1.0-py3-none-any.whl;python_version < '3'", None),
    "a path with extras and a marker": ("dist/numpy-2.1.0-py3-none-any.whl[x]; python_version > '3'", "2.1.0"),
    "a label in a URL": ("https://h/numpy-2.1.0%2Bcu121-py3-none-any.whl", "2.1.0+cu121"),
    "a label in the URL of a name": ("numpy @ https://h/numpy-2.1.0%2Bcu121-py3-none-any.whl", "2.1.0+cu121"),
    "a semicolon that nothing follows": ("numpy==2.1.0;", "2.1.0"),
    "a form feed": ("# two pages\f numpy==2.1.0", "2.1.0"),
    "the separators of Unicode": ("pandas==1.0\u2028numpy==2.1.0", "2.1.0"),
    "one version twice": ("numpy==2.1.0,==2.1", "2.1"),
    "a version and its label": ("numpy==2.1.0,==2.1.0+cpu", "2.1.0+cpu"),
    "a label in one of two lines": ("numpy==2.1.0\nnumpy==2.1.0+cpu", "2.1.0+cpu"),
    "the text of a version": ("numpy===2.1.*", "2.1.*"),
    "options in quotes": ('-r "base.txt"', "2.1.0"),
    "an option that is cut short": ("--requirem base.txt", "2.1.0"),
    "a constraint for what has extras": ("-c base.txt\nnumpy[x]", "2.1.0"),
    "a constraint for what extras need": ("-c base.txt\nourselves[web]==1.0", "2.1.0"),
    "a constraint for what has a place": (f"-c base.txt\nnumpy @ {WHEEL}", "2.1.0"),
    "a constraint for a commit": (f"-c base.txt\nnumpy @ git+https://h/n@{COMMIT}", ""),
}


@pytest.mark.parametrize(("text", "version"), TAKEN.values(), ids=TAKEN)
def test_what_pip_takes_is_read_as_pip_reads_it(text: str, version: str | None) -> None:
    Path("base.txt").write_text("numpy==2.1.0\n", encoding="utf-8")
    ours = Package("ourselves", "1.0", requires=("numpy ; extra == 'web'",))
    found = lock(f"{text}\n", LINUX._replace(packages=(ours, Package("numpy", "2.1.0"))))
    assert (pins(found).get("numpy"), found.loose) == (version, ())


@pytest.mark.parametrize(
    "text",
    [
        "numpy==2.1.0\nnumpy>=3",
        "numpy==2.1.0,<2",
        "numpy===2.1.0\nnumpy==2.1.0+cpu",
        f"numpy==2.1.0 --hash=sha256:{SHA}\nnumpy==2.1.0 --hash=sha256:{'c' * 64}",
        f"-c base.txt\nnumpy @ {WHEEL.replace('2.1.0', '2.2.0')}",
        "-c base.txt\nnumpy @ git+https://h/n@main",
        "-c base.txt\nnumpy<2",
    ],
)
def test_what_pip_would_not_install_or_from_elsewhere_is_left_open(text: str) -> None:
    Path("base.txt").write_text("numpy==2.1.0\n", encoding="utf-8")
    found = lock(f"{text}\n")
    assert (pins(found), [*loose(found)]) == ({}, ["numpy"])


def test_included_files_are_read_from_where_they_lie() -> None:
    Path("sub/deep").mkdir(parents=True)
    Path("sub/base.txt").write_text("-r deep/more.txt\nnumpy==2.1.0\n", encoding="utf-8")
    Path("sub/deep/more.txt").write_text("pandas==2.2.0\n", encoding="utf-8")
    found = lock("-r sub/base.txt\n--requirement=sub/base.txt\n-rsub/base.txt\n")
    assert pins(found) == {"numpy": "2.1.0", "pandas": "2.2.0"}
    assert found.lines == {"numpy": ("sub/base.txt", 2), "pandas": ("sub/deep/more.txt", 1)}


def test_a_constraint_counts_only_for_what_something_asks_for() -> None:
    Path("c.txt").write_text("numpy==2.1.0\npandas==2.2.0\nscipy==1.0\n", encoding="utf-8")
    assert pins(lock("-c c.txt\nscikit-learn==1.5.2\nscipy\n")) == {
        "numpy": "2.1.0",
        "scikit-learn": "1.5.2",
        "scipy": "1.0",
    }


def test_one_version_may_be_written_in_two_ways() -> None:
    Path("limits.txt").write_text("numpy==2.1\n", encoding="utf-8")
    found = lock("-c limits.txt\nnumpy==2.1.0\n")
    assert (pins(found), found.loose) == ({"numpy": "2.1.0"}, ())


def test_an_inclusion_that_goes_round_or_leads_nowhere_is_an_error_with_its_line() -> None:
    Path("b.txt").write_text("\n-r requirements.txt\n", encoding="utf-8")
    with pytest.raises(EnvironmentUnreadableError, match=r"b\.txt, line 2: requirements\.txt includes itself"):
        lock("-r b.txt\n")
    with pytest.raises(NotFoundError, match=r"requirements\.txt, line 1 includes nowhere\.txt"):
        lock("-r nowhere.txt\n")


def test_files_that_include_each_other_many_times_are_read_once() -> None:
    for number in range(60):
        Path(f"{number}.txt").write_text(f"-r {number + 1}.txt\n" * 2, encoding="utf-8")
    Path("60.txt").write_text("numpy==2.1.0\n", encoding="utf-8")
    assert pins(lock("-r 0.txt\n")) == {"numpy": "2.1.0"}


def test_a_file_that_would_have_to_be_downloaded_leaves_everything_open() -> None:
    found = lock("-r https://anna:secret@host/base.txt\nscikit-learn==1.5.2\n-c https://host/limits.txt\n")
    assert pins(found) == {"scikit-learn": "1.5.2"}
    assert found.unread == (
        Unread("https://host/base.txt", ("requirements.txt", 1)),
        Unread("https://host/limits.txt", ("requirements.txt", 3), frozenset({"scikit-learn", "numpy"})),
    )


def test_repositories_are_pinned_by_a_commit_alone() -> None:
    found = lock(
        f"a @ git+https://anna:secret@host/a.git@{COMMIT}#subdirectory=python\n"
        f"git+ssh://git@host/b.git@{COMMIT}#egg=b\nc @ git+https://host/c.git@main\nd @ git+https://host/d\n"
        f"e @ git+https://host/e@{COMMIT[:12]}\n"
    )
    a, b = (one.package for one in found.packages)
    assert (a.name, a.version) == ("a", "")
    assert a.origin is not None
    assert (a.origin.url, a.origin.commit, a.origin.subdirectory) == ("https://host/a.git", COMMIT, "python")
    assert b.origin is not None
    assert (b.name, b.origin.url, b.origin.commit) == ("b", "ssh://git@host/b.git", COMMIT)
    assert loose(found) == {
        "c": "it names 'main', which is no commit and can move",
        "d": "it names no commit",
        "e": f"it names '{COMMIT[:12]}', which is no commit and can move",
    }


def test_files_tell_name_and_version_by_their_own_name() -> None:
    found = lock(
        f"https://host/x-1.0+cpu-py3-none-any.whl?token=1#sha256={SHA}\n./dist/My_Pkg-2.0.tar.gz\n"
        f"y @ https://host/y-3.0-py3-none-any.whl --hash=sha256:{SHA}\nz @ https://host/download/latest\n"
    )
    assert pins(found) == {"x": "1.0+cpu", "my-pkg": "2.0", "y": "3.0"}
    origins = {one.package.name: one.package.origin for one in found.packages}
    assert {origin.sha256 for name in ("x", "y") if (origin := origins[name])} == {SHA}
    assert loose(found) == {"z": "its address does not say what file it is"}


def test_folders_and_editables_are_named_by_their_project() -> None:
    Path("app").mkdir()
    Path("app/pyproject.toml").write_text('[project]\nname = "The.App"\nversion = "1.2"\n', encoding="utf-8")
    Path("nothing").mkdir()
    found = lock(
        f"-e ./app[web]\n-e git+https://host/e@{COMMIT}#egg=e\nother @ {Path('app').absolute().as_uri()}\n./nothing\n"
    )
    kinds = {one.package.name: one.package.origin.kind for one in found.packages if one.package.origin}
    assert kinds == {"the-app": "editable", "e": "editable", "other": "directory"}
    assert loose(found) == {"": "./nothing does not say which package it is"}
    # As uv export writes it; pip passes over the condition.
    assert pins(lock("-e ./app ; python_version >= '3'\n--extra-index-url https://h/simple ;x\n")) == {"the-app": "1.2"}
    assert "uv takes notice of its condition" in loose(lock("-e ./app ; python_version < '3'\n"))["the-app"]
    # As pip and uv find it: from the working directory, in which the project lies.
    Path("requirements").mkdir()
    assert pins(lock("-e ./app\n", name="requirements/serve.txt")) == {"the-app": "1.2"}


def test_variables_of_the_environment_are_put_in_as_pip_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSION", "2.1.0")
    assert pins(lock("numpy==${VERSION}\n")) == {"numpy": "2.1.0"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le with a mark", "latin-1 with a line"])
def test_files_of_every_encoding_that_pip_takes_are_read(encoding: str) -> None:
    text = "# Zoë\nnumpy==2.1.0\n"
    if encoding.endswith("line"):
        data = f"# -*- coding: latin-1 -*-\n{text}".encode("latin-1")
    elif encoding.endswith("mark"):
        data = b"\xff\xfe" + text.encode("utf-16-le")
    else:
        data = text.encode(encoding)
    assert pins(lock(data)) == {"numpy": "2.1.0"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "numpy==2.1.0\nthis is no requirement\n",
            "requirements.txt, line 2: 'this is no requirement' is no requirement",
        ),
        ("<html>\n", "line 1: '<html>' is no requirement"),
        ("numpy==2.1.0 --hash='sha256\n", "line 1: its options cannot be read"),
        (b"\x7fELF\0\0\0\xff\xfe", "is no text, so it is no lock"),
        ("x y" * 3_000, "is no requirement"),
        ("x y" * 30_000, "what it asks for is longer than 10,000 characters"),
        ("numpy==2.1.0 \\\n" * 30_000, "line 1: it is longer than 100,000 characters"),
        ("numpy==2.1.0 --hash=" + "x " * 60_000, "it is longer than 100,000 characters"),
        ("numpy==2.1.0;" + "(" * 9_000, "is no requirement"),
        ("numpy==2.1.0 ; " + "extra == 'x' and " * 500, "is no requirement"),
        (b"numpy==2.1.0\0\n", "is no text, so it is no lock"),
        (b"numpy==2.1.0\n\xff\xfe\x80", "is no requirement" if LATIN else "is no text"),
        (b"# " + b"x" * 17_000_000, "is too large to be a lock; give one of at most 16 MiB"),
        ("numpy==2.1.0\n" * 50_001, "line 50001: 50,000 lines before it ask for something, which is no lock"),
        (
            f"numpy=={'1' * 9_000}\nnumpy>=1\n",
            "for integer string conversion: value has 9000 digits; make the lock again",
        ),
        ("numpy==2.1.0 -r base.txt\n", "pip passes over -r there, which has to have a line of its own"),
        ("-r a.txt -c b.txt\n", "pip passes over -c there"),
        ("numpy==2.1.0 -e ./x\n", "pip passes over -e there"),
        ('"numpy==2.1.0"\n', "is no requirement that pip would take"),
    ],
    ids=[
        *("a sentence", "html", "an open quote", "a program", "long", "too long", "continued", "long options", "deep"),
        *(
            "a long marker",
            "a NUL",
            "no UTF-8",
            "large",
            "many",
            "digits",
            "a file beside",
            "two files",
            "an editable beside",
            "quoted",
        ),
    ],
)
def test_what_no_installer_would_take_is_one_error_with_exit_4(text: str | bytes, said: str) -> None:
    with pytest.raises(ModelregError) as error:
        lock(text)
    assert error.value.exit_code == 4
    assert said in str(error.value)
    assert len(str(error.value)) < 400


def test_inclusions_without_end_or_of_names_that_no_system_has_are_errors() -> None:
    for number in range(300):
        Path(f"{number}.txt").write_text(f"-r {number + 1}.txt\n", encoding="utf-8")
    Path("300.txt").write_text("", encoding="utf-8")
    for text in ("-r 0.txt\n", f"-r {'x' * 5000}\n", "-r ''\n", "-r\n"):
        with pytest.raises(ModelregError) as error:
            lock(text)
        assert error.value.exit_code == 4


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_a_link_that_leads_to_itself_is_not_followed_for_ever() -> None:
    Path("loop.txt").symlink_to("loop.txt")
    with pytest.raises(NotFoundError, match="which is no file"):
        lock("-r loop.txt\n")


WORDS = (
    r"""numpy == 2.1.0 -r -c -e --hash= sha256: ' " [ ] @ :// ; # git+ http://[ file: ./ ~ ${X} extra ( é * %zz &egg="""
)
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "\\\n", "\t", "\u2028", "\ufeff", "extra == 'x'", " @ "])


@given(st.lists(PIECES | st.text(max_size=4), max_size=25))
@settings(max_examples=300)
def test_whatever_stands_in_a_file_it_is_a_lock_or_one_of_our_errors(pieces: list[str]) -> None:
    with contextlib.suppress(ModelregError):
        found = lock("".join(pieces).encode("utf-8", "surrogatepass"), name="fuzzed.txt")
        assert all(one.package.name for one in found.packages)


def test_a_lock_that_is_not_there_or_of_another_tool_is_told_so() -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        LockFile(Path("nowhere.txt")).read(LINUX)
    with pytest.raises(NotFoundError, match="is no file"):
        LockFile(Path()).read(LINUX)
    make, build = "make one", "check with --python what is installed from it"
    for name, told in {
        "poetry.lock": f"{make} with poetry export -f pylock.toml, or -f requirements.txt",
        "pdm.lock": f"{make} with pdm export",
        "Pipfile.lock": f"{make} with pipenv requirements",
        "conda-lock.yml": build,
        "pixi.lock": build,
        "environment.yml": "check with --python what conda installed from it",
        "setup.cfg": f"{make} with pip-compile setup.cfg, or uv pip compile setup.cfg -o requirements.txt",
        "setup.py": f"{make} with pip-compile setup.py, or uv pip compile setup.py -o requirements.txt",
        "Pipfile": f"{make} with pipenv requirements",
        "pyproject.toml": f"{make} with uv lock, pip lock or pip-compile",
        "package.json": make,
    }.items():
        with pytest.raises(UsageError, match=rf"is no requirements\.txt, pylock\.toml or uv\.lock; {told}"):
            lock("[[package]]\n", name=name)


def test_requirements_may_be_named_a_lock() -> None:
    assert pins(lock("# By pip-compile.\nnumpy==2.1.0 \\\n    --hash=sha256:00\n", name="requirements.lock")) == {
        "numpy": "2.1.0"
    }
    with pytest.raises(ModelregError, match="is no requirement that pip would take"):
        lock('version = 1\n[[package]]\nname = "x', name="script.py.lock")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("requirements.txt")
    with pytest.raises(NotFoundError, match="is no file"):
        LockFile(Path("requirements.txt")).read(LINUX)


def test_what_pip_freezes_of_a_real_environment_is_read_as_it_was_captured(tmp_path: Path) -> None:
    place = make_place(tmp_path / "venv", pip=None)
    wheels = [make_wheel(tmp_path / "wheels", name, "1.0+local") for name in ("alpha", "beta_pkg")]
    pip = [sys.executable, "-m", "pip", "--python", str(place.python)]
    subprocess.run([*pip, "install", "-q", "--no-index", *map(str, wheels)], check=True)
    done = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    environment = place.captured().environment
    found = lock(done.stdout, environment)
    assert pins(found) == {one.name: one.version for one in environment.packages if one.name != "pip"}


def test_what_pip_would_install_from_a_file_is_what_is_read_of_it(tmp_path: Path) -> None:
    place, wheels = make_place(tmp_path / "venv", pip=None), Path("wheels").absolute()
    for version in ("1.0", "1.0+cpu", "2.0"):
        for name in ("alpha", "beta", "gamma", "delta", "epsilon"):
            make_wheel(wheels, name, version)
    Path("limits.txt").write_text("beta==2.0 ; python_version > '3'\nepsilon==1.0\n", encoding="utf-8")
    text = (
        "--find-links wheels\n-c limits.txt\n"
        f"alpha @ {(wheels / 'alpha-1.0+cpu-py3-none-any.whl').as_uri().replace('+', '%2B')};python_version > '3'\n"
        "beta[more] \\\n    # why\ngamma===1.0;\ndelta==1.0\ndelta==1.0+cpu\f# page two\n"
        "./wheels/epsilon-2.0-py3-none-any.whl ; python_version < '3'\n"
    )
    found = lock(text, place.captured().environment)
    pip = [sys.executable, "-m", "pip", "--python", str(place.python), "install", "--dry-run", "-q", "--no-index"]
    report = subprocess.run(
        [*pip, "--report", "-", "-r", "requirements.txt"], check=True, capture_output=True, text=True
    ).stdout
    installed = {one["metadata"]["name"]: one["metadata"]["version"] for one in json.loads(report)["install"]}
    assert pins(found) == installed == {"alpha": "1.0+cpu", "beta": "2.0", "gamma": "1.0", "delta": "1.0+cpu"}
