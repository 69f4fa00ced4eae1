"""The file system that an image's layers make when they are laid on each other (OCI image specification, layer.md)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modelreg.image.layer import FILE, FOLDER, HARD_LINK, HIDDEN, LINK, OPAQUE, Entry

_MAX_HOPS = 40  # links on the way to a file, as in Linux


class File(NamedTuple):
    """A file. content: what is kept of it, or None."""

    content: bytes | None = None


class Link(NamedTuple):
    """A symbolic link, as it is written."""

    target: str


class Folder:
    """A folder: what is in it, by name."""

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}


Node = File | Link | Folder

_UNKNOWN = File()


class FileSystem:
    """A tree of files. Paths are absolute, and links are followed within it, never out of it."""

    def __init__(self) -> None:
        self._root = Folder()

    def apply(self, layer: Iterable[Entry]) -> None:
        """Lay a layer on those that are there: first what it hides of them, then what it adds."""
        added = []
        for entry in layer:
            if entry.kind == HIDDEN:
                self._hide(entry.path)
            elif entry.kind == OPAQUE:
                found = self.find(entry.path)
                if isinstance(found, Folder):
                    found.children.clear()
            else:
                added.append(entry)
        made: dict[str, Folder] = {}
        for entry in added:
            self._add(entry, made)

    def find(self, path: str) -> Node | None:
        """Return what is at a path, links followed; None where there is nothing."""
        resolved = self._resolve(path)
        return resolved[1] if resolved else None

    def real(self, path: str) -> str | None:
        """Return a path without links; None where there is nothing."""
        resolved = self._resolve(path)
        return resolved[0] if resolved else None

    def link(self, path: str) -> str | None:
        """Return where the link at a path leads, as it is written; None where there is none."""
        resolved = self._resolve(path, follow=False)
        return resolved[1].target if resolved and isinstance(resolved[1], Link) else None

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, sorted; empty where there is none."""
        found = self.find(path)
        return sorted(found.children) if isinstance(found, Folder) else []

    def read(self, path: str) -> bytes | None:
        """Return what is kept of a file; None where nothing is."""
        found = self.find(path)
        return found.content if isinstance(found, File) else None

    def is_folder(self, path: str) -> bool:
        """Tell whether a path leads to a folder."""
        return isinstance(self.find(path), Folder)

    def folders(self) -> Iterator[tuple[str, Folder]]:
        """Yield every folder with its path; links are not followed."""
        waiting: list[tuple[str, Folder]] = [("", self._root)]
        while waiting:
            path, folder = waiting.pop()
            yield path or "/", folder
            waiting += [(f"{path}/{name}", node) for name, node in folder.children.items() if isinstance(node, Folder)]

    def _hide(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        folder = self.find(parent)
        if isinstance(folder, Folder):
            folder.children.pop(name, None)

    def _add(self, entry: Entry, made: dict[str, Folder]) -> None:
        """Add what an entry says. made: the folders met so far, by path; a layer comes folder by folder."""
        parent, _, name = entry.path.rpartition("/")
        folder = made.get(parent) or self._made(parent)
        if folder is None:
            return
        made[parent] = folder
        there = folder.children.get(name)
        if isinstance(there, Link) or (isinstance(there, Folder) and entry.kind != FOLDER):
            made.clear()  # some of those paths lead elsewhere from now on
        if entry.kind == FOLDER:
            if not isinstance(there, Folder):
                folder.children[name] = Folder()
        elif entry.kind == LINK:
            folder.children[name] = Link(entry.data or "")
        elif entry.kind == HARD_LINK:
            other = self._resolve(entry.data or "", follow=False)
            folder.children[name] = other[1] if other and not isinstance(other[1], Folder) else _UNKNOWN
        elif entry.kind == FILE:
            folder.children[name] = _UNKNOWN if entry.data is None else File(entry.data.encode("latin-1"))

    def _made(self, path: str) -> Folder | None:
        """Return the folder at a path, made where it is missing; None where links lead nowhere."""
        here = ""
        for part in filter(None, path.split("/")):
            parent = self.find(here)
            if not isinstance(parent, Folder):
                return None
            node = parent.children.get(part)
            if node is None or isinstance(node, File):
                parent.children[part] = Folder()
            here = self.real(f"{here}/{part}") or ""
            if not here:
                return None
        found = self.find(here)
        return found if isinstance(found, Folder) else None

    def _resolve(self, path: str, *, follow: bool = True) -> tuple[str, Node] | None:
        """Return a path without links, and what is there. follow: the last part, too."""
        waiting = _parts(path)
        names: list[str] = []
        nodes: list[Node] = [self._root]
        hops = 0
        while waiting:
            name = waiting.pop()
            if name == "..":
                if names:
                    names.pop()
                    nodes.pop()
                continue
            here = nodes[-1]
            node = here.children.get(name) if isinstance(here, Folder) else None
            if node is None:
                return None
            if isinstance(node, Link) and (waiting or follow):
                hops += 1
                if hops > _MAX_HOPS:
                    return None
                if node.target.startswith("/"):
                    names, nodes = [], [self._root]
                waiting += _parts(node.target)
                continue
            names.append(name)
            nodes.append(node)
        return "/" + "/".join(names), nodes[-1]


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
