"""Tell what is installed for the interpreter that runs this file, and nothing else.

It runs in interpreters that do not have modelreg, so it needs only the standard library of CPython 3.8, and it imports
as little as it can: what it imports, it pays for in every capture, and a file of the environment may shadow it. It
imports no installed package and parses nothing that can be parsed outside. `run_probe.py` is the script.
"""

import os
import sys


def facts(paths, whole=False, names=None):
    """Return what the interpreter says of itself, and the distributions on `paths`.

    whole: also what each needs, the tags of its wheel and the digest of its RECORD, which takes three times as long.
    names: as in `distributions`.
    """
    paths = _places(paths)
    return {
        "python": _python_version(),
        "implementation": sys.implementation.name,
        "soabi": _soabi(),
        "system": "windows" if os.name == "nt" else sys.platform.rstrip("0123456789"),
        "machine": _machine(),
        "libc": _libc(),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "paths": _paths(paths),
        "search": [os.path.abspath(entry) for entry in paths],
        "distributions": distributions(paths, whole, names),
    }


def _places(paths):
    """Leave out what imports pass over: what is no text, and, where the working directory is gone, what lies in it."""
    paths = [entry for entry in paths if isinstance(entry, str)]
    try:
        os.getcwd()
    except OSError:
        return [entry for entry in paths if os.path.isabs(entry)]
    return paths


def distributions(paths, whole=False, names=None):
    """Return every distribution on `paths`, in the order in which importlib.metadata and pip would find them.

    Those that cannot be read are returned with an `error`; a later one of the same name is the caller's to judge.
    names: only those whose file's name begins with one of these, normalised (PEP 503).
    """
    read = _whole if whole else _distribution
    found = []
    seen = set()
    for entry in _places(paths):
        folder = os.path.realpath(entry)
        if folder in seen:
            continue
        seen.add(folder)
        try:
            files = os.listdir(folder)
        except NotADirectoryError:
            found.append({"folder": folder, "file": os.path.basename(folder), "zip": True})
            continue
        except OSError:
            continue  # it does not exist, or imports cannot see into it either
        for name in files:
            if name.endswith((".dist-info", ".egg-info")) or (name == "EGG-INFO" and folder.endswith(".egg")):
                if names is None or _named(os.path.basename(folder) if name == "EGG-INFO" else name) in names:
                    found.append(read(folder, name))
            elif name.endswith(".egg-link"):
                target = (_text(folder + os.sep + name) or "").split("\n", 1)[0].strip()
                found.append({"file": name, "target": os.path.realpath(os.path.join(folder, target)) if target else ""})
    return found


def _named(file):
    """Return the normalised name with which the name of a distribution's file begins."""
    name = file.partition("-")[0] if "-" in file.rpartition(".")[0] else file.rpartition(".")[0]
    if not name.isalnum():
        name = "-".join([part for part in name.replace("_", "-").replace(".", "-").split("-") if part])
    return name.lower()


def _distribution(folder, name, requires=None):
    path = folder + os.sep + name
    dist = {"folder": folder, "file": os.path.basename(folder) if name == "EGG-INFO" else name}
    if name.endswith(".egg-info") and os.path.isfile(path):
        metadata = path
    else:
        metadata = path + os.sep + ("METADATA" if name.endswith(".dist-info") else "PKG-INFO")
        for key, file in (("installer", "INSTALLER"), ("direct_url", "direct_url.json")):
            text = _text(path + os.sep + file)
            if text is not None:
                dist[key] = text
    try:
        _read_headers(metadata, dist, requires)
    except OSError as error:
        dist["error"] = error.strerror or "it cannot be read"
    return dist


