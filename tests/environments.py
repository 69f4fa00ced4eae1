"""Real environments, made by hand in a moment: a virtual environment, and distributions written straight into it."""

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelreg import Capture, capture, find_interpreter

PIP = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}


@dataclass(frozen=True)
class Place:
    """A virtual environment. `site` is its folder of packages."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def site(self) -> Path:
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def pip(self, *arguments: str, **variables: str) -> str:
        """Run pip in it, away from every index, and return what it prints."""
        command = [str(self.python), "-m", "pip", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **PIP, **variables}, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def captured(self) -> Capture:
        return capture(find_interpreter(self.python))


def make_place(folder: Path, *, pip: Place | None = None, system_site: bool = False) -> Place:
    """Make a virtual environment; with `pip`, that one's pip is put into it by hard links, which takes no time."""
    venv.create(folder, system_site_packages=system_site, symlinks=os.name != "nt")
    place = Place(folder)
    for source in pip.site.glob("pip*/**/*") if pip else ():
        if pip and source.is_file():
            target = place.site / source.relative_to(pip.site)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
    return place


def add(
    site: Path,
    name: str,
    version: str,
    *,
    folder: str | None = None,
    metadata: bytes | None = None,
    installer: str | None = "pip",
    direct_url: object = None,
) -> Path:
    """Write a distribution as an installer leaves it, without any modules; return its .dist-info (or .egg-info).

    `folder` and `metadata` replace the usual ones; `direct_url` is written as JSON, or, where it is bytes, as it is.
    """
    info = site / (folder or f"{name.replace('-', '_')}-{version}.dist-info")
    info.mkdir(parents=True)
    info.joinpath("PKG-INFO" if info.suffix == ".egg-info" else "METADATA").write_bytes(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nAbout it.\n".encode()
        if metadata is None
        else metadata
    )
    if installer is not None:
        info.joinpath("INSTALLER").write_text(f"{installer}\n", encoding="utf-8")
    if direct_url is not None:
        data = direct_url if isinstance(direct_url, bytes) else json.dumps(direct_url).encode()
        info.joinpath("direct_url.json").write_bytes(data)
    return info


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: tuple[str, ...] = (),
    modules: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """Write a small wheel, whole: with the digests of its files, as every build tool does."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-{tag}.whl"
    folder.mkdir(exist_ok=True)
    needed = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        **({f"{name}.py": ""} if modules is None else modules),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.writerow((file, f"sha256={digest}", len(text.encode())))
    rows.writerow((f"{info}/RECORD", "", ""))
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            wheel.writestr(file, text)
    return path


def find_uv() -> Path | None:
    """Return uv, beside the interpreter that runs the tests or on the PATH."""
    found = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    return None if found is None else Path(found)


def frozen(text: str) -> set[str]:
    """Return what `pip freeze` printed as `name==version`, or `name @` where it is no pin, with canonical names."""
    found = set()
    for line in text.splitlines():
        if line.startswith("-e "):
            found.add(f"{canonicalize_name(Path(line).name)} @")
        elif line and not line.startswith("#"):
            requirement = Requirement(line)
            pin = " @" if requirement.url else str(requirement.specifier)
            found.add(f"{canonicalize_name(requirement.name)}{pin}")
    return found


def pinned(captured: Capture) -> set[str]:
    """Return the packages of a capture in the same form."""
    elsewhere = ("vcs", "archive", "directory", "editable")
    return {
        f"{package.name} @"
        if package.origin and package.origin.kind in elsewhere
        else f"{package.name}=={package.version}"
        for package in captured.environment.packages
    }
