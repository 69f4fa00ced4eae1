"""verify-env --lock: would what is about to be built fit the model?"""

import hashlib
import json
import os
from pathlib import Path

import pytest
from conftest import Run
from environments import make_wheel
from git_project import git, make_project

from modelreg import Capture, Environment, Package, Platform, Python, Registry
from modelreg.environment.compare import Comparison
from modelreg.environment.expected import Expected
from modelreg.environment.finding import Role, Severity
from modelreg.environment.policy import Policy, Terms
from modelreg.environment.record import Origin
from modelreg.errors import UsageError
from modelreg.lock.comparing import compare_lock
from modelreg.lock.reading import LockFile
from modelreg.records import Group, Imports, Roles

COMMIT, OTHER = "a" * 40, "c" * 40
SHA, ANOTHER = "b" * 64, "d" * 64
FILE = "https://host/x-1.0-py3-none-any.whl"
SKLEARN, NUMPY = Package("scikit-learn", "1.5.2"), Package("numpy", "2.1.0", record="e" * 64)
PLATFORM = Platform("linux", "x86_64", "glibc", "2.36")


def expected(*packages: Package, **facts: object) -> Expected:
    environment = Environment(Python("3.11.7", "cpython"), PLATFORM, packages)
    return Expected(environment, **facts)  # type: ignore[arg-type]  # of the names that it has


def checked(text: str, wanted: Expected, terms: Terms | None = None, name: str = "requirements.txt") -> Comparison:
    Path(name).write_text(text, encoding="utf-8")
    return compare_lock(LockFile(Path(name)), wanted, terms or Terms())[2]


def found(comparison: Comparison) -> dict[str, tuple[str, str]]:
    return {one.subject: (one.severity.value, one.kind) for one in comparison.findings}


def test_a_lock_of_the_very_pins_fits_and_says_what_it_does_not_say() -> None:
    comparison = checked("scikit-learn==1.5.2\nnumpy==2.1\ngunicorn==1\n", expected(SKLEARN, NUMPY))
    assert comparison.fits
    assert found(comparison) == {"gunicorn": ("info", "extra")}
    assert comparison.compared == 2
    said = "the exact Python and the platform were not compared, as requirements.txt does not say them"
    assert comparison.unsaid == (said,)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("scikit-learn==1.5.2\n", "missing"),
        ("scikit-learn==1.5.2\nnumpy==2.2.0\n", "version"),
        ("scikit-learn==1.5.2\nnumpy==2.1.0+cpu\n", "version"),
        (f"scikit-learn==1.5.2\nnumpy @ git+https://h/numpy@{COMMIT}\n", "origin"),
        ("scikit-learn==1.5.2\n-e git+https://h/numpy#egg=numpy\n", "origin"),
        ("scikit-learn==1.5.2\nnumpy @ https://h/numpy-2.1.0-cp311-cp311-linux_x86_64.whl\n", "origin"),
        ("scikit-learn==1.5.2\nnumpy==2.1.0 ; python_version < '3.9'\n", "missing"),
    ],
)
def test_each_drift_that_a_lock_can_show_is_an_error(text: str, kind: str) -> None:
    comparison = checked(text, expected(SKLEARN, NUMPY))
    assert found(comparison) == {"numpy": ("error", kind)}
    assert not comparison.fits


@pytest.mark.parametrize(
    "line",
    ["numpy>=2", "numpy @ git+https://h/numpy@main", "numpy==2.1.0 ; platform_version > '5'", "numpy==1\nnumpy==2"],
)
def test_what_the_lock_leaves_open_fails_as_unchecked_and_is_no_missing_package(line: str) -> None:
    comparison = checked(f"scikit-learn==1.5.2\n{line}\n", expected(SKLEARN, NUMPY))
    assert found(comparison) == {"numpy": ("unchecked", "unknown")}
    assert not comparison.fits
    assert comparison.compared == 1
    assert "requirements.txt, line" in str(comparison.findings[0])
    assert checked(f"scikit-learn==1.5.2\n{line}\n", expected(SKLEARN, NUMPY), Terms(allow_unchecked=True)).fits


