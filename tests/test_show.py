"""modelreg show: the manifest of a version."""

import json
from pathlib import Path

import pytest
import yaml
from conftest import Run
from folders import damage_record
from hand_made import put
from terminal import on_terminal

from modelreg import Capture, IntegrityError, NotFoundError, Registry
from modelreg.store import Store


def test_it_prints_what_pull_writes(run: Run, model: Path) -> None:
    run("register", str(model), "fraud", "--description", "Größer\nals zuvor", "--metric", "auc=0.93")
    ran = run("show", "fraud")
    assert (ran.code, ran.err) == (0, "")
    run("pull", "fraud")
    assert Path("fraud/1/modelreg.yaml").read_text(encoding="utf-8") == ran.out
    assert yaml.safe_load(ran.out)["description"] == "Größer\nals zuvor"


def test_a_terminal_is_not_shown_what_the_manifest_repeats_for_verify_env(
    beside: Registry, run: Run, model: Path, captured: Capture
) -> None:
    beside.register(model, "fraud", capture=captured)
    whole = run("show", "fraud").out
    shown = on_terminal("show", "fraud", MODELREG_REGISTRY=beside.url)
    assert whole.startswith(shown)
    assert shown.endswith("- scikit-learn==1.5.2\n")
    assert "version_record" in whole.removeprefix(shown)


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\x1b[31m", "\x07", "\u200b"])
def test_what_would_mislead_a_terminal_is_escaped_and_reads_back(three: Registry, store: Store, sign: str) -> None:
    put(store, "annotations/00000003/00000001.json", "annotation", version=3, description=f"a{sign}b", tags={sign: "é"})
    text = three.show("fraud:3").to_yaml()
    assert sign not in text
    read = yaml.safe_load(text)
    assert (read["description"], read["tags"]) == (f"a{sign}b", {sign: "é"})


def test_it_says_all_that_was_registered(registry: Registry, model: Path, captured: Capture) -> None:
    registry.register(
        model, "fraud", capture=captured, tags={"team": "risk"}, params={"depth": "7"}, metrics={"auc": 0.93}
    )
    manifest = registry.show("fraud:1").to_mapping()
    assert (manifest["model"], manifest["version"], manifest["created_by"]) == ("fraud", 1, "anna")
    assert (manifest["tags"], manifest["params"], manifest["metrics"]) == (
        *({"team": "risk"}, {"depth": "7"}, {"auc": 0.93}),
    )
    assert manifest["python"] == "3.11.7"
    assert manifest["platform"] == "linux x86_64, glibc 2.36"
    assert manifest["dependencies"] == ["joblib==1.5.1", "numpy==2.1.0", "scikit-learn==1.5.2"]


def test_json_is_the_same_and_the_aliases(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud", "--metric", "auc=0.93", "--metric", "rows=1000")
    answer = json.loads(quick("show", "fraud:1", "--json").out)
    read = yaml.safe_load(quick("show", "fraud:1").out)
    assert {name: answer[name] for name in read} == read
    assert answer["aliases"] == []
    assert answer["metrics"] == {"auc": 0.93, "rows": 1000}


def test_quiet_resolves_the_reference_and_no_more(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud")
    assert quick("show", "fraud@latest", "-q").out == "fraud:1\n"


def test_a_version_is_found_by_the_digest_of_its_record(registry: Registry, model: Path, captured: Capture) -> None:
    for _ in range(3):
        registry.register(model, "fraud", capture=captured)
    digest = registry.resolve("fraud:2").digest
    assert registry.show(f"fraud@{digest}").version.number == 2
    with pytest.raises(NotFoundError, match="no version of fraud has the digest"):
        registry.show("fraud@sha256:" + "0" * 64)


@pytest.mark.parametrize("what", ["versions", "trees", "environments"])
@pytest.mark.parametrize("deleted", [False, True], ids=["damaged", "deleted"])
def test_a_damaged_record_is_named(
    registry: Registry, store: Store, model: Path, captured: Capture, what: str, *, deleted: bool
) -> None:
    registry.register(model, "fraud", capture=captured)
    damage_record(store, f"models/fraud/{what}/", lambda data: None if deleted else data[:-2] + b"!}")
    with pytest.raises(NotFoundError if deleted and what == "versions" else IntegrityError) as caught:
        registry.show("fraud:1")
    if not deleted:
        assert f"the record models/fraud/{what}/" in str(caught.value)


def test_a_registry_of_a_later_format_says_so(quick: Run, model: Path, tmp_path: Path) -> None:
    quick("register", str(model), "fraud")
    marker = tmp_path / "registry" / "modelreg.json"
    marker.write_bytes(marker.read_bytes().replace(b'"format":1', b'"format":2'))
    for command in (["show", "fraud"], ["list"], ["pull", "fraud"], ["register", str(model), "fraud"]):
        ran = quick(*command)
        assert (ran.code, ran.out) == (6, "")
        assert "has format 2, which this modelreg does not know; install a newer one" in ran.err
