"""The groups base, train and serve: where they are declared, and what belongs to them."""

from pathlib import Path

import pytest

from modelreg import Environment, NotFoundError, Origin, Package, Platform, Python, UsageError
from modelreg.environment.declaration import Declaration, declared_groups
from modelreg.environment.groups import Grouping, split
from modelreg.records import Group

COMMIT = "c" * 40
ENVIRONMENT = Environment(
    Python("3.11.7", "cpython"),
    Platform("linux", "x86_64", "glibc", "2.36"),
    (
        Package("boosters", "2.0", requires=("numpy",)),
        Package("joblib", "1.4", requires=()),
        Package("numpy", "2.1.0", requires=()),
        Package("plotting", "3.8", requires=("numpy", "widgets; extra == 'gui'")),
        Package("scikit-learn", "1.3.2", requires=("numpy>=1", "joblib")),
        Package("starlette", "0.40", requires=()),
        Package("theirs", "1.0", None, Origin("vcs", "https://example.org/theirs", "git", COMMIT), ()),
        Package("torch", "2.1.0+cpu", requires=("numpy",)),
        Package("undamaged", "1", requires=None),
    ),
)


def grouped(*, needed: tuple[str, ...] = (), **groups: tuple[str, ...]) -> Grouping:
    return split(ENVIRONMENT, [Declaration(name, lines, "here") for name, lines in groups.items()], needed)


def test_what_both_need_is_base_and_a_group_has_the_rest_of_its_closure() -> None:
    grouping = grouped(train=("scikit-learn", "plotting"), serve=("scikit-learn>=1.3", "starlette", "fastapi==0.115.0"))
    assert grouping == Grouping(
        {
            "base": Group((), ("joblib", "numpy", "scikit-learn")),
            "train": Group(("scikit-learn", "plotting"), ("plotting",)),
            "serve": Group(
                ("scikit-learn>=1.3", "starlette", "fastapi==0.115.0"), ("starlette",), ("fastapi==0.115.0",)
            ),
        },
        (),
    )


def test_what_the_model_needs_is_base_whatever_is_declared() -> None:
    grouping = grouped(serve=("starlette", "numpy"), needed=("numpy", "joblib"))
    assert grouping.groups["base"].packages == ("joblib", "numpy")
    assert grouping.groups["serve"].packages == ("starlette",)
    assert grouping.groups.keys() == {"base", "serve"}


def test_what_both_declare_and_the_environment_lacks_is_base_s() -> None:
    grouping = grouped(train=("fastapi==0.115.0", "a==1"), serve=("fastapi==0.115.0", "b==1"))
    assert {name: group.declared for name, group in grouping.groups.items()} == {
        "base": ("fastapi==0.115.0",),
        "train": ("a==1",),
        "serve": ("b==1",),
    }


def test_what_does_not_say_what_it_needs_is_named() -> None:
    assert grouped(serve=("undamaged",)).unknown == ("undamaged",)


EXACT = {
    "fastapi==0.115.0": "fastapi==0.115.0",
    "FastAPI[all] == 0.115.0 ; python_version > '3.8'": "FastAPI[all]==0.115.0",
    "fastapi===0.115.0": "fastapi===0.115.0",
    f"fastapi @ git+https://me:secret@example.org/f@{COMMIT}#egg=x&subdirectory=s": (
        f"fastapi @ git+https://example.org/f@{COMMIT}#subdirectory=s"
    ),
    "fastapi @ https://me:secret@example.org/f-1-py3-none-any.whl?token=secret": (
        "fastapi @ https://example.org/f-1-py3-none-any.whl"
    ),
}


@pytest.mark.parametrize(("given", "recorded"), EXACT.items(), ids=EXACT)
def test_an_exact_pin_is_declared_without_its_condition_and_without_credentials(given: str, recorded: str) -> None:
    group = grouped(serve=(given,)).groups["serve"]
    assert (group.roots, group.declared) == ((recorded,), (recorded,))


