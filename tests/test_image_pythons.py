"""Environments in images: each layout that people use, and which one counts."""

import json
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest
from environments import add, make_place
from images import Content, To, glibc, layout, package_files, python_files

from modelreg import Capture, EnvironmentUnreadableError, NotFoundError, UsageError, capture_image, open_image

SITE = "usr/local/lib/python3.11/site-packages"
VENV = "opt/venv/lib/python3.11/site-packages"
PATH = "PATH=/usr/local/bin:/usr/bin:/bin"


def venv_files(prefix: str = "opt/venv", home: str = "/usr/local/bin", **settings: str) -> dict[str, Content]:
    lines = {"home": home, "version": "3.11.7", **settings}
    return {
        f"{prefix}/pyvenv.cfg": "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in lines.items()),
        f"{prefix}/bin/python": To(f"{home}/python3"),
        f"{prefix}/bin/python3": To("python"),
    }


def captured(
    tmp_path: Path,
    *layers: Mapping[str, Content],
    config: Mapping[str, object] | None = None,
    python: str | None = None,
    platform: str = "linux/amd64",
) -> Capture:
    shutil.rmtree(tmp_path / "layout", ignore_errors=True)
    folder = layout(tmp_path / "layout", *layers, config=config or {"Env": [PATH]}, platform=platform)
    return capture_image(open_image(str(folder)), python)


def pins(capture: Capture) -> list[str]:
    return [f"{package.name}=={package.version}" for package in capture.environment.packages]


def test_an_image_of_python_itself(tmp_path: Path) -> None:
    capture = captured(tmp_path, {**glibc(), **python_files()}, package_files(SITE, "joblib==1.5.1", "numpy==2.1.0"))
    environment = capture.environment
    assert pins(capture) == ["joblib==1.5.1", "numpy==2.1.0"]
    assert environment.python.version == "3.11.7"
    assert environment.python.soabi == "cpython-311-x86_64-linux-gnu"
    assert str(environment.platform) == "linux x86_64, glibc 2.36"
    assert (capture.kind, capture.remarks, capture.paths) == ("system", (), ())
    assert capture.prefix.endswith("layout /usr/local")


def test_a_package_that_a_later_layer_upgrades(tmp_path: Path) -> None:
    """As pip does it: the old metadata is hidden, the new one is added."""
    upgrade = {f"{SITE}/.wh.joblib-1.5.1.dist-info": "", **package_files(SITE, "joblib==1.5.2")}
    assert pins(captured(tmp_path, python_files(), package_files(SITE, "joblib==1.5.1"), upgrade)) == ["joblib==1.5.2"]


def test_a_virtual_environment_hides_the_packages_of_its_base(tmp_path: Path) -> None:
    base = {**python_files(), **package_files(SITE, "numpy==1.0")}
    config = {"Env": ["PATH=/opt/venv/bin:/usr/local/bin"]}
    capture = captured(tmp_path, base, {**venv_files(), **package_files(VENV, "numpy==2.1.0")}, config=config)
    assert (pins(capture), capture.kind, capture.environment.python.version) == (["numpy==2.1.0"], "venv", "3.11.7")
    both = {**venv_files(include_system_site_packages="true"), **package_files(VENV, "joblib==1.5.1")}
    capture = captured(tmp_path, base, both, config=config)
    assert (pins(capture), capture.paths) == (["joblib==1.5.1", "numpy==1.0"], ("system-site",))


def test_a_virtual_environment_of_uv_on_a_python_of_uv(tmp_path: Path) -> None:
    prefix = "root/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu"
    base = python_files(prefix, "3.12.4")
    del base[f"{prefix}/include/python3.12/patchlevel.h"]
    venv = venv_files("app/.venv", f"/{prefix}/bin", version_info="3.12.1", uv="0.4")
    venv["app/.venv/lib/python3.12/site-packages/x.pth"] = ""
    config = {"Env": [PATH], "WorkingDir": "/app", "Cmd": ["/app/.venv/bin/python", "-m", "app"]}
    packages = package_files("app/.venv/lib/python3.12/site-packages", "joblib==1.5.1", installer="uv")
    capture = captured(tmp_path, base, venv, packages, config=config)
    # What uv put into its folder's name is of today; pyvenv.cfg was written once.
    assert (pins(capture), capture.environment.python.version) == (["joblib==1.5.1"], "3.12.4")


