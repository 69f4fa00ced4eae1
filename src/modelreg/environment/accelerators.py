"""Packages that are built for one or another accelerator, which their local label tells: `torch 2.1.0+cu121`."""

import re

_LABELLED = re.compile(
    "torch(|ao|audio|csprng|data|rec|text|vision|-cluster|-scatter|-sparse|-spline-conv|-tensorrt)|pyg-lib|pytorch3d"
    "|dgl|jaxlib|xformers|vllm|flash-attn|flashinfer(-python)?|fbgemm-gpu|auto-gptq|detectron2|kaolin|natten"
    "|intel-extension-for-pytorch"
)
"""Packages whose builds for one or another accelerator differ in their label alone."""


def has_labels(name: str) -> bool:
    """Tell whether there are builds of a package, by its normalised name, that differ in their label alone."""
    return _LABELLED.fullmatch(name) is not None
