"""Which package provides a module."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from environments import Place, add, make_place, make_wheel

from modelreg import capture, find_interpreter
from modelreg.environment.providers import find_providers
from modelreg.environment.record import normalized


def owned(site: Path, name: str, files: list[str], **more: object) -> str:
    """Write a distribution that lists files, and return where its metadata is."""
    info = add(site, name, "1", **more)  # type: ignore[arg-type]
    info.joinpath("RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files), encoding="utf-8")
    return str(info)


def test_it_agrees_with_the_standard_library_on_what_is_imported_here() -> None:
    tops = packages_distributions()
    modules = [
        name
        for name, module in list(sys.modules.items())
        if getattr(module, "__file__", None) and name.partition(".")[0] in tops and "." in name
    ]
    own = {normalized(top): {normalized(name) for name in names} for top, names in tops.items()}
    found = find_providers(modules, capture(find_interpreter()).places)
    known = {module: found.packages[module] for module in modules if module in found.packages}
    assert len(known) > 200
    assert all(provider in own[normalized(module.partition(".")[0])] for module, provider in known.items())


def test_modules_packages_and_extension_modules_are_found(tmp_path: Path) -> None:
    places = {
        "ours": owned(tmp_path, "ours", ["ours/__init__.py", "ours/a.py", "ours/_c.cpython-311-x86_64-linux-gnu.so"]),
        "six": owned(tmp_path, "six", ["six.py"]),
        "windows": owned(tmp_path, "windows", ["w/__init__.py", "w/_c.cp311-win_amd64.pyd", "w/_d.abi3.so", "w/e.pyc"]),
        "other": owned(tmp_path, "other", ["other/ours/a.py", "ours_more/b.py", "ours.libs/x.so"]),
    }
    modules = ["ours", "ours.a", "ours._c", "six", "six.moves.urllib", "w._c", "w._d", "w.e", "ours._c.made"]
    found = find_providers([*modules, "ours.gone", "ours.a.b", "gone", "other"], places)
    assert found.packages == {
        **dict.fromkeys(("ours", "ours.a", "ours._c", "ours._c.made", "ours.a.b"), "ours"),
        **dict.fromkeys(("six", "six.moves.urllib"), "six"),
        **dict.fromkeys(("w._c", "w._d", "w.e"), "windows"),
    }
    assert found.missing == ("gone", "other", "ours.gone")


def test_namespaces_are_told_apart_by_the_whole_path(tmp_path: Path) -> None:
    places = {
        "google-a": owned(tmp_path, "google-a", ["google/a/__init__.py", "google/cloud/b/__init__.py"]),
        "google-c": owned(tmp_path, "google-c", ["google/c.py", "google/cloud/d/e.py"]),
    }
    found = find_providers(["google.a", "google.cloud.b", "google.c", "google.cloud.d.e", "google.x"], places)
    assert found.packages == {
        **dict.fromkeys(("google.a", "google.cloud.b"), "google-a"),
        **dict.fromkeys(("google.c", "google.cloud.d.e"), "google-c"),
    }
    assert found.missing == ("google.x",)


def test_a_file_that_two_packages_own_needs_both(tmp_path: Path) -> None:
    places = {name: owned(tmp_path, name, ["cv2/__init__.py"]) for name in ("opencv-python-headless", "opencv-python")}
    found = find_providers(["cv2"], places)
    assert found.packages == {"cv2": "opencv-python"}
    assert found.owners == frozenset(places)


def test_a_bare_name_of_cython_s_is_that_of_the_package_that_the_model_imports(tmp_path: Path) -> None:
    places = {
        "scikit-learn": owned(tmp_path, "scikit-learn", ["sklearn/__init__.py", "sklearn/_loss/_loss.cpython-311.so"]),
        "other": owned(tmp_path, "other", ["other/_own.abi3.so", "other/_py.py"]),
    }
    found = find_providers(["sklearn", "_loss", "_own", "_py"], places)
    assert found.packages == {"sklearn": "scikit-learn", "_loss": "scikit-learn"}
    assert found.missing == ("_own", "_py")


def test_modules_of_python_of_any_version_are_nobody_s_and_not_missing(tmp_path: Path) -> None:
    modules = ["builtins", "collections.abc", "imp", "distutils.version", "copy_reg", "__builtin__", "tomllib"]
    assert find_providers(modules, {}) == find_providers([], {})
    places = {"parser": owned(tmp_path, "parser", ["parser/__init__.py"])}
    assert find_providers(["parser", "symbol"], places).packages == {"parser": "parser"}


EDITABLE = {"url": "", "dir_info": {"editable": True}}


@pytest.mark.parametrize("how", ["a .pth file", "a finder", "its folder", "its folder's src", "an egg-link"])
def test_an_editable_package_provides_what_lies_in_its_folder(tmp_path: Path, how: str) -> None:
    site, project = tmp_path / "site", tmp_path / "proj ect"
    source = project / "src" if "src" in how or how == "a .pth file" else project
    (source / "ours" / "deep").mkdir(parents=True)
    for file in ("__init__.py", "a.py", "deep/__init__.py"):
        (source / "ours" / file).touch()
    direct = {"url": project.as_uri(), "dir_info": {"editable": True}}
    if how == "an egg-link":
        place = str(add(source, "ours", "1", folder="ours.egg-info"))
        Path(place, "top_level.txt").write_text("ours\n", encoding="utf-8")
    else:
        listed = {"a .pth file": ["_ours.pth"], "a finder": ["__editable___ours_1_finder.py", "__editable__.ours.pth"]}
        place = owned(site, "ours", listed.get(how, []), direct_url=direct)
        site.joinpath("_ours.pth").write_text(f"import os\n{source}\n", encoding="utf-8")
        site.joinpath("__editable__.ours.pth").write_text("import __editable___ours_1_finder\n", encoding="utf-8")
        site.joinpath("__editable___ours_1_finder.py").write_text(
            f"MAPPING: dict[str, str] = {{'ours': {str(source / 'ours')!r}}}\nNAMESPACES: dict = {{}}\n",
            encoding="utf-8",
        )
    found = find_providers(["ours", "ours.a", "ours.deep", "ours.gone", "other"], {"ours": place})
    assert found.packages == dict.fromkeys(("ours", "ours.a", "ours.deep"), "ours")
    assert found.missing == ("other", "ours.gone")


def test_a_package_without_a_list_of_its_files_provides_what_it_names(tmp_path: Path) -> None:
    by_top = add(tmp_path, "pyyaml", "6", folder="PyYAML-6.egg-info")
    by_top.joinpath("top_level.txt").write_text("_yaml\nyaml\n", encoding="utf-8")
    by_list = add(tmp_path, "listed", "1", folder="listed-1.egg-info")
    by_list.joinpath("installed-files.txt").write_text("../listed/__init__.py\nPKG-INFO\n", encoding="utf-8")
    single = tmp_path / "perf-0.1.egg-info"
    single.write_text("Name: perf\nVersion: 0.1\n", encoding="utf-8")
    for file in ("yaml/__init__.py", "listed/__init__.py", "perf.py"):
        tmp_path.joinpath(file).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(file).touch()
    places = {"pyyaml": str(by_top), "listed": str(by_list), "perf": str(single)}
    found = find_providers(["yaml", "listed", "perf", "gone"], places)
    assert found.packages == {"yaml": "pyyaml", "listed": "listed", "perf": "perf"}


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "ours.b/../a", "ours./etc/passwd", "ours.*", "a\nb", "\x1b[2J", "a..b", "é", "x" * 200]
)
def test_a_forger_s_name_is_missing_and_no_more(tmp_path: Path, name: str) -> None:
    places = {"ours": owned(tmp_path, "ours", ["ours/__init__.py"], direct_url=EDITABLE)}
    assert find_providers([name], places).missing == (name,)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A real virtual environment into which pip put real wheels."""
    folder = tmp_path_factory.mktemp("place")
    place = make_place(folder / "venv")
    wheels = folder / "wheels"
    wheel = make_wheel(wheels, "theirs", "1.0", modules={"their_module/__init__.py": "", "their_module/deep.py": ""})
    command = ["install", "--no-deps", "--no-index", str(wheel)]
    Place(Path(sys.prefix)).pip("--python", str(place.python), *command)
    return place


def test_what_pip_installed_is_found_in_another_interpreter_s_environment(place: Place) -> None:
    found = find_providers(["their_module", "their_module.deep", "json"], place.captured().places)
    assert found.packages == dict.fromkeys(("their_module", "their_module.deep"), "theirs")
    assert found.missing == ()