def test_an_image_of_conda(tmp_path: Path) -> None:
    site = "opt/conda/envs/serve/lib/python3.10/site-packages"
    files: dict[str, Content] = python_files("opt/conda/envs/serve", "3.10.13")
    del files["opt/conda/envs/serve/include/python3.10/patchlevel.h"]
    record = {"name": "python", "version": "3.10.13", "build": "h1_0_cpython"}
    files["opt/conda/envs/serve/conda-meta/python-3.10.13-h1_0_cpython.json"] = json.dumps(record)
    files |= python_files("opt/conda", "3.12.1") | {"opt/conda/conda-meta/history": ""}
    cached = "opt/conda/pkgs/python-3.10.13-h1_0_cpython"
    files |= python_files(cached, "3.10.13") | {f"{cached}/info/index.json": "{}"}
    packages = package_files(site, "numpy==1.26.4", installer="conda")
    config = {"Env": ["PATH=/opt/conda/envs/serve/bin:/opt/conda/bin", "CONDA_PREFIX=/opt/conda/envs/serve"]}
    capture = captured(tmp_path, files, packages, config=config)
    assert (capture.kind, capture.environment.python.version) == ("conda", "3.10.13")
    (package,) = capture.environment.packages
    assert (package.name, package.origin and package.origin.kind) == ("numpy", "conda")
    with pytest.raises(UsageError, match=r"environments: /opt/conda, /opt/conda/envs/serve; choose"):
        captured(tmp_path, files, packages, config={"Env": ["PATH=/bin"]})


def debian(installed: str = "3.11.2-6+deb12u5") -> dict[str, Content]:
    files: dict[str, Content] = {**glibc(), **python_files("usr", "3.11.2")}
    del files["usr/include/python3.11/patchlevel.h"]
    files["usr/lib/x86_64-linux-gnu/libc.so.6"] = b"stripped of what it is"
    status = f"Package: libc6\nVersion: 2.36-9+deb12u4\n\nPackage: python3.11-minimal\nVersion: {installed}\n"
    return files | {"var/lib/dpkg/status": status}


def test_the_python_of_debian_with_packages_of_apt_and_of_pip(tmp_path: Path) -> None:
    packages = {
        **package_files("usr/lib/python3/dist-packages", "requests==2.28.1", installer="debian"),
        "usr/lib/python3/dist-packages/pyperf-0.1.egg-info": "Metadata-Version: 1.0\nName: pyperf\nVersion: 0.1\n",
        **package_files("usr/local/lib/python3.11/dist-packages", "joblib==1.5.1"),
    }
    capture = captured(tmp_path, debian(), packages)
    assert pins(capture) == ["joblib==1.5.1", "pyperf==0.1", "requests==2.28.1"]
    origins = {package.name: package.origin and package.origin.kind for package in capture.environment.packages}
    assert origins == {"joblib": None, "pyperf": "distribution", "requests": "distribution"}
    assert (capture.environment.python.version, capture.environment.platform.libc_version) == ("3.11.2", "2.36")


def test_an_image_of_alpine_has_musl_as_a_running_python_says_it(tmp_path: Path) -> None:
    files: dict[str, Content] = {**python_files("usr", "3.11.6"), "lib/ld-musl-x86_64.so.1": b"\x7fELF"}
    del files["usr/include/python3.11/patchlevel.h"]
    files["lib/apk/db/installed"] = "P:musl\nV:1.2.4-r2\n\nP:python3\nV:3.11.6-r1\n"
    packages = package_files("usr/lib/python3.11/site-packages", "joblib==1.5.1")
    environment = captured(tmp_path, files, packages, platform="linux/arm64").environment
    assert (environment.python.version, str(environment.platform)) == ("3.11.6", "linux aarch64, musl")


def test_packages_of_the_user_and_of_pythonpath_are_on_the_path(tmp_path: Path) -> None:
    files = {
        **python_files(),
        **package_files("home/app/.local/lib/python3.11/site-packages", "joblib==1.5.1", "numpy==2.1.0"),
        **package_files("srv/code", "numpy==9"),
        "etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
    }
    config: dict[str, object] = {"Env": [PATH, "PYTHONPATH=/srv/code"], "User": "1000:1000"}
    capture = captured(tmp_path, files, config=config)
    assert (pins(capture), capture.paths) == (["joblib==1.5.1", "numpy==9"], ("pythonpath", "user-site"))
    config["Env"] = [PATH, "PYTHONNOUSERSITE=1"]
    assert pins(captured(tmp_path, files, config=config)) == []


