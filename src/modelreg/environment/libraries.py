"""Are conda's libraries those that a model was registered with? Pure: two lists in, findings out."""

import re
from collections.abc import Iterator, Sequence

from modelreg.environment.finding import Finding, Severity
from modelreg.environment.policy import Policy
from modelreg.environment.record import CondaPackage

_COMPUTING = re.compile(
    r"blas|lapack|mkl|blis|libflame|openmp|libgomp|libgfortran|fftw|onednn|^tbb|^(lib)?cu(da|dnn|tensor|fft|rand|so|sp)|"
    r"nccl|^libtorch|^roc|^hip|miopen"
)
"""In the names of libraries with which numbers are computed: linear algebra, threads, Fortran, GPUs."""
_COMPARED_ELSEWHERE = frozenset({"python", "python_abi"})


def compare_libraries(
    wanted: Sequence[CondaPackage], found: Sequence[CondaPackage] | None, policy: Policy
) -> Iterator[Finding]:
    """Compare the packages of conda that are none of Python's, by version and build; found: None where conda has none.

    Of what is used to compute numbers a difference is a warning, as another build of a package is; of the rest it is
    information. The policy `strict` wants all of them equal. What was added is passed over.
    """
    wanted = [library for library in wanted if library.name not in _COMPARED_ELSEWHERE]
    if found is None:
        if wanted:
            severity = Severity.UNCHECKED if policy.strict else Severity.INFO
            reason = f"the {len(wanted)} of its packages that are none of Python's, as it has not made this environment"
            yield Finding(severity, "unknown", "conda", None, reason)
        return
    there = {library.name: _said(library) for library in found}
    for library in wanted:
        said = there.get(library.name, "not installed")
        if said != _said(library):
            yield Finding(_severity(library.name, policy), "library", library.name, _said(library), said)


def _severity(name: str, policy: Policy) -> Severity:
    if policy.strict:
        return Severity.ERROR
    return Severity.WARNING if _COMPUTING.search(name) else Severity.INFO


def _said(library: CondaPackage) -> str:
    return f"{library.version} (build {library.build})"
