"""The processor: what is recorded of it, and what is said where it is another one."""

import json
import sys
from pathlib import Path

import pytest
from conftest import Run

from modelreg import Capture, Registry
from modelreg.environment import cpu
from modelreg.environment.finding import Severity
from modelreg.registry.verify import read_pulled, verify_pulled

OLDER, NEWER = ("avx", "avx2", "fma"), ("avx", "avx2", "avx512f", "fma")

SAID = {
    "of the same kind": (NEWER, NEWER, None),
    "an older one": (NEWER, OLDER, "the CPU lacks avx512f, other than where the model was made"),
    "a newer one": (OLDER, NEWER, "the CPU has avx512f besides, other than where the model was made"),
    "another one": (("avx", "fma"), ("avx", "sve"), "the CPU lacks fma and has sve besides, other than"),
    "one without any": (OLDER, (), "the CPU lacks avx, avx2, fma, other than"),
    "nobody knows which": (OLDER, None, None),
    "nobody knew which": (None, OLDER, None),
}


@pytest.mark.parametrize(("wanted", "found", "said"), SAID.values(), ids=SAID)
def test_another_processor_is_information_and_fits(
    beside: Registry,
    model: Path,
    captured: Capture,
    wanted: tuple[str, ...] | None,
    found: tuple[str, ...] | None,
    said: str | None,
) -> None:
    beside.register(model, "fraud", capture=captured._replace(cpu=wanted))
    here = captured._replace(cpu=found)
    report = beside.verify_env("fraud", environment=here, policy="strict")
    pulled = verify_pulled(read_pulled(beside.pull("fraud").folder), here)
    assert report.fits
    assert report.findings == pulled.findings
    assert [finding.severity for finding in report.findings] == ([] if said is None else [Severity.INFO])
    assert all(str(finding).startswith(str(said)) for finding in report.findings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"processor\t: 0\nflags\t\t: fpu sse4_2 avx2 avx\nbugs\t: avx512f\n", ("avx", "avx2", "sse4_2")),
        (b"processor\t: 0\nFeatures\t: fp asimd sve\n\nprocessor\t: 1\nFeatures\t: fp\n", ("asimd", "sve")),
        (b"processor\t: 0\nflags\t\t: fpu\n", ()),
        (b"cpu\t: POWER9\n", None),
        (None, None),
    ],
    ids=["x86", "ARM", "an old one", "one without a list", "no file"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of processors")
def test_what_linux_lists_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None, expected: tuple[str, ...] | None
) -> None:
    listed = tmp_path / "cpuinfo"
    if text is not None:
        listed.write_bytes(text)
    monkeypatch.setattr(cpu, "_PROCESSORS", listed)
    assert cpu.extensions() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of processors")
def test_the_processor_that_a_model_was_made_on_is_recorded_and_is_no_difference_there(run: Run, model: Path) -> None:
    run("register", str(model), "fraud")
    assert json.loads(run("show", "fraud", "--json").out)["capture"].get("cpu") == list(cpu.extensions() or ())
    assert json.loads(run("verify-env", "fraud", "--json").out)["results"][0]["counts"]["info"] == 0
