"""The records of docs/format.md: what is written reads back, and damage of any kind is refused."""

import json
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import Environment, IntegrityError, ModelregError, Package, Platform, Python, UnsafePathError
from modelreg.canonical import encode
from modelreg.digest import sha256_of
from modelreg.environment.record import Origin
from modelreg.events import Annotation, Deletion, Move, Stamp, Uploads
from modelreg.records import (
    Artifact,
    CaptureNote,
    CopiedFrom,
    EnvironmentSummary,
    File,
    Group,
    Roles,
    Source,
    Tree,
    VersionRecord,
    content_addressed,
    metric,
    seal,
    unseal,
)

OP = "0123456789abcdef" * 2
HEX = "0123456789abcdef" * 4
TIME = "2026-11-22T10:00:00Z"

VERSION = VersionRecord(
    "fraud",
    3,
    OP,
    TIME,
    "anna",
    Artifact(f"20261122T100000Z-{OP}", f"sha256:{HEX}", 1234, 2, "folder", "saved_model"),
    EnvironmentSummary(f"sha256:{HEX}", "3.11.7", 3),
    CaptureNote("modelreg 0.1.0", "venv", ("numpy is there twice",)),
    Source("c" * 40, "main", True, "https://example.org/fraud.git"),
    "Größer",
    {"team": "risk"},
    {"depth": "7"},
    {"auc": "0.93", "rows": "1000"},
)
TREE = Tree((File("a.pb", 1000, HEX), File("variables/b", 234, HEX)))
ENVIRONMENT = Environment(
    Python("3.11.7", "cpython", "cpython-311-x86_64-linux-gnu"),
    Platform("linux", "x86_64", "glibc", "2.36"),
    (
        Package("numpy", "2.1.0"),
        Package("ours", "1.0", "Ours", Origin("vcs", "https://example.org/ours", "git", "c" * 40)),
    ),
)

Read = Callable[[bytes], object]


def _read_version(data: bytes) -> object:
    return VersionRecord.from_bytes(data, "fraud", 3)


def _read_tree(data: bytes) -> object:
    return Tree.from_bytes(data, sha256_of(TREE.to_bytes()))


def _read_environment(data: bytes) -> object:
    record = content_addressed("environment", data, ENVIRONMENT.digest.removeprefix("sha256:"))
    return Environment.from_mapping(record)


STAMP = Stamp(OP, TIME, "anna")
ALIAS = Move(STAMP, 3, "it is better", rollback=True).to_bytes("fraud", "production")
ANNOTATION = Annotation(STAMP, {"a": "b"}, {"auc": "0.9"}, "Größer", ("c",)).to_bytes("fraud", 3)
DELETION = Deletion(STAMP, "deleted", "a mistake").to_bytes("fraud", 3)
PLAN = Uploads(STAMP, (f"20261122T100000Z-{OP}",)).to_bytes("plan", "fraud")

KINDS: Mapping[str, tuple[bytes, Read]] = {
    "version": (VERSION.to_bytes(), _read_version),
    "tree": (TREE.to_bytes(), _read_tree),
    "environment": (encode(ENVIRONMENT.to_mapping()), _read_environment),
    "alias": (ALIAS, lambda data: Move.from_bytes(data, "fraud", "production")),
    "annotation": (ANNOTATION, lambda data: Annotation.from_bytes(data, "fraud", 3)),
    "deletion": (DELETION, lambda data: Deletion.from_bytes(data, "fraud", 3)),
    "plan": (PLAN, lambda data: Uploads.from_bytes("plan", data, "fraud")),
    "registry": (seal("registry", OP, TIME, "anna", {}), lambda data: unseal("registry", data)),
}
each_kind = pytest.mark.parametrize(("data", "read"), KINDS.values(), ids=KINDS)


@each_kind
def test_a_record_reads_back(data: bytes, read: Read) -> None:
    read(data)


def test_what_was_written_is_what_is_read() -> None:
    assert _read_version(VERSION.to_bytes()) == VERSION
    assert _read_tree(TREE.to_bytes()) == TREE
    assert _read_environment(encode(ENVIRONMENT.to_mapping())) == ENVIRONMENT


