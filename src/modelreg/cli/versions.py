"""Opening a registry and finding a version in it; where its bucket cannot be reached, as this machine last saw it."""

from modelreg.cli.output import say_seen, warn
from modelreg.errors import NotFoundError, NotKeptError, UnreachableError
from modelreg.registry import Registry
from modelreg.version import Version


def open_version(
    url: str | None, reference: str, at: str | None = None, *, cache: bool = True, quiet: bool = False
) -> tuple[Registry, Version]:
    """Return a registry and the version in it that a reference names; tell where the answer is as it was last seen.

    A version by its number or digest never changes, so it is looked for in the cache where the bucket cannot be
    reached. Where an alias points by now only the bucket can tell.

    Raises:
        UnreachableError: the bucket cannot be reached, and the cache does not do instead.
        UsageError, NotFoundError: as `Registry.resolve`.
    """
    registry = Registry.open(url, cache=cache)
    try:
        version = registry.resolve(reference, at=at)
    except UnreachableError as error:
        if not cache:
            raise
        registry, version = _last_seen(url, reference, error)
        warn(str(error))
    if not quiet:
        say_seen(registry.last_seen, reference)
    return registry, version


def _last_seen(url: str | None, reference: str, error: UnreachableError) -> tuple[Registry, Version]:
    from modelreg.reference import Reference

    parsed = Reference.parse(reference)
    if parsed.version is None and parsed.digest is None:
        raise UnreachableError(
            f"{error}; {reference} may be another version by now: name one by its number, or set MODELREG_OFFLINE=1 "
            "to take the one it was when last seen"
        )
    registry = Registry.open(url, offline=True)
    try:
        return registry, registry.resolve(parsed)
    except NotFoundError as lacking:  # it may be there by now
        raise UnreachableError(f"{error}; when last seen, {lacking}") from None
    except NotKeptError:
        raise UnreachableError(f"{error}; the cache of this machine does not hold {reference} either") from None