REFUSED = {
    ("fastapi",): r"fastapi is not installed in the environment, so it must be pinned exactly: write fastapi==VERSION",
    ("fastapi>=0.115",): "must be pinned exactly",
    ("fastapi==0.115.*",): "must be pinned exactly",
    ("fastapi>=1,==1.2",): "must be pinned exactly",
    ("fastapi @ git+https://example.org/f@main",): "must be pinned exactly",
    ("fastapi @ file:///home/me/fastapi",): "must be pinned exactly",
    ("fastapi==1", "fastapi==2"): "fastapi==1 and fastapi==2 contradict each other",
    ("fastapi==1", "fastapi>2"): "contradict",
    ("scikit-learn==1.4",): r"scikit-learn==1\.4 contradicts the environment, which has scikit-learn 1\.3\.2",
    ("numpy<2",): "contradicts",
    ("torch==2.1.0+cu121",): "contradicts",
    (f"theirs @ git+https://example.org/theirs@{'d' * 40}",): "contradicts",
    (f"numpy @ git+https://example.org/numpy@{COMMIT}",): "contradicts",
    ("plotting[gui]",): r"plotting\[gui\] needs widgets, which the environment lacks; pin it there, too",
    ("not a requirement",): "is no requirement",
}


@pytest.mark.parametrize(("given", "why"), REFUSED.items(), ids=map(", ".join, REFUSED))
def test_what_leaves_something_open_or_contradicts_the_environment_is_refused(given: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        grouped(serve=given)
    assert str(caught.value).startswith("group serve (here): ")


FITTING = (
    ("torch==2.1.0",),
    ("fastapi", "fastapi==0.115.0"),
    ("fastapi>0.1", f"fastapi @ git+https://example.org/f@{COMMIT}"),
    ("theirs @ git+https://example.org/theirs@main",),
    (f"theirs @ git+https://example.org/theirs@{COMMIT}",),
    ("plotting[gui]", "widgets==1"),
    ("numpy<2; sys_platform == 'win32'", "gone; python_version < '3'"),
)


@pytest.mark.parametrize("given", FITTING, ids=map(", ".join, FITTING))
def test_what_agrees_with_the_environment_is_taken(given: tuple[str, ...]) -> None:
    grouped(serve=given)


def declared(**given: str) -> dict[str, tuple[str, ...]]:
    found = declared_groups({name: [value] for name, value in given.items()})
    return {declaration.group: declaration.requirements for declaration in found}


def project(text: str) -> None:
    Path("pyproject.toml").write_text(text, encoding="utf-8")


def test_nothing_is_declared_where_nobody_does() -> None:
    assert declared() == {}
    project("[project]\nname = 'ours'\ndependencies = ['numpy']\n[dependency-groups]\ndev = ['pytest']\n")
    assert declared() == {}


def test_dependency_groups_come_with_the_project_s_own_dependencies_and_may_include_others() -> None:
    project(
        "[project]\nname = 'ours'\ndependencies = ['numpy']\n"
        "[project.optional-dependencies]\nserve = ['not this one']\ntrain = ['plotting', 'ours[deep]']\n"
        "deep = ['torch']\n[dependency-groups]\nServe = ['fastapi==0.115.0', {include-group = 'Web_Server'}]\n"
        "web-server = ['uvicorn==1']\n"
    )
    assert declared() == {
        "train": ("numpy", "plotting", "torch"),
        "serve": ("numpy", "fastapi==0.115.0", "uvicorn==1"),
    }


def test_the_tool_s_own_table_goes_first_and_the_command_line_before_it() -> None:
    Path("req").mkdir()
    Path("req/serve.txt").write_text("fastapi==1\n", encoding="utf-8")
    project(
        "[project]\nname = 'ours'\ndependencies = ['numpy']\n"
        "[dependency-groups]\nserve = ['no']\ntrain = ['no']\nlearning = ['torch']\n"
        "[tool.modelreg.groups]\nserve = ['scikit-learn', {include-group = 'learning'}]\ntrain = 'learning'\n"
    )
    assert declared() == {"train": ("numpy", "torch"), "serve": ("scikit-learn", "torch")}
    assert declared(serve="req/serve.txt")["serve"] == ("fastapi==1",)
    assert declared(serve="learning")["serve"] == ("numpy", "torch")
    several = "scikit-learn>=1,<2, uvicorn[standard,more]==1,numpy"
    assert declared(serve=several)["serve"] == ("scikit-learn>=1,<2", "uvicorn[standard,more]==1", "numpy")
    project("[tool.modelreg.groups]\nserve = 'req/serve.txt'\n")
    assert declared() == {"serve": ("fastapi==1",)}


def test_a_project_can_say_that_its_groups_are_none_of_ours() -> None:
    project("[dependency-groups]\nserve = ['fastapi']\n[tool.modelreg]\ngroups = false\n")
    assert declared() == {}
    assert declared(serve="numpy") == {"serve": ("numpy",)}


WRONG = {
    "[dependency-groups]\nserve = 'fastapi'\n": "serve must be a list of requirements",
    "[dependency-groups]\nserve = [1]\n": "holds '1', which is no requirement",
    "[dependency-groups]\nserve = [{include-group = 'gone'}]\n": "includes 'gone', which is not there",
    "[dependency-groups]\nserve = [{include-group = 'a'}]\na = [{include-group = 'serve'}]\n": "serve includes itself",
    "[tool.modelreg.groups]\nserving = ['a']\n": "there is no group 'serving'; the groups are train and serve",
    "[tool.modelreg.groups]\nserve = 'gone.txt'\n": "no file, dependency group or extra",
    "[tool.modelreg.groups]\nserve = 1\n": "must be a list of requirements, or a name",
    "dependency-groups = 1\n": "must be a table",
}


@pytest.mark.parametrize(("text", "why"), WRONG.items(), ids=WRONG.values())
def test_a_declaration_that_cannot_be_understood_is_refused(text: str, why: str) -> None:
    project(text)
    with pytest.raises(UsageError, match=why):
        declared()


def test_a_group_or_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="there is no group 'base'"):
        declared(base="numpy")
    with pytest.raises(NotFoundError, match=r"there is no requirements file gone\.txt"):
        declared(serve="gone.txt")


