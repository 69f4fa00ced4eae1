"""Everything modelreg refuses, and the exit code of each.

The message is one sentence for a person and says what to do next.
"""

from typing import ClassVar


class ModelregError(Exception):
    """The root of all errors that modelreg raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(ModelregError):
    """What was asked for makes no sense: a malformed name, reference or value, or nothing to do."""

    exit_code = 2


class EnvironmentMismatchError(ModelregError):
    """The environment does not fit the manifest, or could not be checked, exported or made in full."""

    exit_code = 3


class NotFoundError(ModelregError):
    """There is no such model, version, alias, file or interpreter."""

    exit_code = 4


class EnvironmentUnreadableError(ModelregError):
    """An interpreter is there, but what is installed for it cannot be read."""

    exit_code = 4


class ConflictError(ModelregError):
    """Somebody or something else is there already, or changed meanwhile."""

    exit_code = 5


class IntegrityError(ModelregError):
    """Bytes are not what they should be: a digest, a record, a path."""

    exit_code = 6


class UnsafePathError(IntegrityError):
    """A file name that cannot be stored, or written back, safely on every system."""


class AccessDeniedError(ModelregError):
    """The system or the store does not let us."""

    exit_code = 7


class StoreError(ModelregError):
    """The store cannot be reached, is full, or cannot be trusted."""

    exit_code = 8


class UnreachableError(StoreError):
    """A bucket does not answer at all: there is no network, or nobody is there."""


class NotKeptError(StoreError):
    """Nothing may be asked, and the cache does not hold it."""


class ImageBuildError(ModelregError):
    """An engine could not build an image."""


class ImageRegistryError(ModelregError):
    """An image registry cannot be reached, or answers with what it should not."""

    exit_code = 8


class PackageIndexError(ModelregError):
    """A package index cannot be reached, or what it serves cannot be installed."""

    exit_code = 8


class KeyExistsError(StoreError):
    """The key to be created is taken. Raised by stores; the protocol settles what it means."""


class KeyAbsentError(StoreError):
    """Nothing lies at the key. Raised by stores; the caller knows what it means."""
