"""What packages need that is neither installed nor pinned: the gaps that installing without resolving can leave."""

from collections.abc import Iterator

from modelreg.environment.markers import Markers
from modelreg.environment.record import Environment, normalized
from modelreg.environment.selection import Selection


def gaps(selection: Selection, installed: Environment) -> Iterator[str]:
    """Say, of each package that was declared and not observed, what it needs and an environment lacks.

    What was observed ran as it is, so what it lacks it does not need. Lines that cannot be read are passed over.
    """
    declared = [pin for pin in selection.pins if pin.declared]
    if not declared:
        return
    # Imported here: most environments are what was observed.
    from packaging.requirements import InvalidRequirement, Requirement

    packages = {package.name: package for package in installed.packages}
    markers = Markers(installed)
    for pin in declared:
        extras = {normalized(extra) for extra in Requirement(pin.requirement or "").extras}
        for line in packages[pin.name].requires or () if pin.name in packages else ():
            try:
                needed = Requirement(line)
            except InvalidRequirement:
                continue
            if not any(markers.hold(str(needed.marker or ""), extra) for extra in ("", *extras)):
                continue
            wanted, found = f"{pin.name} needs {needed.name}{needed.specifier}", packages.get(normalized(needed.name))
            if found is None:
                yield f"{wanted}, which is neither pinned nor installed; pin it in the group, too"
            elif not needed.specifier.contains(found.version, prereleases=True):
                yield f"{wanted}, and {found.version} is installed; pin one that fits"
