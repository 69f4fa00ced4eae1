"""Stores: where a registry's bytes lie."""

from pathlib import Path

from modelreg.errors import UsageError
from modelreg.store.protocol import Entry, Store

__all__ = ["Entry", "Store", "open_store"]


def open_store(url: str) -> Store:
    """Return the store at `url`: a folder's path or `file://` URL, `s3://bucket/folder` or `gs://bucket/folder`.

    Raises:
        UsageError: no store has this scheme, or the folder is on no machine or of no user that is known here.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "s3" and separator:
        from modelreg.store.bucket import Address
        from modelreg.store.s3 import S3Store

        return S3Store(Address.parse(url))
    if scheme == "gs" and separator:
        from modelreg.store.bucket import Address
        from modelreg.store.gcs import GCSStore

        return GCSStore(Address.parse(url))
    if separator and scheme != "file":
        raise UsageError(
            f"{url!r}: a registry is a folder, s3://bucket/folder or gs://bucket/folder; "
            f"{scheme}:// is not known to this modelreg"
        )
    from modelreg.store.local import LocalStore

    try:
        return LocalStore(Path(_path_of(url, rest) if separator else url).expanduser().absolute())
    except RuntimeError:  # what pathlib raises for a ~ that it cannot expand
        raise UsageError(f"{url!r}: there is no such user's home; give the folder's whole path") from None


def _path_of(url: str, rest: str) -> str:
    from urllib.parse import unquote

    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise UsageError(f"{url!r}: a file:// URL holds a whole path of this machine, as in file:///srv/registry")
    path = unquote(path)
    return path if path[1:2] == ":" else f"/{path}"  # C:/registry, on Windows
