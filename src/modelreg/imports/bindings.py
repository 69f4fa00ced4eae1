"""Which names a module's source binds plainly: most are told without parsing, which takes milliseconds."""

import re

_DEFINE = (b"class ", b"def ", b"async def ")
_BLOCKS = (b"if ", b"elif ", b"else:", b"try:", b"except", b"finally:", b"with ")
_INDENTED = b"\n    from "
_FARTHEST = 1000  # lines from the beginning of a block


def binds_plainly(source: bytes, name: str) -> bool:
    """Tell, without parsing, whether the source has a class, a function, an assignment or an import of this name.

    Only what begins at the beginning of a line counts, and an import in a block of the module's own. True is certain
    but for such lines inside a text; False says nothing.
    """
    word = name.encode()
    bound, at = False, source.find(word)
    while at >= 0:
        end = at + len(word)
        head, tail = source[source.rfind(b"\n", 0, at) + 1 : at], source[end : end + 8].lstrip(b" ")
        if b"del" in head and re.search(rb"\bdel\b", head):  # whether it stays deleted, is not seen here
            return False
        is_whole = not _goes_on(source[at - 1 : at]) and not _goes_on(source[end : end + 1])
        bound = bound or (is_whole and _binds(source, at, head, tail))
        at = source.find(word, end)
    return bound


def imports_all(source: bytes) -> bool:
    """Tell whether the source has an `import *` that begins a line."""
    at = source.find(b" import *")
    while at >= 0:
        if source[source.rfind(b"\n", 0, at) + 1 : at].startswith(b"from "):
            return True
        at = source.find(b" import *", at + 1)
    return False


def _binds(source: bytes, at: int, head: bytes, tail: bytes) -> bool:
    if not head:
        return tail[:1] == b"=" != tail[1:2] or _is_imported(source, at, tail)
    return head in _DEFINE or _is_imported(source, at, tail)


def _is_imported(source: bytes, at: int, tail: bytes) -> bool:
    """Tell whether a name stands in `from … import …`, on one line or in parentheses, and is what that binds."""
    start = max(source.rfind(b"\nfrom ", 0, at), source.rfind(_INDENTED, 0, at)) + 1
    first, imports, names = source[start:at].partition(b" import ")
    if not imports or b"\n" in first or tail.startswith(b"as ") or not re.fullmatch(rb"\(?[\w\s,]*", names):
        return False
    if b"\n" in names and not names.startswith(b"("):
        return False
    return first.startswith(b"from ") or (first.startswith(_INDENTED[1:]) and _is_in_block(source, start))


def _is_in_block(source: bytes, start: int) -> bool:
    """Tell whether an indented line belongs to an `if` or the like of the module, not to a function or a class."""
    above = source[:start].splitlines()[:-_FARTHEST:-1]
    return next((line for line in above if line and line[:1] not in b" \t#)"), b"").startswith(_BLOCKS)


def _goes_on(character: bytes) -> bool:
    return character.isalnum() or character == b"_" or character > b"\x7f"
