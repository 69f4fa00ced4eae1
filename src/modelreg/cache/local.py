"""The cache of this machine, as the settings have it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from modelreg.cache.files import FileCache
from modelreg.cache.inventory import Inventory
from modelreg.records import File
from modelreg.settings import cache_folder, cache_size
from modelreg.version import Version


class LocalCache(NamedTuple):
    """The files of the cache, what they belong to, and how many bytes of them there may be."""

    folder: Path
    files: FileCache
    inventory: Inventory
    most: int

    @classmethod
    def open(cls) -> "LocalCache":
        """Return the cache; nothing is made before something is kept.

        Raises:
            UsageError: the settings cannot be read.
        """
        folder, most = cache_folder(), cache_size()
        return cls(folder, FileCache(folder, most), Inventory(folder), most)

    def settle(self, registry: str, version: Version, files: Sequence[File], *, grown: bool) -> None:
        """Note what a version that was pulled has, and keep the cache, if it has grown, within its bound."""
        self.inventory.note(registry, version, files)
        if grown:
            self.inventory.bound(self.most)
