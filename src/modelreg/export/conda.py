"""environment.yml of conda: its own packages by name, version and build, and the rest under pip."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from modelreg.environment.record import Package
from modelreg.export.archives import Archives
from modelreg.export.subject import Subject

_SUFFIXES = (".conda", ".tar.bz2")


def conda(subject: Subject, _: Archives) -> str:
    """Return an environment that `conda env create -f` makes; what conda did not install itself is left to pip."""
    import yaml

    environment, pins = subject.environment, subject.selection.pins
    packages = [pin.package for pin in pins if _is_condas(pin.package)]
    names = {package.name for package in packages}
    others = [f"{package.name}={package.version}={package.build}" for package in environment.conda]
    dependencies: list[object] = [*sorted({*others, *map(_spec, packages)})]
    if not any(package.name == "python" for package in environment.conda):
        dependencies.insert(0, f"python={environment.python.version}")
    by_pip = [pin.requirement for pin in pins if pin.requirement is not None and pin.name not in names]
    if by_pip:
        dependencies += [{"pip": by_pip}] if _has_pip(others) else ["pip", {"pip": by_pip}]
    channels = sorted({package.channel for package in environment.conda if package.channel}) or ["conda-forge"]
    document = {
        "name": f"{subject.model}-{subject.number}",
        "channels": [*channels, "nodefaults"],
        "dependencies": dependencies,
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return "".join(f"# {line}\n" for line in subject.heading) + text


def _is_condas(package: Package) -> bool:
    return package.origin is not None and package.origin.kind == "conda"


def _has_pip(specs: list[str]) -> bool:
    return any(spec.startswith("pip=") for spec in specs)


def _spec(package: Package) -> str:
    """Return `name=version=build`; the name and the build are those of the archive that conda unpacked."""
    url = package.origin.url if package.origin is not None else None
    file = PurePosixPath(unquote(urlsplit(url).path)).name if url else ""
    for suffix in _SUFFIXES:
        if file.endswith(suffix) and file.count("-") > 1:
            name, version, build = file.removesuffix(suffix).rsplit("-", 2)
            return f"{name}={version}={build}"
    return f"{package.name}={package.version}"