def test_what_pth_files_add_is_looked_at_and_their_code_is_not_run(tmp_path: Path) -> None:
    files = {
        **python_files(),
        f"{SITE}/a.pth": "# words\nimport os; os.makedirs('/tmp/x')\n/srv/app\n../beside\n/nowhere\n",
        "srv/app/app.egg-info/PKG-INFO": "Name: app\nVersion: 3\n",
        f"{SITE}/app.egg-link": "/srv/app\n.",
        **package_files("usr/local/lib/python3.11/beside", "joblib==1.5.1"),
    }
    capture = captured(tmp_path, files)
    assert (pins(capture), capture.paths) == (["app==3", "joblib==1.5.1"], ("pth",))
    assert [package.origin and package.origin.kind for package in capture.environment.packages] == ["editable", None]


def test_eggs_are_found_unpacked_and_named_when_they_are_not(tmp_path: Path) -> None:
    files = {
        **python_files(),
        f"{SITE}/easy-install.pth": f"/{SITE}/old-1.0-py3.11.egg\n/{SITE}/zipped-2.0.egg\n/{SITE}/{'x' * 250}\x01y\n",
        f"{SITE}/old-1.0-py3.11.egg/EGG-INFO/PKG-INFO": "Name: old\nVersion: 1.0\n",
        f"{SITE}/zipped-2.0.egg": b"PK\x03\x04",
        f"{SITE}/{'x' * 250}\x01y/z.pth": "",
    }
    capture = captured(tmp_path, files)
    assert pins(capture) == ["old==1.0"]
    assert capture.remarks == ("zipped-2.0.egg is a file on the path; packages in it are not recorded",)


def test_damaged_metadata_costs_a_remark_and_no_more(tmp_path: Path) -> None:
    files = {
        **python_files(),
        **package_files(SITE, "joblib==1.5.1"),
        f"{SITE}/broken-1.0.dist-info/INSTALLER": "pip",
        f"{SITE}/{'x' * 300}-1.0.dist-info/METADATA": "Name: x\nVersion: 1\n",
    }
    capture = captured(tmp_path, files)
    assert pins(capture) == ["broken==1.0", "joblib==1.5.1"]
    assert capture.remarks[0].startswith("the metadata of broken cannot be read")


TWO = {**python_files(), **venv_files("srv/a"), **venv_files("srv/b")} | {
    **package_files("srv/a/lib/python3.11/site-packages", "a==1"),
    **package_files("srv/b/lib/python3.11/site-packages", "b==1"),
    "srv/a/bin/serve": "#!/srv/a/bin/python\nimport a\n",
    "srv/b/bin/serve": '#!/bin/sh\n\'\'\'exec\' "/srv/b/bin/python" "$0" "$@"\n',
    "usr/local/bin/serve": "#!/usr/bin/env python3\n",
    "usr/bin/tini": b"\x7fELF",
    "bin/sh": b"\x7fELF",
}
COMMANDS: dict[str, tuple[dict[str, object], list[str]]] = {
    "an interpreter by its path": ({"Cmd": ["/srv/b/bin/python", "-m", "app"]}, ["b==1"]),
    "a script that names its interpreter": ({"Entrypoint": ["/srv/a/bin/serve"]}, ["a==1"]),
    "a script whose interpreter is written around sh": ({"Entrypoint": ["/srv/b/bin/serve"]}, ["b==1"]),
    "a command behind an init": ({"Entrypoint": ["/usr/bin/tini", "--"], "Cmd": ["/srv/b/bin/serve"]}, ["b==1"]),
    "a line of a shell": ({"Cmd": ["/bin/sh", "-c", "exec /srv/a/bin/python -m app $X"]}, ["a==1"]),
    "a word on the path": ({"Cmd": ["serve"], "Env": ["PATH=/srv/b/bin:/usr/local/bin"]}, ["b==1"]),
    "python on the path": ({"Env": ["PATH=/srv/a/bin:/usr/local/bin"]}, ["a==1"]),
    "VIRTUAL_ENV": ({"Env": ["VIRTUAL_ENV=/srv/b", PATH]}, ["b==1"]),
    "env that looks on the path": ({"Cmd": ["/usr/local/bin/serve"], "Env": ["PATH=/srv/a/bin"]}, ["a==1"]),
    "nothing but the base": ({"Env": [PATH]}, []),
}