def test_a_lock_that_pins_nothing_does_not_pass_even_where_unchecked_is_allowed() -> None:
    comparison = checked("numpy\nscikit-learn\n", expected(SKLEARN, NUMPY), Terms(allow_unchecked=True))
    assert not comparison.fits
    assert ("packages", ("error", "nothing")) in found(comparison).items()


PYTORCH = "--extra-index-url https://download.pytorch.org/whl/cu121\n"
MIRROR = "--index-url https://anna:secret@nexus.example.com/repository/pypi/simple\n"
UNCHECKED = ("unchecked", "unknown")
LABELS: dict[str, tuple[str, str, tuple[str, str] | None]] = {
    "the default index alone": ("torch==2.1.0", "2.1.0", None),
    "the default index by name": ("-i https://pypi.org/simple\ntorch==2.1.0", "2.1.0", None),
    "an index of builds": (f"{PYTORCH}torch==2.1.0", "2.1.0", UNCHECKED),
    "an index of builds, and the build has a label": (f"{PYTORCH}torch==2.1.0", "2.1.0+cu121", UNCHECKED),
    "an index of builds in an included file": ("-r index.txt\ntorch==2.1.0", "2.1.0", UNCHECKED),
    "an index of builds as the only one": (f"{PYTORCH.replace('extra-', '')}torch==2.1.0", "2.1.0", UNCHECKED),
    "an index of builds of a company": (
        "--extra-index-url=https://nexus.example.com/pytorch-cu121/simple\ntorch==2.1.0",
        "2.1.0",
        UNCHECKED,
    ),
    "a page of links to builds": (
        "-f https://storage.googleapis.com/jax-releases/jax_cuda_releases.html\ntorch==2.1.0",
        "2.1.0",
        UNCHECKED,
    ),
    "another version than an index of builds could have": (f"{PYTORCH}torch==2.0.0", "2.1.0", ("error", "version")),
    "the label": (f"{PYTORCH}torch==2.1.0+cu121", "2.1.0+cu121", None),
    "another label": (f"{PYTORCH}torch==2.1.0+cu121", "2.1.0", ("error", "version")),
    "the very text": (f"{PYTORCH}torch===2.1.0", "2.1.0", None),
    "a hash, which may be that of another build": (f"{PYTORCH}torch==2.1.0 --hash=sha256:{SHA}", "2.1.0", UNCHECKED),
    "hashes from a mirror": (f"{MIRROR}torch==2.1.0 --hash=sha256:{SHA}", "2.1.0", None),
    "a mirror": (f"{MIRROR}torch==2.1.0", "2.1.0", None),
    "a mirror, and the build has a label": (f"{MIRROR}torch==2.1.0", "2.1.0+cu121", UNCHECKED),
    "the default index, and the build has a label": ("torch==2.1.0", "2.1.0+cu121", ("error", "version")),
    "a folder with such a build": ("--find-links builds\ntorch==2.1.0", "2.1.0", UNCHECKED),
    "a folder by its address": ("-f {folder}\ntorch==2.1.0", "2.1.0", UNCHECKED),
    "a folder without such a build": ("--find-links builds\ntorch==2.2.0", "2.2.0", None),
    "a folder that is not here": ("--find-links /srv/wheels\ntorch==2.1.0", "2.1.0", None),
    "a folder that is not here, and the build has a label": (
        "--find-links /srv/wheels\ntorch==2.1.0",
        "2.1.0+cu121",
        UNCHECKED,
    ),
}


@pytest.mark.parametrize(("text", "version", "outcome"), LABELS.values(), ids=LABELS)
def test_where_an_index_of_the_lock_s_own_may_serve_another_label_that_is_unchecked(
    text: str, version: str, outcome: tuple[str, str] | None
) -> None:
    Path("index.txt").write_text(PYTORCH, encoding="utf-8")
    Path("builds").mkdir()
    Path("builds/torch-2.1.0+cu121-cp311-cp311-linux_x86_64.whl").write_bytes(b"")
    wanted = expected(Package("torch", version), NUMPY)
    comparison = checked(f"{text}\nnumpy==2.1.0\n".format(folder=Path("builds").absolute().as_uri()), wanted)
    assert found(comparison) == ({} if outcome is None else {"torch": outcome})
    assert not any("secret" in str(one) for one in (*comparison.findings, *comparison.unsaid))


