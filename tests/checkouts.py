"""A checkout of modelreg that pip installs without any index: with a build backend of its own, beside what it needs."""

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
BACKEND = """
import zipfile
from pathlib import Path


def build_wheel(folder, *_, **__):
    here = Path(__file__).parent
    name = f"modelreg-{here.joinpath('VERSION').read_text()}"
    files = [path for path in here.joinpath("src").rglob("*") if path.is_file()]
    with zipfile.ZipFile(Path(folder, f"{name}-py3-none-any.whl"), "w") as wheel:
        for path in files:
            wheel.write(path, path.relative_to(here / "src").as_posix())
        for path in here.joinpath("info").iterdir():
            wheel.write(path, f"{name}.dist-info/{path.name}")
    return f"{name}-py3-none-any.whl"
"""


def make_checkout(folder: Path) -> Path:
    """Copy what the composite action installs; return the folder of the action."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copytree(ROOT / ".github", folder / ".github", ignore=ignored)
    own = distribution("modelreg")
    info = folder / "info"
    info.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        info.joinpath(name).write_text(own.read_text(name) or "", encoding="utf-8")
    wheel = "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info.joinpath("WHEEL").write_text(wheel, encoding="utf-8")
    info.joinpath("RECORD").write_text("", encoding="utf-8")
    folder.joinpath("VERSION").write_text(own.version, encoding="utf-8")
    folder.joinpath("backend.py").write_text(BACKEND, encoding="utf-8")
    folder.joinpath("pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n', encoding="utf-8"
    )
    return folder / ".github" / "actions" / "verify-env"


def pack_needed(folder: Path, *requirements: str) -> None:
    """Pack into wheels again what is installed here of these requirements and of all that they need."""
    folder.mkdir()
    waiting, seen = [Requirement(one) for one in requirements], set[str]()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found = distribution(requirement.name)
        if requirement.name != "modelreg" and not any(folder.glob(f"{_stem(found)}-*")):
            _pack(found, folder)
        waiting += _needed(found, requirement.extras)


def _needed(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in found.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            requirement.marker = None
            yield requirement


def _stem(found: Distribution) -> str:
    return f"{found.metadata['Name'].replace('-', '_')}-{found.version}"


def _pack(found: Distribution, folder: Path) -> None:
    tags = [line[5:] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    kept = [path for path in found.files or () if ".." not in path.parts and path.suffix != ".pyc"]
    record = ""
    with zipfile.ZipFile(folder / f"{_stem(found)}-{tags[-1]}.whl", "w") as wheel:
        for path in kept:
            if path.name == "RECORD" and path.parent.suffix == ".dist-info":
                info = path
                continue
            data = path.read_binary()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f'"{path.as_posix()}",sha256={digest},{len(data)}\n'
            wheel.writestr(path.as_posix(), data)
        wheel.writestr(info.as_posix(), f"{record}{info.as_posix()},,\n")
