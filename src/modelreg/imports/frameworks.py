"""Which packages read which format, where a file does not import them by itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping

DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "keras": ("keras", "keras-nightly", "tf-keras"),
    "llama-cpp-python": ("llama-cpp-python", "gguf", "ctransformers"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    "pmml": ("pypmml", "sklearn-pmml-model"),
    "tensorflow": (
        *("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel"),
        *("tensorflow-macos", "tensorflow-rocm", "tf-nightly"),
    ),
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "torch": ("torch", "torch-cpu"),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
"""The packages that a framework comes as; one that is not here has the framework's name."""

_READERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "catboost": (("catboost",),),
    "coreml": (("coremltools",),),
    "gguf": (("llama-cpp-python",),),
    "hdf5": (("keras", "tensorflow"), ("h5py",)),
    "joblib": (("joblib",),),
    "keras": (("keras", "tensorflow"), ("tensorflow", "jax", "torch")),
    "lightgbm": (("lightgbm",),),
    "npy": (("numpy",),),
    "npz": (("numpy",),),
    "onnx": (("onnxruntime",),),
    "peft": (("peft",), ("torch",)),
    "pmml": (("pmml",),),
    "safetensors": (("safetensors",), ("torch", "tensorflow", "jax", "numpy")),
    "saved_model": (("tensorflow",),),
    "skops": (("skops",),),
    "tflite": (("tflite", "tensorflow"),),
    "torch": (("torch",),),
    "transformers": (("transformers",), ("torch", "tensorflow", "jax")),
    "ubjson": (("xgboost",),),
    "xgboost": (("xgboost",),),
}
"""By format, what reading it takes: of each tuple, the first framework that is installed."""


ADAPTERS: Mapping[str, str] = {"xgboost.sklearn": "scikit-learn"}
"""By module, the package that it adapts its own to, and that it needs without saying so."""


def readers(forms: Iterable[str], installed: Collection[str]) -> frozenset[str] | None:
    """Return the installed packages that read formats; None where what one of them takes first is not installed."""
    found: set[str] = set()
    for form in forms:
        for place, frameworks in enumerate(_READERS.get(form, ())):
            reading = next((names for framework in frameworks if (names := [*installed_as(framework, installed)])), [])
            if not reading and place == 0:
                return None
            found.update(reading)
    return frozenset(found)


def installed_as(framework: str, installed: Collection[str]) -> Iterator[str]:
    """Yield the packages that a framework is installed as."""
    yield from (name for name in DISTRIBUTIONS.get(framework, (framework,)) if name in installed)
