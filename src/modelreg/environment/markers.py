"""The conditions of requirements (PEP 508), judged for a recorded environment and not for the interpreter that runs."""

import re
from collections.abc import Mapping
from functools import lru_cache

from modelreg.environment.record import Environment, normalized

_SYSTEMS = {"linux": ("posix", "Linux", "linux"), "darwin": ("posix", "Darwin", "darwin")}
_WINDOWS = ("nt", "Windows", "win32")
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}
_OF_EXTRA = re.compile(r"""\bextra\s*==\s*(["'])([^"']+)\1""")
_EITHER = re.compile(r"\bor\b")


def marker_variables(environment: Environment) -> dict[str, str]:
    """Return the variables of PEP 508 for an environment.

    The system's release and version are not recorded, so they are empty.
    """
    python, platform = environment.python, environment.platform
    os_name, system, sys_platform = (
        _WINDOWS
        if platform.system == "windows"
        else _SYSTEMS.get(platform.system, ("posix", platform.system.capitalize(), platform.system))
    )
    return {
        "implementation_name": python.implementation,
        "implementation_version": python.version,
        "os_name": os_name,
        # Windows writes it in capitals, and the record has it in lower case.
        "platform_machine": platform.machine.upper() if os_name == "nt" else platform.machine,
        "platform_python_implementation": _IMPLEMENTATIONS.get(python.implementation, python.implementation),
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_full_version": python.version,
        "python_version": python.minor,
        "sys_platform": sys_platform,
    }


@lru_cache(maxsize=4096)
def extra_of(marker: str) -> str | None:
    """Return the extra that a marker asks for in any case, normalised; None where it may hold without one."""
    match = _OF_EXTRA.search(marker)
    return normalized(match[2]) if match and not _EITHER.search(marker) else None


class Markers:
    """Judges markers for one environment. Each is judged once, and most of them without being parsed."""

    def __init__(self, environment: Environment) -> None:
        self._variables: Mapping[str, str] = marker_variables(environment)
        self._known: dict[tuple[str, str], bool] = {}

    def hold(self, marker: str, extra: str = "") -> bool:
        """Tell whether a marker holds with this extra, normalised; one that cannot be judged does.

        An edge too many makes a package count that need not; one too few would leave out a package that is needed.
        """
        if not marker:
            return True
        asked = extra_of(marker)
        if asked is not None and asked != extra:
            return False
        key = (marker, extra)
        if key not in self._known:
            self._known[key] = self._judged(marker, extra)
        return self._known[key]

    def _judged(self, marker: str, extra: str) -> bool:
        if _OF_EXTRA.fullmatch(marker):
            return True
        # Imported here: most markers ask for an extra and nothing else.
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
        from packaging.version import InvalidVersion

        try:
            return Marker(marker).evaluate({**self._variables, "extra": extra})
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
            return True