def test_the_hash_of_the_model_s_own_file_settles_which_label_it_is() -> None:
    wanted = expected(Package("torch", "2.1.0+cu121", origin=Origin("archive", sha256=SHA)))
    assert checked(f"{PYTORCH}torch==2.1.0 --hash=sha256:{SHA} --hash=sha256:{ANOTHER}\n", wanted).findings == ()
    assert found(checked(f"{PYTORCH}torch==2.1.0 --hash=sha256:{ANOTHER}\n", wanted))["torch"] == UNCHECKED


def test_what_may_have_another_label_is_named_with_its_index_and_what_to_do() -> None:
    (finding,) = checked(f"{PYTORCH}torch==2.1.0\n", expected(Package("torch", "2.1.0"))).findings[-1:]
    assert finding.found == (
        "==2.1.0 takes any local label, and https://download.pytorch.org/whl/cu121 (requirements.txt, line 1) "
        "may have builds with a label; pin the label, or use ==="
    )
    comparison = checked(f"{MIRROR}torch==2.1.0\nnumpy==2.1.0\n", expected(Package("torch", "2.1.0"), NUMPY))
    assert comparison.fits
    assert comparison.unsaid[-1] == (
        "https://nexus.example.com/repository/pypi/simple was taken for a mirror: "
        "that it has no builds with labels of torch was not checked"
    )


def test_a_file_that_would_have_to_be_downloaded_matters_only_for_what_it_may_pin() -> None:
    sklearn = SKLEARN._replace(requires=("numpy",))
    wanted = expected(sklearn, NUMPY, Package("joblib", "1.5.1"))
    limits = "-c https://host/limits.txt\n"
    whole = "scikit-learn==1.5.2\nnumpy==2.1.0\njoblib==1.5.1\n"
    for text, outcome in (
        (f"{limits}{whole}", {}),
        (f"-r https://host/limits.txt\n{whole}", {}),
        (f"{limits}scikit-learn==1.5.2\njoblib==1.5.1\n", {"numpy": UNCHECKED}),
        (f"{limits}scikit-learn==1.5.2\n", {"numpy": UNCHECKED, "joblib": ("error", "missing")}),
        (f"{limits}{whole.replace('numpy==2.1.0', 'numpy')}", {"numpy": UNCHECKED}),
        ("-r https://host/limits.txt\nscikit-learn==1.5.2\n", {"numpy": UNCHECKED, "joblib": UNCHECKED}),
    ):
        comparison = checked(text, wanted)
        assert found(comparison) == outcome
        assert comparison.unsaid[-1] == (
            "https://host/limits.txt was not downloaded, so what it pins was not compared; include a file"
        )


def test_a_folder_that_does_not_say_its_name_matters_only_where_something_is_missing() -> None:
    Path("app").mkdir()
    wanted = expected(SKLEARN, NUMPY)
    assert found(checked("-e ./app\nscikit-learn==1.5.2\nnumpy==2.1.0\n", wanted)) == {"packages": ("info", "unknown")}
    assert found(checked("-e ./app\nscikit-learn==1.5.2\n", wanted)) == {
        "packages": UNCHECKED,
        "numpy": ("error", "missing"),
    }


def test_what_the_model_does_not_need_may_be_loose() -> None:
    wanted = expected(SKLEARN, NUMPY, Package("jupyter", "1"), roles=Roles(("scikit-learn", "numpy"), ()))
    comparison = checked("scikit-learn==1.5.2\nnumpy==2.1.0\ngunicorn\njupyter\n", wanted)
    assert comparison.fits
    assert found(comparison) == {"gunicorn": ("info", "unknown"), "jupyter": ("info", "unknown")}
    loose = checked("scikit-learn==1.5.2\nnumpy==2.1.0\njupyter\n", wanted, Terms(Policy("all")))
    assert found(loose) == {"jupyter": ("unchecked", "unknown")}


