"""modelreg: a model registry without a server.

from modelreg import Registry

registry = Registry.open()
registered = registry.register("model.pkl", "fraud")
registry.pull("fraud:3", "serving/model")
registry.verify_env("fraud:3").fits
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # not typing's, which takes as long to import as Python takes to start

if TYPE_CHECKING:
    from modelreg.environment.capture import Capture as Capture
    from modelreg.environment.capture import capture as capture
    from modelreg.environment.compare import Comparison as Comparison
    from modelreg.environment.finding import Finding as Finding
    from modelreg.environment.finding import Role as Role
    from modelreg.environment.finding import Severity as Severity
    from modelreg.environment.interpreter import Interpreter as Interpreter
    from modelreg.environment.interpreter import find_interpreter as find_interpreter
    from modelreg.environment.policy import Policy as Policy
    from modelreg.environment.policy import Waiver as Waiver
    from modelreg.environment.record import Environment as Environment
    from modelreg.environment.record import Origin as Origin
    from modelreg.environment.record import Package as Package
    from modelreg.environment.record import Platform as Platform
    from modelreg.environment.record import Python as Python
    from modelreg.errors import AccessDeniedError as AccessDeniedError
    from modelreg.errors import ConflictError as ConflictError
    from modelreg.errors import EnvironmentMismatchError as EnvironmentMismatchError
    from modelreg.errors import EnvironmentUnreadableError as EnvironmentUnreadableError
    from modelreg.errors import ImageBuildError as ImageBuildError
    from modelreg.errors import ImageRegistryError as ImageRegistryError
    from modelreg.errors import IntegrityError as IntegrityError
    from modelreg.errors import ModelregError as ModelregError
    from modelreg.errors import NotFoundError as NotFoundError
    from modelreg.errors import PackageIndexError as PackageIndexError
    from modelreg.errors import StoreError as StoreError
    from modelreg.errors import UnsafePathError as UnsafePathError
    from modelreg.errors import UsageError as UsageError
    from modelreg.events import ImageNote as ImageNote
    from modelreg.export import Exported as Exported
    from modelreg.image.capture import capture_image as capture_image
    from modelreg.image.opening import Image as Image
    from modelreg.image.opening import open_image as open_image
    from modelreg.install.rebuild import Rebuilt as Rebuilt
    from modelreg.manifest import Manifest as Manifest
    from modelreg.progress import Progress as Progress
    from modelreg.reference import Reference as Reference
    from modelreg.registry import Registry as Registry
    from modelreg.registry.build import Order as Order
    from modelreg.registry.image import Attached as Attached
    from modelreg.registry.pull import Pulled as Pulled
    from modelreg.registry.register import Registered as Registered
    from modelreg.registry.startup import verify_env as verify_env
    from modelreg.registry.verify import EnvironmentReport as EnvironmentReport
    from modelreg.version import Model as Model
    from modelreg.version import Version as Version

_HOMES = {
    "modelreg.environment.capture": ("Capture", "capture"),
    "modelreg.environment.interpreter": ("Interpreter", "find_interpreter"),
    "modelreg.environment.compare": ("Comparison",),
    "modelreg.environment.finding": ("Finding", "Role", "Severity"),
    "modelreg.environment.policy": ("Policy", "Waiver"),
    "modelreg.install.rebuild": ("Rebuilt",),
    "modelreg.environment.record": ("Environment", "Origin", "Package", "Platform", "Python"),
    "modelreg.errors": (
        "AccessDeniedError",
        "ConflictError",
        "EnvironmentMismatchError",
        "EnvironmentUnreadableError",
        "ImageBuildError",
        "ImageRegistryError",
        "IntegrityError",
        "ModelregError",
        "NotFoundError",
        "PackageIndexError",
        "StoreError",
        "UnsafePathError",
        "UsageError",
    ),
    "modelreg.events": ("ImageNote",),
    "modelreg.image.capture": ("capture_image",),
    "modelreg.image.opening": ("Image", "open_image"),
    "modelreg.export": ("Exported",),
    "modelreg.manifest": ("Manifest",),
    "modelreg.progress": ("Progress",),
    "modelreg.reference": ("Reference",),
    "modelreg.registry": ("Registry",),
    "modelreg.registry.build": ("Order",),
    "modelreg.registry.image": ("Attached",),
    "modelreg.registry.pull": ("Pulled",),
    "modelreg.registry.register": ("Registered",),
    "modelreg.registry.startup": ("verify_env",),
    "modelreg.registry.verify": ("EnvironmentReport",),
    "modelreg.version": ("Model", "Version"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604  # all of them are names


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `modelreg --version` needs none of them."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'modelreg' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME_OF[name]), name)
