"""Stores: where a registry's bytes lie."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelreg.errors import UsageError
from modelreg.store.protocol import Copier, Entry, Fetcher, Store

__all__ = ["Copier", "Entry", "Fetcher", "SettingsOf", "Store", "open_store"]


SettingsOf = Callable[[str, Mapping[str, type]], dict[str, Any]]
"""Tells what is set for a bucket's URL, of the settings that its store knows and their types."""


def open_store(url: str, settings_of: SettingsOf = lambda _url, _known: {}) -> Store:
    """Return the store at `url`: a folder's path or `file://` URL, `s3://bucket/folder` or `gs://bucket/folder`.

    Raises:
        UsageError: no store has this scheme, a bucket's settings are wrong, or the folder is on no machine or of no
            user that is known here.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("s3", "gs"):
        return _open_bucket(url, scheme, settings_of)
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


def _open_bucket(url: str, scheme: str, settings_of: SettingsOf) -> Store:
    from modelreg.store.bucket import Address
    from modelreg.store.settings import GCSSettings, S3Settings, kinds

    address = Address.parse(url)
    if scheme == "s3":
        from modelreg.store.s3 import S3Store

        return S3Store(address, S3Settings(**settings_of(address.url, kinds(S3Settings))))
    from modelreg.store.gcs import GCSStore

    return GCSStore(address, GCSSettings(**settings_of(address.url, kinds(GCSSettings))))


def _path_of(url: str, rest: str) -> str:
    from urllib.parse import unquote

    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise UsageError(f"{url!r}: a file:// URL holds a whole path of this machine, as in file:///srv/registry")
    path = unquote(path)
    return path if path[1:2] == ":" else f"/{path}"  # C:/registry, on Windows