@pytest.mark.parametrize(("config", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_what_the_image_runs_says_which_environment_counts(
    tmp_path: Path, config: dict[str, object], expected: list[str]
) -> None:
    assert pins(captured(tmp_path, TWO, config=config)) == expected


@pytest.mark.parametrize("python", ["/srv/b", "/srv/b/", "/srv/b/bin/python", "/srv/b/bin/python3", "/srv/b/bin/serve"])
def test_a_person_may_choose(tmp_path: Path, python: str) -> None:
    assert pins(captured(tmp_path, TWO, python=python)) == ["b==1"]


def test_what_is_not_there_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no Python at /srv/c; it has those of /srv/a, /srv/b, /usr/local"):
        captured(tmp_path, TWO, python="/srv/c")


def test_several_environments_and_nothing_that_chooses(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"several Python environments: /srv/a, /srv/b, /usr/local; choose one with"):
        captured(tmp_path, TWO, config={"Env": ["PATH=/bin"]})


def test_an_only_environment_counts_though_nothing_leads_to_it(tmp_path: Path) -> None:
    files = {**python_files("opt/python"), **package_files("opt/python/lib/python3.11/site-packages", "joblib==1.5.1")}
    assert pins(captured(tmp_path, files, config={"Env": None, "Cmd": None})) == ["joblib==1.5.1"]


def test_an_image_without_python(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnreadableError, match="has no Python environment"):
        captured(tmp_path, {"bin/sh": b"\x7fELF"})


def test_what_an_image_does_not_say_is_not_guessed(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "usr/local/bin/python3.11": b"\x7fELF",
        "usr/local/bin/python3": To("python3.11"),
        "usr/local/lib/python3.11/os.py": "",
    }
    capture = captured(tmp_path, files)
    environment = capture.environment
    assert (environment.python.version, environment.python.soabi) == ("3.11", None)
    assert (environment.platform.libc, environment.platform.libc_version) == (None, None)
    assert capture.remarks == ("the image does not say which patch level of Python 3.11 it has",)
    venv = captured(tmp_path, files, venv_files() | package_files(VENV, "a==1"), python="/opt/venv")
    assert venv.environment.python.version == "3.11.7"
    assert "known only from when /opt/venv was made" in venv.remarks[0]


@pytest.mark.skipif(sys.platform != "linux", reason="images are of Linux")
def test_an_image_is_captured_exactly_as_the_live_environment_in_it(tmp_path: Path) -> None:
    place = make_place(tmp_path / "venv")
    add(place.site, "joblib", "1.5.1")
    add(place.site, "Flask.Cors", "4.0", installer="uv", metadata=b"Name: Flask.Cors\r\nVersion: 4.0\r\n\r\nText")
    add(place.site, "old", "1", folder="old.egg-info", installer=None)
    direct = {"url": "https://user:word@host.example/app.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}
    add(place.site, "app", "2.0+cpu", direct_url=direct)
    live = place.captured()

    prefix, minor = sys.base_prefix, f"python{sysconfig.get_python_version()}"
    files: dict[str, Content] = {}
    for path in (*(tmp_path / "venv").rglob("*"), *_base(Path(prefix), minor)):
        name = path.as_posix().lstrip("/")
        if path.is_symlink():
            files[name] = To(str(path.readlink()))
        elif path.is_file():
            files[name] = path.read_bytes()
    libc = next(iter(Path("/lib").glob("*-linux-gnu/libc.so.6")), None)
    if libc is not None:
        files[libc.as_posix().lstrip("/")] = libc.read_bytes()
    machine = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[live.environment.platform.machine]
    config = {"Cmd": [str(place.python)]}
    image = captured(tmp_path, dict(sorted(files.items())), config=config, platform=machine)
    assert image.environment == (
        live.environment if libc else live.environment._replace(platform=image.environment.platform)
    )
    assert (image.kind, image.remarks) == (live.kind, live.remarks)


def _base(prefix: Path, minor: str) -> list[Path]:
    """Return what tells a Python: its interpreter, its modules' names and its header."""
    found = [*(prefix / "bin").glob("python*"), prefix / "lib" / minor / "os.py"]
    found += [*(prefix / "lib" / minor / "lib-dynload").glob("math*.so"), prefix / "include" / minor / "patchlevel.h"]
    status = Path("/var/lib/dpkg/status")
    return [*found, status] if prefix == Path("/usr") and status.exists() else found
