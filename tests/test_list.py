"""modelreg list: the models, or the versions of one, for people and for scripts."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from folders import damage_record
from hand_made import put_collection, put_deletion, put_moves
from terminal import on_terminal, plain

from modelreg import Capture, IntegrityError, NotFoundError, Registry, UsageError
from modelreg.records import new_op, seal
from modelreg.registry.model import ModelReader
from modelreg.store import Store
from modelreg.store.local import LocalStore

_OF_EVERY_RECORD = ("format", "kind", "op", "created", "created_by", "check")


@pytest.fixture
def two_models(registry: Registry, model: Path, captured: Capture) -> Registry:
    """A registry with churn:1 and fraud:1 to fraud:3."""
    for name in ("fraud", "churn", "fraud", "fraud"):
        registry.register(model, name, capture=captured)
    return registry


def test_models_come_by_name_with_their_latest_version(two_models: Registry) -> None:
    models = two_models.models()
    assert [(model.name, model.latest.number, model.versions) for model in models] == [("churn", 1, 1), ("fraud", 3, 3)]


def test_versions_come_newest_first(two_models: Registry) -> None:
    assert [version.reference for version in two_models.versions("fraud")] == ["fraud:3", "fraud:2", "fraud:1"]


def test_aliases_are_listed_with_the_version_they_point_at_now(two_models: Registry, store: Store) -> None:
    put_moves(store, "production", 1, 3, 2)
    put_moves(store, "gone", 1, None)
    assert [version.aliases for version in two_models.versions("fraud")] == [(), ("production",), ()]
    assert two_models.models()[1].aliases == (("production", 2),)


def test_deleted_and_collected_versions_are_not_listed(two_models: Registry, store: Store) -> None:
    put_deletion(store, 3, "deleted")
    put_deletion(store, 2, "deleted", "restoring", "restored")
    assert [version.number for version in two_models.versions("fraud")] == [2, 1]
    put_collection(store, 1, [two_models.resolve("fraud:2").artifact.upload], [])
    assert [version.number for version in two_models.versions("fraud")] == [2, 1]
    put_collection(store, 2, [], [two_models.resolve("fraud:2").artifact.upload])
    assert two_models.versions("fraud") == ()
    assert [model.name for model in two_models.models()] == ["churn"]


def test_a_model_that_is_not_there_is_not_found(two_models: Registry) -> None:
    with pytest.raises(NotFoundError, match=r"there is no model other in .*; see modelreg list"):
        two_models.versions("other")
    with pytest.raises(UsageError):
        two_models.versions("../fraud")


def test_folders_that_are_no_models_are_passed_over(two_models: Registry, store: Store) -> None:
    store.create("models/Not A Model/versions/00000001.json", b"{}")
    store.create("models/x.json", b"{}")
    assert [model.name for model in two_models.models()] == ["churn", "fraud"]


def test_files_that_are_no_records_are_passed_over(two_models: Registry, store: Store) -> None:
    for name in (
        "1.json",
        "00000009.json.bak",
        "000000010.json",
        "0000000a.json",
        "00000000.json",
        "more/00000009.json",
    ):
        store.create(f"models/fraud/versions/{name}", b"{}")
    assert [version.number for version in two_models.versions("fraud")] == [3, 2, 1]


# Damage


def test_damaged_records_do_not_hide_the_good_ones(two_models: Registry, store: Store) -> None:
    damage_record(store, "models/fraud/versions/00000002.json", lambda data: data[:-1])
    with pytest.raises(IntegrityError, match="00000002"):
        two_models.versions("fraud")
    damage: list[IntegrityError] = []
    assert [version.number for version in two_models.versions("fraud", damage.append)] == [3, 1]
    assert [model.name for model in two_models.models(damage.append)] == ["churn", "fraud"]
    assert len(damage) == 1


@pytest.mark.parametrize(
    "what", ["deletions/00000002/00000001.json", "aliases/production/00000001.json", "collections/00000001/plan.json"]
)
def test_damage_beside_the_versions_is_told_once_and_the_other_models_are_listed(
    two_models: Registry, store: Store, what: str
) -> None:
    put_deletion(store, 2, "deleted")
    put_moves(store, "production", 1)
    put_collection(store, 1, [], [])
    damage_record(store, f"models/fraud/{what}", lambda data: data.replace(b"ben", b"eve"))
    damage: list[IntegrityError] = []
    assert "churn" in [model.name for model in two_models.models(damage.append)]
    assert {str(error) for error in damage} == {str(error) for error in damage[:1]}
    damage.clear()
    two_models.versions("fraud", damage.append)
    (error,) = damage
    assert what in str(error)


def test_the_command_lists_what_is_good_warns_of_the_rest_and_exits_6(
    quick: Run, model: Path, tmp_path: Path, captured: Capture
) -> None:
    store = LocalStore(tmp_path / "registry")
    for _ in range(4):
        Registry(store).register(model, "fraud", capture=captured)
    for number in (1, 3):
        damage_record(store, f"models/fraud/versions/0000000{number}.json", lambda data: data.replace(b"anna", b"eve!"))
    ran = quick("list", "fraud", "-q")
    assert (ran.code, ran.out) == (6, "fraud:4\nfraud:2\n")
    warning, error = ran.err.splitlines()
    assert warning.startswith("warning: the record models/fraud/versions/00000003.json in ")
    assert error.startswith("error: the record models/fraud/versions/00000001.json in ")


# The command


def test_in_a_pipe_it_is_plain_aligned_text(run: Run, model: Path) -> None:
    run("register", str(model), "fraud")
    run("register", str(model), "fraud")
    ran = run("list", "fraud")
    head, second, first = ran.out.splitlines()
    assert ran.code == 0
    assert head.split("  ")[0] == "VERSION"
    assert re.match(r"fraud:2 +20\d\d-\d\d-\d\d \d\d:\d\d +1\.3 kB  pickle  3\.\d+\.\d+\S* +\d+$", second)
    assert first.startswith("fraud:1")
    assert "\x1b" not in ran.out
    models = run("list").out.splitlines()
    assert re.match(r"fraud +2 +2 +20\d\d-\d\d-\d\d \d\d:\d\d +1\.3 kB  pickle$", models[1])


def test_on_a_terminal_it_is_a_table_with_a_bold_head(quick: Run, model: Path, tmp_path: Path) -> None:
    quick("register", str(model), "fraud", "--metric", "auc=0.93")
    put_moves(LocalStore(tmp_path / "registry"), "production", 1)
    registry = str(tmp_path / "registry")
    shown = on_terminal("list", "fraud", columns=100, MODELREG_REGISTRY=registry)
    head, rule, row = plain(shown)
    assert "\x1b[1mVERSION" in shown
    assert set(rule) == {"─"}
    assert head.split() == ["VERSION", "ALIASES", "CREATED", "(UTC)", "SIZE", "FORMAT", "PYTHON", "PACKAGES", "METRICS"]
    assert row.split()[:2] == ["fraud:1", "production"]
    assert row.split()[-1] == "auc=0.93"


def test_no_colour_means_none(quick: Run, model: Path, tmp_path: Path) -> None:
    quick("register", str(model), "fraud")
    shown = on_terminal("list", MODELREG_REGISTRY=str(tmp_path / "registry"), NO_COLOR="1")
    assert "fraud" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


@pytest.mark.parametrize("columns", [200, 80, 60, 40, 10])
def test_a_narrow_terminal_breaks_no_time_no_size_and_no_name(
    quick: Run, model: Path, tmp_path: Path, columns: int
) -> None:
    quick("register", str(model), "fraud", "--metric", "auc=0.93", "--metric", "average-precision=0.875")
    put_moves(LocalStore(tmp_path / "registry"), "production", 1)
    shown = " ".join(plain(on_terminal("list", "fraud", columns=columns, MODELREG_REGISTRY=str(tmp_path / "registry"))))
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d ", shown)
    assert "1.3 kB" in shown
    assert "fraud:1 " in shown
    assert "production" in shown


def test_columns_that_are_empty_are_not_drawn(quick: Run, model: Path, tmp_path: Path) -> None:
    quick("register", str(model), "fraud")
    head = plain(on_terminal("list", "fraud", columns=100, MODELREG_REGISTRY=str(tmp_path / "registry")))[0]
    assert head.split() == ["VERSION", "CREATED", "(UTC)", "SIZE", "FORMAT", "PYTHON", "PACKAGES"]


def test_json_holds_the_facts_with_numbers_as_numbers(quick: Run, model: Path) -> None:
    quick("register", str(model), "fraud", "--metric", "auc=0.93", "--metric", "rows=1000", "--tag", "team=risk")
    (version,) = json.loads(quick("list", "fraud", "--json").out)["versions"]
    assert (version["reference"], version["model"], version["version"]) == ("fraud:1", "fraud", 1)
    assert (version["metrics"], version["tags"]) == ({"auc": 0.93, "rows": 1000}, {"team": "risk"})
    assert version["artifact"]["size"] == model.stat().st_size
    assert (version["artifact"]["format"], version["artifact"]["layout"]) == ("pickle", "file")
    assert version["environment"]["packages"] > 5
    answer = json.loads(quick("list", "--json").out)
    (listed,) = answer["models"]
    assert (listed["model"], listed["versions"], listed["aliases"]) == ("fraud", 1, {})
    assert listed["latest"]["reference"] == "fraud:1"


def test_quiet_prints_bare_identifiers(quick: Run, model: Path) -> None:
    for name in ("fraud", "churn", "fraud"):
        quick("register", str(model), name)
    assert quick("list", "-q").out == "churn\nfraud\n"
    assert quick("list", "fraud", "--quiet").out == "fraud:2\nfraud:1\n"


def test_an_empty_registry_says_how_to_fill_it_and_is_no_error(quick: Run, tmp_path: Path) -> None:
    ran = quick("list")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        f"There are no models in {tmp_path / 'registry'} yet. Register one: modelreg register model.pkl fraud\n"
    )
    assert json.loads(quick("list", "--json").out)["models"] == []
    assert (quick("list", "-q").out, quick("list", "-q").err) == ("", "")


def test_what_a_record_says_is_not_obeyed_by_the_terminal(quick: Run, model: Path, tmp_path: Path) -> None:
    """A record with a check that agrees may be anybody's."""
    store = LocalStore(tmp_path / "registry")
    quick("register", str(model), "fraud")
    record = json.loads(store.read("models/fraud/versions/00000001.json", 10_000))
    record["artifact"]["format"] = "\x1b]0;owned\x07\x9b31mred\nfraud:9"
    record["version"] = 2
    body = {name: value for name, value in record.items() if name not in _OF_EVERY_RECORD}
    store.create("models/fraud/versions/00000002.json", seal("version", new_op(), record["created"], "x", body))
    registry = str(tmp_path / "registry")
    for shown in (quick("list", "fraud").out, on_terminal("list", "fraud", MODELREG_REGISTRY=registry)):
        assert "\x1b]" not in shown
        assert not {"\x07", "\x9b"} & set(shown)
        assert "\nfraud:9" not in shown


def test_a_model_reads_the_same_whether_its_kinds_of_records_are_asked_for_first_or_not(
    three: Registry, store: Store
) -> None:
    """They are of a bucket: where there are no aliases, annotations, deletions or collections, none are listed."""
    upload = three.resolve("fraud:3").artifact.upload
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: three.set_alias("fraud:1", "production"),
        lambda: three.annotate("fraud:1", tags={"owner": "risk"}),
        lambda: three.delete("fraud:2"),
        lambda: put_collection(store, 1, [upload], [upload]),
    ]
    for change in changes:
        change()
        plain_reader, outlined = ModelReader(store, "fraud"), ModelReader(store, "fraud", outline=True)
        assert list(outlined.all()) == list(plain_reader.all())
        assert outlined.aliases == plain_reader.aliases
        assert outlined.live_numbers() == plain_reader.live_numbers()