def test_a_commit_or_a_file_stands_for_the_version_that_the_lock_does_not_say() -> None:
    at = Package("x", "1.0", origin=Origin("vcs", "https://h/x", "git", COMMIT))
    assert checked(f"x @ git+https://h/x@{COMMIT}\nnumpy==2.1.0\n", expected(at, NUMPY)).findings == ()
    assert found(checked(f"x @ git+https://h/x@{OTHER}\nnumpy==2.1.0\n", expected(at, NUMPY))) == {
        "x": ("error", "origin")
    }
    linked = Package("x", "1.0", origin=Origin("editable"))
    Path("x").mkdir()
    Path("x/pyproject.toml").write_text('[project]\nname = "x"\ndynamic = ["version"]\n', encoding="utf-8")
    assert found(checked("-e ./x\nnumpy==2.1.0\n", expected(linked, NUMPY))) == {"x": ("unchecked", "unknown")}
    assert found(checked("-e ./x\nnumpy==2.1.0\n", expected(Package("x", "1.0"), NUMPY))) == {"x": ("error", "origin")}
    Path("x/pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.0"\n', encoding="utf-8")
    (finding,) = checked("-e ./x\nnumpy==2.1.0\n", expected(linked, NUMPY)).findings
    assert finding.found == "the model was made with an editable folder of which no commit is known"


PYLOCK = """lock-version = "1.0"
[[packages]]
name = "ours"
directory = { path = "ours", editable = true }
[[packages]]
name = "numpy"
version = "2.1.0"
wheels = [{ name = "numpy-2.1.0-py3-none-any.whl" }]
"""
UV_LOCK = """version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "numpy" }, { name = "ours" }]
[[package]]
name = "ours"
version = "1.0"
source = { editable = "ours" }
[[package]]
name = "numpy"
version = "2.1.0"
source = { registry = "https://h/simple" }
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [("requirements.txt", "-e ./ours\nnumpy==2.1.0\n"), ("pylock.toml", PYLOCK), ("uv.lock", UV_LOCK)],
)
def test_an_editable_folder_of_a_lock_is_held_to_the_commit_that_the_model_was_made_at(name: str, text: str) -> None:
    project = make_project(Path("ours"))
    origin = Origin("editable", None, "git", git(project, "rev-parse", "HEAD"), dirty=False)
    wanted = expected(Package("ours", "1.0", origin=origin), NUMPY)
    assert checked(text, wanted, name=name).findings == ()
    (project / "ours.py").write_text("ANSWER = 3\n", encoding="utf-8")
    assert found(checked(text, wanted, name=name)) == {"ours": ("error", "origin")}
    git(project, "commit", "-qam", "three")
    assert found(checked(text, wanted, name=name)) == {"ours": ("error", "origin")}
    git(project, "checkout", "-q", "HEAD~1")
    assert checked(text, wanted, name=name).findings == ()
    (project / ".git").rename("history")
    assert found(checked(text, wanted, name=name)) == {"ours": ("unchecked", "unknown")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "./ours\nnumpy==2.1.0\n"),
        ("pylock.toml", PYLOCK.replace(", editable = true", "")),
        ("uv.lock", UV_LOCK.replace("editable = ", "directory = ")),
    ],
)
def test_what_a_lock_installs_from_a_folder_is_not_known_to_be_the_release_that_the_model_has(
    name: str, text: str
) -> None:
    make_project(Path("ours"))
    release = Package("ours", "1.0")
    for own, outcome in (
        (release, {"ours": ("unchecked", "unknown")}),
        (release._replace(origin=Origin("directory")), {}),
        (release._replace(version="2.0"), {"ours": ("error", "version")}),
    ):
        assert found(checked(text, expected(own, NUMPY), name=name)) == outcome


def test_an_editable_repository_of_a_lock_is_held_to_its_commit() -> None:
    wanted = expected(Package("x", "1.0", origin=Origin("editable", "https://h/x", "git", COMMIT, dirty=False)), NUMPY)
    for revision, outcome in (
        (f"@{COMMIT}", {}),
        (f"@{OTHER}", {"x": ("error", "origin")}),
        ("@main", {"x": ("unchecked", "unknown")}),
        ("", {"x": ("unchecked", "unknown")}),
    ):
        assert found(checked(f"-e git+https://h/x{revision}#egg=x\nnumpy==2.1.0\n", wanted)) == outcome


def test_a_package_of_an_index_whose_version_the_lock_does_not_say_is_unchecked() -> None:
    text = 'lock-version = "1.0"\n[[packages]]\nname = "numpy"\nsdist = { url = "https://h/odd.zip" }\n'
    text += '[[packages]]\nname = "scikit-learn"\nversion = "1.5.2"\nsdist = { url = "https://h/s.zip" }\n'
    assert found(checked(text, expected(SKLEARN, NUMPY), name="pylock.toml")) == {"numpy": ("unchecked", "unknown")}


def test_the_file_that_was_installed_must_be_among_those_that_are_listed() -> None:
    wanted = expected(Package("x", "1.0", origin=Origin("archive", FILE, sha256=SHA)), NUMPY)
    assert checked(f"x==1.0 --hash=sha256:{ANOTHER} --hash=sha256:{SHA}\nnumpy==2.1.0\n", wanted).findings == ()
    assert found(checked(f"x==1.0 --hash=sha256:{ANOTHER}\nnumpy==2.1.0\n", wanted)) == {"x": ("error", "file")}
    assert checked(f"x @ {FILE}#sha256={SHA}\nnumpy==2.1.0\n", wanted).findings == ()
    assert found(checked(f"x @ {FILE} --hash=sha256:{ANOTHER}\nnumpy==2.1.0\n", wanted)) == {"x": ("error", "file")}
    assert found(checked(f"x @ {FILE}\nnumpy==2.1.0\n", wanted)) == {"x": ("unchecked", "unknown")}
    assert found(checked("x==1.0\nnumpy==2.1.0\n", wanted)) == {"x": ("error", "origin")}
    local = expected(Package("x", "1.0", origin=Origin("archive", sha256=SHA)), NUMPY)
    assert found(checked(f"x==1.0 --hash=sha256:{ANOTHER}\nnumpy==2.1.0\n", local)) == {"x": ("error", "file")}


@pytest.mark.parametrize("text", ["./x-1.0-py3-none-any.whl", "x @ {}", "{}"])
def test_a_file_of_this_machine_is_looked_at_where_the_lock_lists_no_hash(text: str) -> None:
    file = make_wheel(Path().absolute(), "x", "1.0")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    wanted = expected(Package("x", "1.0", origin=Origin("archive", sha256=sha256)), NUMPY)
    text = f"{text.format(file.as_uri())}\nnumpy==2.1.0\n"
    assert checked(text, wanted).findings == ()
    make_wheel(Path(), "x", "1.0", modules={"x.py": "ANSWER = 3\n"})
    assert found(checked(text, wanted)) == {"x": ("error", "file")}
    file.unlink()
    assert found(checked(text, wanted)) == {"x": UNCHECKED}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
def test_paths_that_no_system_takes_and_pipes_are_files_that_are_not_there() -> None:
    os.mkfifo("x-1.0-py3-none-any.whl")
    wanted = expected(Package("x", "1.0", origin=Origin("archive", sha256=SHA)), Package("torch", "2.1.0"), NUMPY)
    long = "y" * 5_000
    for place in (
        "./x-1.0-py3-none-any.whl",
        f"x @ file:///{long}/x-1.0-py3-none-any.whl",
        "/root/no/x-1.0-py3-none-any.whl",
    ):
        comparison = checked(f"-f {long}\n-f /root/no\n{place}\ntorch==2.1.0\nnumpy==2.1.0\n", wanted)
        assert found(comparison) == {"x": UNCHECKED}


def test_a_label_in_the_address_of_a_file_may_be_written_in_two_ways() -> None:
    escaped = "https://host/torch-2.1.0%2Bcu121-py3-none-any.whl"
    for here, there in ((escaped, escaped.replace("%2B", "+")), (escaped.replace("%2B", "+"), escaped.lower())):
        wanted = expected(Package("torch", "2.1.0+cu121", origin=Origin("archive", here)), NUMPY)
        assert checked(f"torch @ {there}\nnumpy==2.1.0\n", wanted).findings == ()


def test_a_lock_for_another_python_or_another_system_does_not_fit() -> None:
    text = 'lock-version = "1.0"\nrequires-python = "{}"\nenvironments = ["{}"]\npackages = []\n'
    wanted = expected(NUMPY._replace(name="pip"), SKLEARN)
    for python, system, kinds in (
        (">=3.12", "sys_platform == 'linux'", {"python": ("error", "locked-python")}),
        (">=3.11", "sys_platform == 'win32'", {"platform": ("error", "locked-platform")}),
        ("three", "sys_platform == 'linux'", {"python": ("unchecked", "unknown")}),
        ("~=3.11.0", "sys_platform == 'linux'", {}),
    ):
        comparison = checked(text.format(python, system), wanted, name="pylock.toml")
        assert found(comparison) == {"scikit-learn": ("error", "missing"), **kinds}


def test_a_lock_says_nothing_of_builds_which_strict_says_once() -> None:
    comparison = checked("scikit-learn==1.5.2\nnumpy==2.1.0\n", expected(SKLEARN, NUMPY), Terms(Policy("strict")))
    assert found(comparison) == {"packages": ("unchecked", "unknown")}


def test_the_group_that_is_asked_for_may_be_the_models_or_the_locks() -> None:
    groups = {"base": Group((), ("numpy",)), "serve": Group((), ("scikit-learn",))}
    text = (
        'lock-version = "1.0"\ndependency-groups = ["serve", "gpu"]\n'
        '[[packages]]\nname = "numpy"\nversion = "2.1.0"\nwheels = [{name = "numpy-2.1.0-py3-none-any.whl"}]\n'
        '[[packages]]\nname = "scikit-learn"\nversion = "1.5.2"\nmarker = "\'serve\' in dependency_groups"\n'
        'wheels = [{name = "scikit_learn-1.5.2-py3-none-any.whl"}]\n'
    )
    wanted = expected(SKLEARN, NUMPY, groups=groups)
    for group, fits in ((None, True), ("serve", True), ("base", True), ("gpu", False)):
        comparison = checked(text, wanted, Terms(group=group), "pylock.toml")
        assert comparison.fits is fits
    assert comparison.unsaid[-1] == "of its groups and extras, gpu was chosen"
    with pytest.raises(UsageError, match="the model has no group nonsense"):
        checked(text, wanted, Terms(group="nonsense"), "pylock.toml")


GROUPED = {
    "a group of a pylock": ("pylock.toml", 'dependency-groups = ["Gpu_Box"]\n', "gpu-box"),
    "an extra of a pylock": ("pylock.toml", 'extras = ["gpu"]\n', "GPU"),
    "a group of a uv.lock": (
        "uv.lock",
        "[package.dev-dependencies]\nGpu_Box = [{ name = 'scikit-learn' }]\n",
        "gpu-box",
    ),
    "an extra of a uv.lock": ("uv.lock", "[package.optional-dependencies]\ngpu = [{ name = 'scikit-learn' }]\n", "gpu"),
    "an empty group of a uv.lock": ("uv.lock", "[package.metadata.requires-dev]\ngpu = []\n", "gpu"),
    "an empty extra of a uv.lock": ("uv.lock", "[package.metadata]\nprovides-extras = ['gpu']\n", "gpu"),
}


@pytest.mark.parametrize(("name", "declared", "group"), GROUPED.values(), ids=GROUPED)
def test_a_group_that_only_the_lock_has_may_be_named(
    quick: Run, fraud: Registry, name: str, declared: str, group: str
) -> None:
    entries = "".join(
        f'[[{{0}}]]\nname = "{package}"\nversion = "{version}"\n{{1}}\n'
        for package, version in (("joblib", "1.5.1"), ("numpy", "2.1.0"), ("scikit-learn", "1.5.2"))
    )
    if name == "uv.lock":
        needed = ["joblib", "numpy", *([] if "scikit-learn" in declared else ["scikit-learn"])]
        listed = ", ".join(f'{{ name = "{one}" }}' for one in needed)
        head = f'version = 1\n[[package]]\nname = "app"\nsource = {{ virtual = "." }}\ndependencies = [{listed}]\n'
        text = head + declared + entries.format("package", 'source = { registry = "https://h/simple" }')
    else:
        text = f'lock-version = "1.0"\n{declared}' + entries.format("packages", 'wheels = [{ name = "x-1.whl" }]')
    Path(name).write_text(text, encoding="utf-8")
    arguments = ("--lock", name, "--group", group)
    ran = quick("verify-env", "fraud", *arguments)
    assert (ran.code, ran.err) == (0, "")
    assert "of its groups and extras, gpu" in ran.out.lower()
    fraud.pull("fraud", "pulled")
    assert quick("verify-env", "./pulled", *arguments).code == 0
    ran = quick("verify-env", "fraud", "--lock", name, "--group", "nonsense")
    assert (ran.code, ran.out) == (2, "")
    assert f"the model has no group nonsense, nor any other: it was declared none; nor has {name} one" in ran.err


def test_a_requirements_file_has_no_groups_to_name(quick: Run, fraud: Registry) -> None:
    Path("requirements.txt").write_text(GOOD, encoding="utf-8")
    ran = quick("verify-env", "fraud", "--lock", "requirements.txt", "--group", "serve")
    assert (ran.code, ran.out) == (2, "")
    assert "nor has requirements.txt one: files of its kind have none" in ran.err


def test_what_a_model_imports_is_told_of_what_the_lock_lacks() -> None:
    imports = Imports({"sklearn.tree": ("Tree",)}, {}, complete=True, packages={"sklearn.tree": "scikit-learn"})
    wanted = expected(SKLEARN, NUMPY, imports=imports, roles=Roles(("scikit-learn",)))
    (finding,) = [one for one in checked("numpy==2.1.0\n", wanted).findings if one.severity is Severity.ERROR]
    assert finding.role is Role.LOAD_CRITICAL
    assert finding.note is not None
    assert finding.note.startswith("requirements.txt does not ask for it; the model imports sklearn.tree from it")


# The command and the API


@pytest.fixture
def fraud(beside: Registry, model: Path, captured: Capture) -> Registry:
    beside.register(model, "fraud", capture=captured)
    return beside


GOOD = "joblib==1.5.1\nnumpy==2.1.0\nscikit-learn==1.5.2\n"


def test_the_command_checks_a_lock_before_anything_is_built(quick: Run, fraud: Registry) -> None:
    Path("requirements.txt").write_text(GOOD, encoding="utf-8")
    ran = quick("verify-env", "fraud", "--lock", "requirements.txt")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "requirements.txt (for Python 3.11.7) fits fraud:1"
    Path("requirements.txt").write_text(GOOD.replace("1.5.2", "1.4.2").replace("joblib==1.5.1\n", ""), encoding="utf-8")
    ran = quick("verify-env", "fraud", "--lock", "requirements.txt")
    assert ran.code == 3
    assert "scikit-learn is 1.4.2; the model wants 1.5.2 (wanted since fraud:1" in ran.out
    assert "requirements.txt does not ask for it" in ran.out
    assert ", Python and the platform were compared" not in ran.out


def test_what_modelreg_exports_of_a_version_fits_it(quick: Run, fraud: Registry) -> None:
    assert quick("export", "fraud", "-o", "requirements.txt").code == 0
    ran = quick("verify-env", "fraud", "--lock", "requirements.txt", "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["compared"], result["findings"]) == (0, 3, [])


def test_a_finding_stands_on_its_line_of_the_lock_in_github(quick: Run, fraud: Registry) -> None:
    Path("locks").mkdir()
    Path("locks/base.txt").write_text("\nscikit-learn==1.4.2\n", encoding="utf-8")
    Path("locks/serve.txt").write_text("-r base.txt\njoblib==1.5.1\nnumpy\n", encoding="utf-8")
    ran = quick("verify-env", "fraud", "--lock", "locks/serve.txt", "--format", "github")
    assert ran.code == 3
    assert "file=locks/base.txt,line=2::scikit-learn is 1.4.2" in ran.out
    assert "file=locks/serve.txt,line=3::numpy could not be checked" in ran.out


def test_a_folder_of_wheels_tells_itself_whether_it_has_the_label_that_is_wanted() -> None:
    wanted = expected(Package("alpha", "1.0+cpu"), NUMPY)
    text = "--find-links wheels\nalpha==1.0\nnumpy==2.1.0\n"
    assert found(checked(text, wanted)) == {"alpha": ("unchecked", "unknown")}  # it is not there to be looked at
    make_wheel(Path("wheels"), "alpha", "1.0")
    assert found(checked(text, wanted)) == {"alpha": ("error", "version")}
    make_wheel(Path("wheels"), "alpha", "1.0+cpu")
    assert found(checked(text, wanted)) == {"alpha": ("unchecked", "unknown")}


def test_json_and_a_pulled_manifest_take_a_lock_as_well(quick: Run, fraud: Registry) -> None:
    fraud.pull("fraud", "pulled")
    Path("requirements.txt").write_text(GOOD, encoding="utf-8")
    ran = quick("verify-env", "./pulled", "--lock", "requirements.txt", "--json")
    (result,) = json.loads(ran.out)["results"]
    assert (ran.code, result["environment"], result["fits"]) == (0, "requirements.txt", True)
    assert result["unsaid"][0].startswith("the exact Python and the platform were not compared")


def test_the_api_takes_a_lock_in_place_of_an_environment(fraud: Registry) -> None:
    Path("requirements.txt").write_text(GOOD, encoding="utf-8")
    assert fraud.verify_env("fraud", lock="requirements.txt").fits
    Path("requirements.txt").write_text("numpy==2.1.0\n", encoding="utf-8")
    assert not fraud.verify_env("fraud", lock=Path("requirements.txt")).fits


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lock", "nowhere.txt"), 4),
        (("--lock", "."), 4),
        (("--lock", "damaged.txt"), 4),
        (("--lock", "poetry.lock"), 2),
        (("--lock", "good.txt", "--python", "python"), 2),
        (("--lock", "good.txt", "--fix-command"), 2),
    ],
)
def test_a_lock_that_cannot_be_checked_is_an_error_and_never_green(
    quick: Run, fraud: Registry, arguments: tuple[str, ...], code: int
) -> None:
    Path("damaged.txt").write_text("not a requirement\n", encoding="utf-8")
    Path("poetry.lock").write_text("", encoding="utf-8")
    Path("good.txt").write_text(GOOD, encoding="utf-8")
    ran = quick("verify-env", "fraud", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert len(ran.err.splitlines()) == 1


def test_each_line_is_named_once_and_one_package_is_one(
    quick: Run, beside: Registry, model: Path, captured: Capture
) -> None:
    alone = captured._replace(environment=captured.environment._replace(packages=(Package("pkg", "1.0"),)))
    beside.register(model, "fraud", capture=alone)
    Path("requirements.txt").write_text("pkg==1.0\n", encoding="utf-8")
    assert (
        "  1 package (1 pinned) was compared; policy exact"
        in quick("verify-env", "fraud", "--lock", "requirements.txt").out
    )
    Path("requirements.txt").write_text("pkg==1.0\npkg==2.0\n", encoding="utf-8")
    out = quick("verify-env", "fraud", "--lock", "requirements.txt").out
    said = (
        "pkg could not be checked: it is asked for in two ways (requirements.txt, line 1 and requirements.txt, line 2)"
    )
    assert f"{said} (wanted since" in out