@each_kind
def test_every_flipped_bit_is_refused(data: bytes, read: Read) -> None:
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            read(bytes(flipped))


@each_kind
def test_a_record_cut_off_anywhere_is_refused(data: bytes, read: Read) -> None:
    for length in range(len(data)):
        with pytest.raises(IntegrityError):
            read(data[:length])


@each_kind
def test_a_record_with_something_behind_it_is_refused(data: bytes, read: Read) -> None:
    for more in (b"\n", b"\0", b" ", b"{}", data):
        with pytest.raises(IntegrityError):
            read(data + more)


@each_kind
def test_a_record_of_another_kind_is_refused(data: bytes, read: Read) -> None:
    for other, _ in KINDS.values():
        if other != data:
            with pytest.raises(IntegrityError):
                read(other)


def _edited(data: bytes, /, **changes: object) -> bytes:
    """Return a record as somebody would write it who knows the rules: canonical, with a check that agrees."""
    record = {**json.loads(data), **changes}
    had_check = record.pop("check", None) is not None
    record = {name: value for name, value in record.items() if value is not ...}
    return encode({**record, "check": sha256_of(encode(record))} if had_check else record)


def _rewritten(kind: str, /, **changes: object) -> object:
    """Read a record that was rewritten together with all that vouches for it."""
    data = _edited(KINDS[kind][0], **changes)
    if kind == "tree":
        return Tree.from_bytes(data, sha256_of(data))
    if kind == "environment":
        return Environment.from_mapping(content_addressed("environment", data, sha256_of(data)))
    return KINDS[kind][1](data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_format_is_refused_with_a_sentence_that_says_so(kind: str) -> None:
    with pytest.raises(IntegrityError, match=r"has format 2, which this modelreg does not know; install a newer one"):
        _rewritten(kind, format=2)


@pytest.mark.parametrize("number", [0, -1, "1", None, True, [1], ...], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_without_a_format_number_is_refused(kind: str, number: object) -> None:
    with pytest.raises(IntegrityError, match="format number"):
        _rewritten(kind, format=number)


@pytest.mark.parametrize("kind", KINDS)
def test_fields_and_kinds_that_are_not_known_are_passed_over(kind: str) -> None:
    assert _rewritten(kind, future={"nested": [1, None, {"x": "y"}]}) is not None


@pytest.mark.parametrize("check", [None, "", "0" * 64, HEX, 0, ["x"]], ids=str)
def test_a_check_that_does_not_agree_is_refused(check: object) -> None:
    record = {**json.loads(VERSION.to_bytes()), "check": check}
    with pytest.raises(IntegrityError, match="check does not agree"):
        _read_version(encode(record))


def test_a_record_without_its_check_is_refused() -> None:
    record = json.loads(VERSION.to_bytes())
    del record["check"]
    with pytest.raises(IntegrityError, match="check does not agree"):
        _read_version(encode(record))


def test_another_place_s_record_is_refused() -> None:
    for model, version in (("fraud", 4), ("other", 3)):
        with pytest.raises(IntegrityError, match="another version's record"):
            VersionRecord.from_bytes(VERSION.to_bytes(), model, version)
        with pytest.raises(IntegrityError, match="another version's record"):
            Annotation.from_bytes(ANNOTATION, model, version)
        with pytest.raises(IntegrityError, match="another version's record"):
            Deletion.from_bytes(DELETION, model, version)
    with pytest.raises(IntegrityError, match="another alias's record"):
        Move.from_bytes(ALIAS, "fraud", "staging")
    with pytest.raises(IntegrityError, match="another alias's record"):
        Move.from_bytes(ALIAS, "other", "production")
    with pytest.raises(IntegrityError, match="another model's record"):
        Uploads.from_bytes("plan", PLAN, "other")


_FIELDS = json.loads(VERSION.to_bytes())
_ARTIFACT, _ENVIRONMENT = _FIELDS["artifact"], _FIELDS["environment"]
WRONG_FIELDS: dict[str, dict[str, object]] = {
    "no model": {"model": ...},
    "a version as text": {"version": "3"},
    "a version that is true": {"version": True},
    "no op": {"op": ...},
    "an op with a line feed": {"op": OP[:-1] + "\n"},
    "an op in capitals": {"op": OP.upper()},
    "a time without a zone": {"created": "2026-11-22T10:00:00"},
    "a time with a line feed": {"created": TIME + "\n"},
    "a time of full width": {"created": "２" + TIME[1:]},  # noqa: RUF001  # which is the point
    "no author": {"created_by": None},
    "no artifact": {"artifact": ...},
    "an artifact that is a list": {"artifact": []},
    "an upload that leads elsewhere": {"artifact": {**_ARTIFACT, "upload": "../../x"}},
    "an upload with a line feed": {"artifact": {**_ARTIFACT, "upload": f"{_ARTIFACT['upload']}\n"}},
    "a digest with a line feed": {"artifact": {**_ARTIFACT, "digest": f"sha256:{HEX}\n"}},
    "a digest without its algorithm": {"artifact": {**_ARTIFACT, "digest": HEX}},
    "a digest in capitals": {"artifact": {**_ARTIFACT, "digest": f"sha256:{HEX.upper()}"}},
    "a negative size": {"artifact": {**_ARTIFACT, "size": -1}},
    "a size of 400 digits": {"artifact": {**_ARTIFACT, "size": 10**400}},
    "a size beyond 64 bits": {"artifact": {**_ARTIFACT, "size": 2**63}},
    "a number of files that is true": {"artifact": {**_ARTIFACT, "files": True}},
    "an environment digest with a space": {"environment": {**_ENVIRONMENT, "digest": f"sha256:{HEX[:-1]} "}},
    "a number of packages as text": {"environment": {**_ENVIRONMENT, "packages": "3"}},
    "remarks that are text": {"capture": {**_FIELDS["capture"], "remarks": "x"}},
    "remarks that are numbers": {"capture": {**_FIELDS["capture"], "remarks": [1]}},
    "a source without a commit": {"source": {}},
    "a source that is yes": {"source": {**_FIELDS["source"], "dirty": "yes"}},
    "a tag that is a number": {"tags": {"team": 1}},
    "tags that are a list": {"tags": ["team"]},
    "a metric that is a number": {"metrics": {"auc": 1}},
    "a metric that is no number": {"metrics": {"auc": "good"}},
    "a metric that is not finite": {"metrics": {"auc": "NaN"}},
    "a metric with an underscore": {"metrics": {"auc": "1_0"}},
    "a metric with a line feed": {"metrics": {"auc": "1\n"}},
    "a metric of full width": {"metrics": {"auc": "１"}},  # noqa: RUF001  # which is the point
    "a metric that no double holds": {"metrics": {"auc": "1e400"}},
    "a metric of 1,000 digits": {"metrics": {"auc": "1" * 1000}},
}


@pytest.mark.parametrize("changes", WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_a_field_that_does_not_fit_is_damage_that_is_named(changes: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match=r"^is damaged: ") as caught:
        _rewritten("version", **changes)
    (name,) = changes
    assert name in str(caught.value) or name in ("model", "version")


_FILE = {"path": "a", "size": 1, "sha256": HEX}
WRONG_FILES: dict[str, list[object]] = {
    "none": [],
    "text": ["a"],
    "no path": [{"size": 1, "sha256": HEX}],
    "no size": [{"path": "a", "sha256": HEX}],
    "a negative size": [{**_FILE, "size": -1}],
    "a size that is true": [{**_FILE, "size": True}],
    "a digest with a line feed": [{**_FILE, "sha256": HEX[:-1] + "\n"}],
    "out of order": [{**_FILE, "path": "b"}, _FILE],
    "twice": [_FILE, _FILE],
    "a file that is a folder": [_FILE, {**_FILE, "path": "a/b"}],
    "a path upwards": [{**_FILE, "path": "../../etc/cron.d/x"}],
    "an absolute path": [{**_FILE, "path": "/etc/passwd"}],
    "a path of Windows": [{**_FILE, "path": "C:\\x"}],
    "names that differ in case": [{**_FILE, "path": "A"}, _FILE],
    "the manifest": [{**_FILE, "path": "modelreg.yaml"}],
}


@pytest.mark.parametrize("files", WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_tree_whose_files_cannot_be_is_refused(files: list[object]) -> None:
    with pytest.raises(IntegrityError) as caught:
        _rewritten("tree", files=files)
    if len(files) == 1 and isinstance(files[0], dict) and "/" in files[0].get("path", ""):
        assert type(caught.value) is UnsafePathError


@pytest.mark.parametrize(
    "changes",
    [
        {"python": ...},
        {"python": {"version": 3}},
        {"platform": "linux"},
        {"packages": {}},
        {"packages": ["numpy"]},
        {"packages": [{"name": "numpy"}]},
        {"packages": [{"name": "numpy", "version": "1"}, {"name": "numpy", "version": "2"}]},
        {"packages": [{"name": "numpy", "version": "1", "origin": "vcs"}]},
    ],
    ids=str,
)
def test_an_environment_that_does_not_fit_its_description_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        _rewritten("environment", **changes)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_maps = st.dictionaries(_texts, _texts, max_size=3)
_metrics = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9),
)
_words = st.lists(_texts, max_size=3).map(tuple)
versions = st.builds(
    VersionRecord,
    st.just("fraud"),
    st.just(3),
    st.just(OP),
    st.just(TIME),
    _texts,
    st.builds(
        Artifact,
        st.just(f"20261122T100000Z-{OP}"),
        st.just(f"sha256:{HEX}"),
        st.integers(0, 2**63 - 1),
        st.integers(1, 100_000),
        st.sampled_from(["file", "folder"]),
        st.none() | _texts,
    ),
    st.builds(EnvironmentSummary, st.just(f"sha256:{HEX}"), _texts, st.integers(0, 1000)),
    st.builds(CaptureNote, _texts, _texts, st.lists(_texts, max_size=3).map(tuple)),
    st.none() | st.builds(Source, _texts, st.none() | _texts, st.none() | st.booleans(), st.none() | _texts),
    _texts,
    _maps,
    _maps,
    st.dictionaries(_texts, _metrics.map(lambda value: metric("m", value)), max_size=3),
    copied_from=st.none() | st.builds(CopiedFrom, _texts, _texts, st.integers(1, 100), st.just(f"sha256:{HEX}")),
    imports=st.none(),
    groups=st.none() | st.dictionaries(_texts, st.builds(Group, _words, _words, _words), max_size=2),
    roles=st.none() | st.builds(Roles, _words, _words),
)


@given(versions)
def test_any_version_survives_being_written_and_read(record: VersionRecord) -> None:
    assert VersionRecord.from_bytes(record.to_bytes(), "fraud", 3) == record


def _objects() -> st.SearchStrategy[dict[str, object]]:
    names = st.sampled_from([*_FIELDS, *_ARTIFACT, "files", "path", "size", "sha256", "packages", "python", "state"])
    leaves = st.sampled_from([None, True, -1, 0, 3, 10**20, "", "fraud", TIME, OP, HEX, f"sha256:{HEX}", "\0"])
    lists = st.lists(leaves, max_size=2)
    values = leaves | lists | st.dictionaries(names, leaves | lists, max_size=3)
    return st.dictionaries(names, values | st.lists(values, max_size=2), max_size=6)


@pytest.mark.parametrize("kind", KINDS)
@given(changes=_objects())
def test_whatever_stands_in_a_record_nothing_but_damage_is_reported(kind: str, changes: dict[str, object]) -> None:
    changes |= {"format": 1, "kind": kind}
    for _ in _raised(lambda: _rewritten(kind, **changes)):
        pass


@each_kind
@given(garbage=st.binary())
def test_arbitrary_bytes_are_damage(data: bytes, read: Read, garbage: bytes) -> None:
    assert list(_raised(lambda: read(garbage)))


def _raised(action: Callable[[], object]) -> Iterator[ModelregError]:
    """Yield the integrity error that `action` raises, if it raises one; anything else fails the test."""
    try:
        action()
    except IntegrityError as error:
        yield error
