"""Tell what is installed for the interpreter that runs this file, and nothing else.

It runs in interpreters that do not have modelreg, so it needs only the standard library of CPython 3.8, and it
imports as
little as it can: what it imports, it pays for in every capture. It imports no installed package and parses nothing that
can be parsed outside. Run as a script, it prints the word it is given and then one JSON document.
"""

import os
import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # this file's own folder: a server's interpreter would not see it


def facts():
    """Return what the interpreter says of itself."""
    return {
        "python": _python_version(),
        "implementation": sys.implementation.name,
        "soabi": _soabi(),
        "system": "windows" if os.name == "nt" else sys.platform.rstrip("0123456789"),
        "machine": _machine(),
        "libc": _libc(),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "pythonpath": bool(os.environ.get("PYTHONPATH")) and not sys.flags.ignore_environment,
        "distributions": distributions(sys.path),
    }


def distributions(paths):
    """Return every distribution on `paths`, in the order in which imports would find them.

    Those that cannot be read are returned with an `error`; a later one of the same name is the caller's to judge.
    """
    found = []
    seen = set()
    for entry in paths:
        folder = os.path.realpath(entry)
        if folder in seen:
            continue
        seen.add(folder)
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # a zip file, or a folder that does not exist: nothing pip would list
        for name in names:
            if name.endswith((".dist-info", ".egg-info")) and name[0] != "~":
                found.append(_distribution(folder, name))
            elif name.endswith(".egg-link"):
                target = (_text(os.path.join(folder, name)) or "").split("\n")[0].strip()
                found.append({"folder": folder, "file": name, "target": os.path.realpath(target)})
    return found


def _distribution(folder, name):
    path = os.path.join(folder, name)
    dist = {"folder": folder, "file": name}
    if name.endswith(".egg-info") and os.path.isfile(path):
        metadata = path
    else:
        metadata = os.path.join(path, "METADATA" if name.endswith(".dist-info") else "PKG-INFO")
        for key, file in (("installer", "INSTALLER"), ("direct_url", "direct_url.json")):
            text = _text(os.path.join(path, file))
            if text:
                dist[key] = text
    try:
        _read_headers(metadata, dist)
    except OSError as error:
        dist["error"] = error.strerror or "cannot be read"
    return dist


def _read_headers(path, dist):
    with open(path, "rb") as file:
        head = file.read(1024)
        if b"\nVersion:" not in head or b"\nName:" not in head:
            head += file.read(1 << 20)
    head = head.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
        dist["latin1"] = True
    for line in text.split("\n"):
        for key in ("Name", "Version"):
            if line.startswith(key + ":") and key.lower() not in dist:
                dist[key.lower()] = line[len(key) + 1 :].strip()


def _text(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").strip()
    except OSError:
        return None


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
        return ["musl", None] if "musl" in (_soabi() or "") else None
    return [name, version]


if __name__ == "__main__":
    import json

    sys.stdout.write("\n" + sys.argv[1] + json.dumps(facts()) + "\n")
