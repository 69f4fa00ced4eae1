"""Real environments for tests of drift: wheels built and installed by pip or uv, each made once and then reused."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from environments import Place, add, find_uv, make_place, make_wheel

from modelreg import Capture, Registry
from modelreg.environment.finding import Severity
from modelreg.registry.verify import EnvironmentReport

ERROR, UNCHECKED, WARNING, INFO = Severity

Found = Mapping[str, tuple[Severity, str]]
"""What must be found: by subject, how much it weighs and what kind of finding it is."""


@dataclass(frozen=True)
class Wheel:
    """A package to be installed. modules: what is in it, by path; a module of its own name where nothing is said."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    build: str = ""
    """Goes into the module, so that another build has other bytes."""

    def file(self) -> Path:
        """Build the wheel, once."""
        return _built(self)


@dataclass(frozen=True)
class Written:
    """A package as some other installer leaves it, written by hand."""

    name: str
    version: str
    folder: str | None = None
    metadata: bytes | None = None
    installer: str | None = "pip"
    direct_url: str | None = None


@dataclass(frozen=True)
class Spoiled:
    """Something that is done to a file of an environment. text: None removes the file."""

    path: str
    text: str | None = None


Item = Wheel | Written | Spoiled | str
"""A string is a requirement that is installed as it stands: a URL, a repository, an editable folder (`-e …`)."""


@dataclass(frozen=True)
class Case:
    """What training has, what the target has, what the model imports, and what must be found."""

    trained: tuple[Item, ...]
    target: tuple[Item, ...]
    found: Found = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    group: str | None = None
    policy: str = "exact"
    shadow: tuple[Wheel, ...] = ()
    """What lies in a folder on PYTHONPATH in the target."""
    pip: bool = False
    """Install the target by pip, not by uv."""

    @property
    def fits(self) -> bool:
        return not any(severity in (ERROR, UNCHECKED) for severity, _ in self.found.values())


def wheel(name: str, version: str, *requires: str, build: str = "", **modules: str) -> Wheel:
    """Return a wheel; modules are written `pkg__mod="text"` for pkg/mod.py."""
    files = tuple((f"{path.replace('__', '/')}.py", text) for path, text in modules.items())
    return Wheel(name, version, requires, files, build)


@cache
def _workshop() -> Path:
    return Path(tempfile.mkdtemp(prefix="modelreg-drift-"))


@cache
def _built(one: Wheel) -> Path:
    folder = _workshop() / "wheels" / hashlib.sha256(repr(one).encode()).hexdigest()[:12]
    folder.parent.mkdir(exist_ok=True)
    module = one.name.replace("-", "_").replace(".", "_").lower()
    modules = dict(one.modules) or {f"{module}.py": f"BUILD = {one.build!r}\n"}
    file = one.name.replace("-", "_").replace(".", "_")
    return make_wheel(folder, file, one.version, requires=one.requires, modules=modules)


@cache
def place(items: tuple[Item, ...], *, pip: bool = False) -> Place:
    """Return an environment that holds these, made when it is first asked for; nobody may change it."""
    made = make_place(_workshop() / f"place-{len(list(_workshop().iterdir()))}", pip=_with_pip() if pip else None)
    files = [str(item.file()) for item in items if isinstance(item, Wheel)]
    _install(made, files, pip=pip)
    for item in items:
        if isinstance(item, str):
            _install(made, item.split(" "), pip=pip)
        elif isinstance(item, Written):
            add(
                *(made.site, item.name, item.version),
                folder=item.folder,
                metadata=item.metadata,
                installer=item.installer,
                direct_url=None if item.direct_url is None else item.direct_url.encode(),
            )
    for item in items:
        if isinstance(item, Spoiled):
            path = made.site / item.path
            path.unlink() if item.text is None else path.write_text(item.text)
    return made


@cache
def _with_pip() -> Place:
    folder = _workshop() / "with-pip"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdin=subprocess.DEVNULL)
    return Place(folder)


def _install(made: Place, what: list[str], *, pip: bool) -> None:
    if not what:
        return
    if pip:
        made.pip("install", "-q", "--no-deps", *what)
        return
    uv = find_uv()
    assert uv is not None, "uv is missing: pip install uv"
    flags = ["--no-index", "--no-config", "--quiet", "--no-deps", "--no-build-isolation", "--python", str(made.python)]
    done = subprocess.run([str(uv), "pip", "install", *flags, *what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@cache
def captured_once(items: tuple[Item, ...]) -> Capture:
    """Return the capture of such an environment, made when it is first asked for."""
    return place(items).captured()


def pickled(imports: tuple[str, ...]) -> bytes:
    """Return a pickle that imports these, `module:name`, and does nothing else."""
    lines = b"".join(f"c{one.replace(':', chr(10))}\n0".encode() for one in imports)
    return lines + b"N."


def verified(case: Case, registry: Registry, folder: Path) -> EnvironmentReport:
    """Register the case's model in its training environment, and verify the target with it."""
    path = folder / "model.pkl"
    path.write_bytes(pickled(case.imports))
    groups = {name: (text,) for name, text in case.groups}
    version = registry.register(path, "fraud", capture=captured_once(case.trained), groups=groups or None).version
    target = place(case.target, pip=case.pip)
    return registry.verify_env(version, python=target.python, policy=case.policy, group=case.group)


def findings(report: EnvironmentReport) -> dict[str, tuple[Severity, str]]:
    """Return what was found in the form of `Found`; several kinds of one subject are joined, the gravest first."""
    found: dict[str, tuple[Severity, str]] = {}
    for finding in report.findings:
        severity, kind = found.get(finding.subject, (finding.severity, ""))
        found[finding.subject] = severity, f"{kind}+{finding.kind}" if kind else finding.kind
    return found


def shadowing(case: Case) -> str:
    """Return what PYTHONPATH is in the target."""
    if not case.shadow:
        return ""
    return str(place(case.shadow).site)


def direct_url(**fields: object) -> str:
    """Return a direct_url.json (PEP 610)."""
    return json.dumps(fields)