def _whole(folder, name):
    dist = _distribution(folder, name, [])
    info = folder + os.sep + name
    if name.endswith(".dist-info"):
        dist["requested"] = os.path.exists(info + os.sep + "REQUESTED")
        wheel = _text(info + os.sep + "WHEEL") or ""
        dist["tags"] = [line[5:].strip() for line in wheel.split("\n") if line.startswith("Tag: ")]
        try:
            dist["record"] = record_digest(_bytes(info + os.sep + "RECORD"))
        except OSError:
            dist["record"] = None
    elif name != "EGG-INFO":
        dist["requires_txt"] = _text(info + os.sep + "requires.txt")
    return dist


def record_digest(record: bytes) -> "str | None":
    """Return the digest of what a package installed, from the bytes of its RECORD; None where that has no digests.

    docs/format.md describes it under "The record digest".
    """
    lines = record_lines(record)
    return _sha256(lines) if lines else None


def record_lines(record: bytes) -> bytes:
    """Return what the record digest is the digest of."""
    if b'"' in record:
        return record_lines(b"\n".join(_unquoted(record)))
    # As text of one character a byte it is taken apart in half the time, and sorted alike.
    lines = record.decode("latin-1").split("\n")
    kept = [
        entry + "\n"
        for entry in [line.strip(_BLANKS).rpartition(",")[0] for line in lines]
        if "," in entry
        and entry[-1] != ","
        and not entry.startswith(("../", "/"))
        and not ((".pyc," in entry or ".dist-info/" in entry) and _is_made_here(entry))
    ]
    kept.sort()
    return "".join(kept).encode("latin-1")


def _is_made_here(entry):
    """Tell whether a line of a RECORD is of bytecode, or of what an installer writes into the metadata's folder."""
    path = entry.rpartition(",")[0]
    folder, _, file = path.partition("/")
    is_an_installers = folder.endswith(".dist-info") and (file in _INSTALLERS or file.startswith("uv_"))
    return is_an_installers or path.endswith(".pyc")


_INSTALLERS = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
_BLANKS = " \t\r\x0b\x0c"


def _unquoted(record):
    """Yield the lines of a RECORD in which some path is quoted, as CSV does with what holds a comma, without quotes."""
    from csv import reader

    for row in reader(record.decode("utf-8", "surrogateescape").splitlines()):
        yield ",".join(row).replace('"', "'").encode("utf-8", "surrogateescape")


def _sha256(data):
    try:
        from _hashlib import openssl_sha256 as sha256
    except ImportError:
        from hashlib import sha256
    return sha256(data).hexdigest()


def _read_headers(path, dist, requires):
    head = _start(path)
    if requires is None and _read_plain(head, dist):
        return
    lines = head if len(head) < _STARTS else _headers(path)
    lines = lines.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    try:
        text = lines.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError:
        text = lines.decode("latin-1")
        dist["latin1"] = True
    for line in text.split("\n"):
        key, _, value = line.partition(":")
        key = key.lower()
        if key in ("name", "version") and key not in dist:
            dist[key] = value.strip()
        elif key == "requires-dist" and requires is not None:
            requires.append(value.strip())
    if requires is not None:
        dist["requires"] = requires


def _read_plain(head, dist):
    """Read name and version where they stand as almost all tools write them, which takes a third of the time."""
    end = head.find(b"\n\n")
    lines = head[: head.rfind(b"\n") if end < 0 else end] + b"\n"  # the last one may have been cut in the middle
    name, version = lines.find(b"\nName:"), lines.find(b"\nVersion:")
    if name < 0 or version < 0 or b"\r" in lines or not lines.isascii():
        return False
    dist["name"] = lines[name + 6 : lines.find(b"\n", name + 1)].decode("ascii").strip()
    dist["version"] = lines[version + 9 : lines.find(b"\n", version + 1)].decode("ascii").strip()
    return True


def _headers(path):
    """Read until the headers have ended, which is long before the description does."""
    data = b""
    with open(path, "rb", 0) as file:
        while len(data) < 1 << 20 and b"\n\n" not in data and b"\r\n\r\n" not in data:
            piece = file.read(8192)
            if not piece:
                break
            data += piece
    return data


_STARTS = 1024
"""Bytes of a file that are read at first; asking for a megabyte at once takes longer than all else here."""