def test_a_lock_file_is_refused_with_the_way_to_make_requirements_of_it() -> None:
    Path("pylock.toml").write_text("lock-version = '1.0'\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pylock\.toml is no requirements file; make one of it: uv export"):
        declared(serve="pylock.toml")


def read(text: str, **files: str) -> tuple[str, ...]:
    for name, content in files.items():
        Path(f"{name}.txt").write_text(content, encoding="utf-8")
    Path("serve.txt").write_text(text, encoding="utf-8")
    return declared(serve="serve.txt")["serve"]


def test_a_requirements_file_is_read_as_pip_reads_it() -> None:
    text = (
        "\ufeff# a comment\n\n--index-url https://me:secret@example.org/simple\n--no-binary :all:\n"
        "fastapi == 0.115.0  # why\nuvicorn[standard]==1 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\n"
        "numpy; python_version > '3.8'\n-r more.txt\n--requirement=more.txt\n-c limits.txt\n"
        "git+https://example.org/theirs@v1#egg=theirs\nhttps://example.org/w-2-py3-none-any.whl\n"
        "./wheels/local_one-1.0-cp311-cp311-linux_x86_64.whl\nlatest @ https://example.org/#frag\n"
    )
    found = read(text, more="starlette\n-r serve.txt\n", limits="numpy==2.1.0\nunused==1\n")
    assert found == (
        "fastapi == 0.115.0",
        "uvicorn[standard]==1",
        "numpy; python_version > '3.8'",
        "starlette",
        "theirs @ git+https://example.org/theirs@v1",
        "w @ https://example.org/w-2-py3-none-any.whl",
        "local_one",
        "latest @ https://example.org/#frag",
        "numpy==2.1.0",
    )


def test_an_editable_folder_is_known_by_its_project_s_name() -> None:
    project("[project]\nname = 'ours'\n")
    assert read("-e .\n-e .[gui]\n--editable=./ ; python_version > '3'\n") == ("ours",)


@pytest.mark.parametrize("line", ["-e ./gone", "https://me:secret@example.org/x", "git+ssh://git@example.org/x"])
def test_what_has_no_name_is_refused_without_its_secrets(line: str) -> None:
    with pytest.raises(UsageError, match="does not say which package it is; write NAME @ URL") as caught:
        read(line)
    assert "secret" not in str(caught.value)
