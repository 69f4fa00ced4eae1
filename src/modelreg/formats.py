"""What kind of model a file or a folder is, from its name and its first bytes; nothing is loaded."""

from collections.abc import Sequence
from pathlib import Path

from modelreg.files import SourceFile

_BY_NAME = {
    ".cbm": "catboost",
    ".gguf": "gguf",
    ".h5": "hdf5",
    ".joblib": "joblib",
    ".keras": "keras",
    ".mlmodel": "coreml",
    ".onnx": "onnx",
    ".pmml": "pmml",
    ".safetensors": "safetensors",
    ".skops": "skops",
    ".tflite": "tflite",
    ".ubj": "ubjson",
    ".json": "json",
}
_BY_HEAD = (
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"GGUF", "gguf"),
    (b"\x93NUMPY", "npy"),
    (b"tree\nversion=", "lightgbm"),
    (b'{"learner":', "xgboost"),
)
_BY_MEMBER = (("/data.pkl", "torch"), ("metadata.json", "keras"), ("schema.json", "skops"), (".npy", "npz"))
_SAMPLE = 16
"""Up to how many files of a folder are looked into."""
_IN_FOLDER = (
    ("saved_model.pb", "saved_model"),
    ("saved_model.pbtxt", "saved_model"),
    ("MLmodel", "mlflow"),
    ("adapter_config.json", "peft"),
    ("config.json", "transformers"),
)


def model_format(files: Sequence[SourceFile], layout: str) -> str | None:
    """Name the format of an artifact: `pickle`, `joblib`, `saved_model`, `onnx` …; None where it is not recognised."""
    if layout == "file":
        return _file_format(files[0].location)
    names = {file.path for file in files}
    known = next((kind for name, kind in _IN_FOLDER if name in names), None)
    if known is not None:
        return known
    formats = {_file_format(file.location) for file in files} if len(files) <= _SAMPLE else {None}
    return formats.pop() if len(formats) == 1 else None


def file_formats(files: Sequence[SourceFile]) -> frozenset[str]:
    """Name the formats of single files, those that are recognised."""
    return frozenset(kind for file in files if (kind := _file_format(file.location)))


def _file_format(location: Path) -> str | None:
    with location.open("rb") as file:
        head = file.read(64)
    suffix = location.suffix.lower()
    known = next((kind for start, kind in _BY_HEAD if head.startswith(start)), None)
    if known is not None:
        return known
    if head.startswith(b"PK\x03\x04"):
        return _zip_format(location) or _BY_NAME.get(suffix)
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return "pickle"
    return "pickle" if suffix in (".pkl", ".pickle") else None


def _zip_format(location: Path) -> str | None:
    # Imported here: it brings all compressions along, and most models are none.
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(location) as archive:
            names = archive.namelist()
    except (OSError, BadZipFile):
        return None
    return next((kind for end, kind in _BY_MEMBER if any(name.endswith(end) for name in names)), None)
