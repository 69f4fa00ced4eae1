"""The registries of earlier releases stay readable: tests/formats/1 is as the first one wrote it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from folders import read_files, state_of

from modelreg import Capture, NotFoundError, Origin, Package, Registry
from modelreg.environment.record import CondaPackage
from modelreg.records import Group, Roles
from modelreg.version import State

FORMATS = Path(__file__).parent / "formats"

RECORDS = {
    "churn:1": "sha256:8dd8e676ab6ca3514f0ce4d58297e570a32afef05b07110f075f9db2a03057a8",
    "fraud:1": "sha256:36856cfa7516135c57d3cc4b52fc4497d3279a3886736f1ce3c0bb61ece2e7af",
    "fraud:2": "sha256:8e01b58a08f6db060f1115eb50da4aaaa68ca7dc1eec71972faf4afab01711a5",
    "fraud:3": "sha256:3666dca732cbefc3f4cbc263b48a7ab23fff22df6096cd47738ce794b3c1ee82",
    "fraud:5": "sha256:bd80374cd7e4357708922ad5f78b99f376ae61bcd3816ff9305da4f20eb6a782",
}
TREES = {
    "churn:1": "sha256:ed1067730d483cc33109d4a7105cb8d2e05d7752f5afca11c45e06b8fc902061",
    "fraud:1": "sha256:50f3c83f3f214e7b8c344a31ed3b453ef76f8a9d795d5eb48b642cdd5982572a",
    "fraud:2": "sha256:50f3c83f3f214e7b8c344a31ed3b453ef76f8a9d795d5eb48b642cdd5982572a",
    "fraud:3": "sha256:ebc5fd64aa3a407038a5cd5a3f023941de124d7dd550f7a4c579cb8f868d808d",
    "fraud:5": "sha256:3643e2bec8136ff376e7a51da1d38b07d6cf69ccc37fea8f04272eb82f01a315",
}
FILES = {
    "churn:1": {"churn.onnx": b"\x08\x07onnx"},
    "fraud:1": {"model.pkl": b"\x80\x05}."},
    "fraud:2": {"model.pkl": b"\x80\x05}."},
    "fraud:3": {
        "saved_model.pb": b"graph" * 200,
        "variables/variables.data": bytes(range(256)),
        "assets/empty.txt": b"",
    },
    "fraud:5": {"model.joblib": b"joblib"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the fixture: what writes must not touch it."""
    return Path(shutil.copytree(FORMATS / "1", tmp_path / "registry"))


@pytest.fixture
def registry(folder: Path) -> Registry:
    return Registry.open(str(folder))


def test_every_version_has_the_digests_it_was_written_with(registry: Registry) -> None:
    versions = [version for model in registry.models() for version in registry.versions(model.name)]
    assert {version.reference: version.digest for version in versions} == RECORDS
    assert {version.reference: version.artifact.digest for version in versions} == TREES


@pytest.mark.parametrize("reference", FILES)
def test_every_version_is_pulled_byte_for_byte(registry: Registry, reference: str) -> None:
    assert read_files(registry.pull(reference).folder) == FILES[reference]


def test_the_models_are_listed(registry: Registry) -> None:
    assert [(model.name, model.latest.number, model.versions) for model in registry.models()] == [
        ("churn", 1, 1),
        ("fraud", 5, 4),
    ]


def test_an_alias_points_where_its_last_move_says(registry: Registry) -> None:
    assert registry.resolve("fraud@production").number == 2
    assert registry.models()[1].aliases == (("production", 2),)
    with pytest.raises(NotFoundError, match="its aliases: production"):
        registry.resolve("fraud@retired")


def test_two_versions_share_one_artifact(registry: Registry) -> None:
    one, two = registry.resolve("fraud:1"), registry.resolve("fraud:2")
    assert one.artifact.upload == two.artifact.upload
    assert one.environment.digest != two.environment.digest


def test_deleted_and_collected_versions_stay_gone(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match=r"fraud:4 was deleted by anna on 2026-11-11: a mistake"):
        registry.pull("fraud:4")
    with pytest.raises(NotFoundError, match=r"fraud:6 was deleted"):
        registry.pull("fraud:6")
    assert registry.resolve("fraud:5").state is State.LIVE


