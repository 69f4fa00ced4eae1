"""What a processor computes with, as far as numbers may come out otherwise: libraries choose code by it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from modelreg.environment.finding import Finding, Severity

_CHOSEN_BY = frozenset(
    (
        *("sse4_2", "avx", "avx2", "avx_vnni", "fma", "amx_bf16", "amx_int8", "amx_tile"),
        *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "avx512_fp16", "avx512_vnni"),
        *("asimd", "asimddp", "asimdhp", "bf16", "i8mm", "sve", "sve2"),
    )
)
"""The extensions by which OpenBLAS, oneDNN and numpy choose, as Linux names them, on x86 and on ARM."""
_PROCESSORS = Path("/proc/cpuinfo")
_ENOUGH = 8192
"""Bytes that hold the first processor; a large machine has hundreds, all of one kind."""


def extensions() -> tuple[str, ...] | None:
    """Return the extensions of this machine's processor, sorted; None where nothing lists them as Linux does."""
    if sys.platform != "linux":
        return None
    try:
        with _PROCESSORS.open("rb") as file:
            listed = re.search(rb"^(?:flags|Features)\s*:(.*)$", file.read(_ENOUGH), re.MULTILINE)
    except OSError:
        return None
    return tuple(sorted(_CHOSEN_BY.intersection(listed[1].decode("ascii", "replace").split()))) if listed else None


def compare_cpu(wanted: tuple[str, ...] | None, found: tuple[str, ...] | None) -> Iterator[Finding]:
    """Yield what is to be known where a model was made on another processor; nothing where one of them is not known."""
    if wanted is None or found is None or wanted == found:
        return
    lacking, more = sorted({*wanted} - {*found}), sorted({*found} - {*wanted})
    said = [f"lacks {', '.join(lacking)}"] if lacking else []
    said += [f"has {', '.join(more)} besides"] if more else []
    yield Finding(Severity.INFO, "cpu", "platform", ", ".join(wanted), " and ".join(said))
