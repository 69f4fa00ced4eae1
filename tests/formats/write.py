"""Write the fixture of storage format 1, by docs/format.md alone: no line of modelreg is used.

It was run once. The fixture stays as the first release wrote it, for every later one to read.
Usage: python tests/formats/write.py FOLDER
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(sys.argv[1])
LINUX = {"system": "linux", "machine": "x86_64", "libc": "glibc", "libc_version": "2.36"}
PYTHON = {"version": "3.11.7", "implementation": "cpython", "soabi": "cpython-311-x86_64-linux-gnu"}


def canonical(record: dict[str, object]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(key: str, data: bytes) -> None:
    path = ROOT / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)


def op(number: int) -> str:
    return sha256(b"operation %d" % number)[:32]


def write_sealed(key: str, kind: str, number: int, **body: object) -> None:
    """Write a record that is not content-addressed, of the `number`-th operation, one a day."""
    record = {
        "format": 1,
        "kind": kind,
        "op": op(number),
        "created": f"2026-11-{number:02}T10:00:00Z",
        "created_by": "anna" if number % 2 else "ben",
        **body,
    }
    write(key, canonical({**record, "check": sha256(canonical(record))}))


def write_environment(model: str, *packages: Mapping[str, object], **more: object) -> dict[str, object]:
    record = {"format": 1, "kind": "environment", "python": PYTHON, "platform": LINUX, "packages": packages, **more}
    data = canonical(record)
    write(f"models/{model}/environments/{sha256(data)}.json", data)
    return {"digest": f"sha256:{sha256(data)}", "python": PYTHON["version"], "packages": len(packages)}


def write_artifact(
    model: str, number: int, layout: str, kind: str, files: dict[str, bytes], *, collected: bool = False
) -> dict[str, object]:
    upload = f"202611{number:02}T095900Z-{op(number)}"
    listed = [{"path": path, "size": len(data), "sha256": sha256(data)} for path, data in sorted(files.items())]
    size = sum(len(data) for data in files.values())
    tree = canonical({"format": 1, "kind": "tree", "files": listed})
    write(f"models/{model}/trees/{size}-{sha256(tree)}.json", tree)
    if not collected:
        for path, data in files.items():
            write(f"models/{model}/artifacts/{upload}/{path}", data)
    digest = f"sha256:{sha256(tree)}"
    return {
        "upload": upload,
        "digest": digest,
        "size": size,
        "files": len(files),
        "layout": layout,
        "format": kind,
    }


def write_version(
    model: str, version: int, number: int, artifact: dict[str, object], environment: dict[str, object], **more: object
) -> None:
    body = {
        "capture": {"tool": "modelreg 0.1.0", "interpreter": "venv", "remarks": []},
        "description": "",
        "tags": {},
        "params": {},
        "metrics": {},
        **more,
    }
    key = f"models/{model}/versions/{version:08}.json"
    write_sealed(
        key, "version", number, model=model, version=version, artifact=artifact, environment=environment, **body
    )


def write_fraud() -> None:
    numpy = {"name": "numpy", "version": "2.1.0"}
    scikit: dict[str, object] = {"name": "scikit-learn", "version": "1.5.2"}
    commit = {"kind": "vcs", "url": "https://example.org/ours", "vcs": "git", "commit": "c" * 40}
    ours = {"name": "ours", "version": "0.3", "raw_name": "Ours", "origin": commit, "requires": ["numpy"]}
    scikit |= {"requires": ["numpy>=1.19"], "record": "d" * 64, "installer": "pip", "requested": True}
    scikit |= {"tags": ["cp311-cp311-manylinux_2_17_x86_64"]}
    openblas = {"name": "libopenblas", "version": "0.3.28", "build": "h3_1", "channel": "conda-forge"}
    old = write_environment("fraud", {"name": "numpy", "version": "2.0.0"}, scikit)
    new = write_environment("fraud", numpy, ours, scikit, conda=[openblas], future={"cuda": "12.1"})

    pickled = write_artifact("fraud", 1, "file", "pickle", {"model.pkl": b"\x80\x05}."})
    saved = {"saved_model.pb": b"graph" * 200, "variables/variables.data": bytes(range(256)), "assets/empty.txt": b""}
    folder = write_artifact("fraud", 3, "folder", "saved_model", saved)
    gone = write_artifact("fraud", 6, "file", "pickle", {"model.pkl": b"\x80\x05]."}, collected=True)
    source = {"commit": "a" * 40, "branch": "main", "dirty": True, "remote": "https://example.org/fraud.git"}
    write_version("fraud", 1, 1, pickled, old, description="Die größte bisher", tags={"team": "risk"}, source=source)
    write_version("fraud", 2, 2, pickled, new, metrics={"auc": "0.93", "rows": "1000"}, params={"depth": "7"})
    serve = {"roots": ["scikit-learn", "fastapi"], "packages": ["scikit-learn"], "declared": ["fastapi==0.115.0"]}
    parts = {
        "roles": {"load_critical": ["numpy", "scikit-learn"], "tooling": [], "future": "serve"},
        "groups": {"base": {"roots": [], "packages": ["numpy"]}, "serve": serve},
        "unheard_of": [1, None, True],
    }
    write_version("fraud", 3, 3, folder, new, **parts)
    write_version("fraud", 4, 4, write_artifact("fraud", 4, "file", "onnx", {"model.onnx": b"onnx"}), new)
    write_version("fraud", 5, 5, write_artifact("fraud", 5, "file", "joblib", {"model.joblib": b"joblib"}), new)
    write_version("fraud", 6, 6, gone, new)

    def alias(name: str, move: int, number: int, version: int | None, **more: object) -> None:
        key = f"models/fraud/aliases/{name}/{move:08}.json"
        write_sealed(key, "alias", number, model="fraud", alias=name, version=version, why="drift", **more)

    alias("production", 1, 7, 3)
    alias("production", 2, 8, 2, rollback=True, approved_by="carol")
    alias("retired", 1, 9, 1)
    alias("retired", 2, 10, None)

    def deletion(version: int, step: int, number: int, state: str) -> None:
        key = f"models/fraud/deletions/{version:08}/{step:08}.json"
        write_sealed(key, "deletion", number, model="fraud", version=version, state=state, why="a mistake")

    deletion(4, 1, 11, "deleted")
    deletion(5, 1, 12, "deleted")
    deletion(5, 2, 13, "restoring")
    deletion(5, 3, 14, "restored")
    deletion(6, 1, 15, "deleted")

    fact = {"tags": {"reviewed": "yes"}, "metrics": {"auc": "0.94"}, "description": "The one that ships"}
    images = {"serve": {"reference": f"example.org/fraud@sha256:{'0' * 64}", "platform": "linux/amd64"}}
    key = "models/fraud/annotations/00000002/00000001.json"
    write_sealed(key, "annotation", 16, model="fraud", version=2, **fact, remove_tags=["draft"], images=images)

    def collection(collection: int, number: int, considered: list[object], planned: list[object]) -> None:
        for kind, artifacts in (("candidates", considered), ("plan", planned)):
            key = f"models/fraud/collections/{collection:08}/{kind}.json"
            write_sealed(key, kind, number, model="fraud", artifacts=artifacts)

    collection(1, 17, [pickled["upload"]], [])
    collection(2, 18, [gone["upload"]], [gone["upload"]])

    write_sealed("models/fraud/signatures/00000001/00000001.json", "signature", 19, model="fraud", version=1)
    write_sealed("models/fraud/future/00000001.json", "future", 20, model="fraud", what=["nobody", "knows"])


def write_churn() -> None:
    environment = write_environment("churn", {"name": "joblib", "version": "1.5.1"})
    artifact = write_artifact("churn", 21, "file", "onnx", {"churn.onnx": b"\x08\x07onnx"})
    write_version("churn", 1, 21, artifact, environment)


write_sealed("modelreg.json", "registry", 1)
write_fraud()
write_churn()