def test_what_was_registered_and_added_since_is_all_there(registry: Registry) -> None:
    first, second = registry.resolve("fraud:1"), registry.resolve("fraud:2")
    assert (first.description, dict(first.tags)) == ("Die größte bisher", {"team": "risk"})
    assert first.source is not None
    assert (first.source.branch, first.source.dirty) == ("main", True)
    assert (second.description, dict(second.tags)) == ("The one that ships", {"reviewed": "yes"})
    assert (dict(second.metrics), dict(second.params)) == ({"auc": "0.94", "rows": "1000"}, {"depth": "7"})
    assert second.images["serve"].reference == f"example.org/fraud@sha256:{'0' * 64}"
    assert (second.images["serve"].platform, second.images["serve"].fits) == ("linux/amd64", None)


def test_the_environment_is_read_and_what_it_has_beyond_ours_is_kept(registry: Registry) -> None:
    manifest = registry.show("fraud:2")
    assert manifest.environment.packages == (
        Package("numpy", "2.1.0"),
        Package("ours", "0.3", "Ours", Origin("vcs", "https://example.org/ours", "git", "c" * 40), ("numpy",)),
        Package(
            "scikit-learn",
            "1.5.2",
            requires=("numpy>=1.19",),
            record="d" * 64,
            tags=("cp311-cp311-manylinux_2_17_x86_64",),
            installer="pip",
            requested=True,
        ),
    )
    assert manifest.environment.conda == (CondaPackage("libopenblas", "0.3.28", "h3_1", "conda-forge"),)
    assert manifest.environment_record["future"] == {"cuda": "12.1"}
    assert "cuda" in manifest.to_yaml()


def test_groups_and_roles_are_read(registry: Registry) -> None:
    record = registry.resolve("fraud:3").record
    assert record.roles == Roles(("numpy", "scikit-learn"))
    assert record.groups == {
        "base": Group((), ("numpy",)),
        "serve": Group(("scikit-learn", "fastapi"), ("scikit-learn",), ("fastapi==0.115.0",)),
    }
    assert registry.resolve("fraud:2").record.groups is None


def test_reading_changes_nothing(registry: Registry, folder: Path) -> None:
    before = state_of(folder)
    registry.models()
    registry.versions("fraud")
    registry.show("fraud")
    registry.pull("fraud:3")
    registry.history("fraud")
    assert state_of(folder) == before


def test_it_goes_on_from_there(registry: Registry, model: Path, captured: Capture) -> None:
    registered = registry.register(model, "fraud", capture=captured)
    assert registered.version.reference == "fraud:7"
    again = registry.register(FORMATS / "1" / "modelreg.json", "churn", capture=captured)
    assert again.version.reference == "churn:2"


def test_bytes_that_an_old_version_holds_are_found_and_not_stored_again(registry: Registry, captured: Capture) -> None:
    path = Path("model.pkl")
    path.write_bytes(FILES["fraud:1"]["model.pkl"])
    registered = registry.register(path, "fraud", capture=captured)
    assert not registered.uploaded
    assert registered.version.artifact.upload == registry.resolve("fraud:2").artifact.upload


def test_the_command_line_reads_it(run: Run, folder: Path) -> None:
    assert run("list", "-q").out == "churn\nfraud\n"
    assert json.loads(run("show", "fraud:3", "--json").out)["artifact"]["format"] == "saved_model"
    assert run("pull", "fraud@production").out == f"{Path('fraud/2')}\n"


def test_the_format_is_what_its_description_says(tmp_path: Path) -> None:
    """The script that wrote the fixture knows docs/format.md, and nothing of modelreg."""
    written = tmp_path / "written"
    script = FORMATS / "write.py"
    assert "import modelreg" not in script.read_text(encoding="utf-8")
    subprocess.run([sys.executable, str(script), str(written)], check=True)
    assert _bytes(written) == _bytes(FORMATS / "1")


def _bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