def _start(path):
    """Return how a file begins; a file object would take as long to make as the file takes to read."""
    file = os.open(path, _READ)
    try:
        return os.read(file, _STARTS)
    finally:
        os.close(file)


_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def _bytes(path):
    with open(path, "rb", 0) as file:
        return file.read()


def _text(path):
    """Return what a small file holds; nothing where it cannot be read, None where it does not exist."""
    try:
        data = _start(path)
        if len(data) == _STARTS:
            with open(path, "rb", 0) as file:
                data = file.read(1 << 20)
        return data.decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""


def _python_version():
    version = sys.version_info
    text = ".".join(str(part) for part in version[:3])
    if version.releaselevel == "final":
        return text
    return text + {"alpha": "a", "beta": "b", "candidate": "rc"}[version.releaselevel] + str(version.serial)


def _soabi():
    import _imp

    suffixes = [suffix for suffix in _imp.extension_suffixes() if "abi3" not in suffix]
    return suffixes[0].strip(".").rsplit(".", 1)[0] if suffixes and suffixes[0].count(".") > 1 else None


def _machine():
    if hasattr(os, "uname"):
        return os.uname().machine.lower()
    return os.environ.get("PROCESSOR_ARCHITEW6432", os.environ.get("PROCESSOR_ARCHITECTURE", "")).lower()


def _libc():
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):
        return ["musl", None] if sys.platform == "linux" and _is_musl() else None
    return [name, version]


def _is_musl():
    try:
        # Pythons before 3.10 were built for musl with a tag that says gnu, so the loader is looked for, too.
        return "musl" in (_soabi() or "") or any(name.startswith("ld-musl-") for name in os.listdir("/lib"))
    except OSError:
        return False


def _paths(paths):
    """Name what added to `sys.path` beside the interpreter itself and its own folder of packages."""
    site = sys.modules.get("site")
    added = []
    known = {os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    if known and not sys.flags.ignore_environment:
        added.append("pythonpath")
    users = getattr(site, "USER_SITE", None)
    if getattr(site, "ENABLE_USER_SITE", False) and users in sys.path:
        added.append("user-site")
        known.add(os.path.realpath(users))
    folders = {os.path.realpath(entry) for entry in paths if os.path.isdir(entry)} - known
    own, below = os.path.realpath(sys.prefix) + os.sep, os.path.realpath(sys.base_prefix) + os.sep
    packages = {folder for folder in folders if folder.endswith(("site-packages", "dist-packages"))}
    if own != below and not all(folder.startswith(own) for folder in packages):
        added.append("system-site")
    library = os.path.realpath(os.path.dirname(os.__file__))
    usual = {library, os.path.join(library, "lib-dynload"), own[:-1], below[:-1], below + "DLLs"}
    if folders - packages - usual:
        added.append("pth")
    return added


def _json(value):
    """Encode what `facts` returns; importing json itself would take longer than all the rest."""
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:
        from json import dumps as quoted

    def encoded(value):
        if isinstance(value, dict):
            return "{" + ",".join([quoted(key) + ":" + encoded(item) for key, item in value.items()]) + "}"
        if isinstance(value, list):
            return "[" + ",".join([encoded(item) for item in value]) + "]"
        return quoted(value) if isinstance(value, str) else {True: "true", False: "false", None: "null"}[value]

    return encoded(value)


def answer(word, whole):
    """Print a word and `facts` as one JSON document, as run in a script of this file's folder.

    It is written past sys.stdout, which the environment's start-up files may have replaced, or given another encoding.
    """
    # Python puts the script's own folder first, where it does so at all; a server's interpreter would not see it.
    here = os.path.dirname(os.path.realpath(__file__))
    paths = sys.path[1:] if sys.path and os.path.realpath(sys.path[0]) == here else sys.path
    document = ("\n" + word + _json(facts(paths, whole)) + "\n").encode("ascii")
    while document:
        document = document[os.write(1, document) :]
