"""The manifest: `modelreg.yaml`, for people, and for verify-env without the registry."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from environments import Place, make_wheel
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from modelreg import (
    Environment,
    IntegrityError,
    Manifest,
    ModelregError,
    Package,
    Platform,
    Python,
    Version,
)
from modelreg.canonical import encode
from modelreg.digest import sha256_of
from modelreg.environment.record import Origin
from modelreg.pulled import PulledManifest
from modelreg.records import Artifact, CaptureNote, EnvironmentSummary, File, Source, Tree, VersionRecord

OP = "0123456789abcdef" * 2
HEX = "0123456789abcdef" * 4
TIME = "2026-11-22T10:00:00Z"
PACKAGES = (
    Package("joblib", "1.5.1"),
    Package("numpy", "2.1.0"),
    Package("ours", "0.3", origin=Origin("editable")),
    Package("pyyaml", "6.0.3", "PyYAML"),
    Package("theirs", "1.0", None, Origin("vcs", "https://example.org/theirs", "git", "c" * 40, "v1", "sub")),
    Package("torch", "2.1.0+cu121"),
    Package("wheel-of-theirs", "2", None, Origin("archive", "https://example.org/w-2-py3-none-any.whl", sha256=HEX)),
)


def _manifest(
    packages: tuple[Package, ...] = PACKAGES,
    files: tuple[File, ...] = (File("model.pkl", 3, HEX),),
    text: str = "Größer als zuvor\nzweite Zeile",
    unknown: object = None,
) -> Manifest:
    environment = Environment(Python("3.11.7", "cpython"), Platform("linux", "x86_64", "glibc", "2.36"), packages)
    mapping = environment.to_mapping() | ({"future": unknown} if unknown is not None else {})
    record = VersionRecord(
        "fraud",
        3,
        OP,
        TIME,
        text,
        Artifact(
            f"20261122T100000Z-{OP}", f"sha256:{sha256_of(Tree(files).to_bytes())}", 3, len(files), "file", "pickle"
        ),
        EnvironmentSummary(f"sha256:{sha256_of(encode(mapping))}", "3.11.7", len(packages)),
        CaptureNote("modelreg 0.1.0", "venv", (text,)),
        Source("c" * 40, text, dirty=True),
        text,
        {text: text},
        {text: text},
        {"auc": "0.93", "rows": "1000", text: "1e-5"},
    )
    return Manifest(Version(record, f"sha256:{sha256_of(record.to_bytes())}"), Tree(files), environment, mapping)


MANIFEST = _manifest()
YAML = MANIFEST.to_yaml()


def test_it_reads_back_as_what_a_pull_needs() -> None:
    pulled = PulledManifest.from_yaml(YAML)
    assert (pulled.reference, pulled.record, pulled.created) == ("fraud:3", MANIFEST.version.digest, TIME)
    assert pulled.files == MANIFEST.tree.files
    assert pulled.environment == MANIFEST.environment


def test_people_see_what_was_registered_and_the_dependencies_before_the_machine_s_part() -> None:
    head = YAML.splitlines()[:5]
    assert head[0].startswith("# fraud:3, registered 2026-11-22T10:00:00Z by Größer als zuvor")
    assert "model: fraud" in head
    assert YAML.index("model: fraud") < YAML.index("dependencies:") < YAML.index("environment:")
    assert "\n- numpy==2.1.0\n" in YAML
    assert "Größer als zuvor" in YAML


def test_any_yaml_reader_sees_numbers_as_numbers() -> None:
    read = yaml.safe_load(YAML)
    assert (read["version"], read["metrics"]["auc"], read["metrics"]["rows"]) == (3, 0.93, 1000)
    assert read["description"] == "Größer als zuvor\nzweite Zeile"


def test_pip_accepts_every_dependency_and_each_pins_one_build() -> None:
    read = yaml.safe_load(YAML)
    requirements = [Requirement(line) for line in read["dependencies"]]
    assert [requirement.name for requirement in requirements] == [
        "joblib",
        "numpy",
        "PyYAML",
        "theirs",
        "torch",
        "wheel-of-theirs",
    ]
    assert all(str(requirement.specifier).startswith("==") or requirement.url for requirement in requirements)
    assert read["unavailable"] == ["ours==0.3"]


def test_what_is_empty_is_left_out_but_never_the_dependencies() -> None:
    read = yaml.safe_load(_manifest(packages=(), text="").to_yaml())
    assert read["dependencies"] == []
    assert not {"description", "unavailable"} & set(read)


def test_json_says_the_same() -> None:
    mapping = json.loads(json.dumps(MANIFEST.to_mapping()))
    read = yaml.safe_load(YAML)
    assert {name: mapping[name] for name in read} == read


def test_what_a_later_release_may_add_to_an_environment_is_kept_and_vouched_for() -> None:
    text = _manifest(unknown={"cuda": ["12.1"]}).to_yaml()
    assert "cuda" in text
    PulledManifest.from_yaml(text)
    with pytest.raises(IntegrityError, match="was edited"):
        PulledManifest.from_yaml(text.replace("12.1", "12.2"))


EDITS = {
    "a dependency": ("- numpy==2.1.0\n", "- numpy==2.2.0\n"),
    "a dependency less": ("- numpy==2.1.0\n", ""),
    "a dependency more": ("- numpy==2.1.0\n", "- numpy==2.1.0\n- evil==1\n"),
    "the version of Python": ("python: 3.11.7\n", "python: 3.12.1\n"),
    "the platform": ("platform: linux x86_64", "platform: linux arm64"),
    "a package of the environment": ('"version": "2.1.0"}', '"version": "2.2.0"}'),
    "the Python of the environment": ('"implementation": "cpython"', '"implementation": "pypy"'),
    "the digest": ("environment_digest: sha256:", "environment_digest: sha256:0"),
    "the digest's algorithm": ("environment_digest: sha256:", "environment_digest: "),
    "a file's digest": (f'"sha256": "{HEX}"', '"sha256": "0"'),
    "a file's path": ('{"path": "model.pkl"', '{"path": "../model.pkl"'),
    "the record": ("record: sha256:", "record: "),
    "the time": (f"created: '{TIME}'", "created: yesterday"),
    "the number": ("\nversion: 3\n", "\nversion: three\n"),
    "a negative number": ("\nversion: 3\n", "\nversion: -3\n"),
    "the model": ("model: fraud", "model: ../fraud"),
    "a model with an escape": ("model: fraud", 'model: "\\e[31m"'),
    "all but the head": (YAML[YAML.index("model:") :], ""),
    "half a file": (YAML[len(YAML) // 2 :], ""),
    "a tab": ("model: fraud", "\tmodel: fraud"),
    "a format of later": ('"format": 1', '"format": 2'),
}


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_an_edited_manifest_is_refused_in_one_line(old: str, new: str) -> None:
    assert old in YAML
    with pytest.raises(IntegrityError) as caught:
        PulledManifest.from_yaml(YAML.replace(old, new.replace("{format: 2,", "format: 2")))
    assert str(caught.value).isprintable()


def _resealed(text: str) -> str:
    start = YAML.rindex("\n# The sha256 of all")
    note = YAML[start : YAML.rindex(": ") + 2]
    head = text[: text.rindex("\n# The sha256 of all")]
    return f"{head}{note}{sha256_of(head.encode())}\n"


def test_one_that_is_as_it_was_written_is_read_without_yaml(tmp_path: Path) -> None:
    tmp_path.joinpath("modelreg.yaml").write_text(YAML, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from modelreg.pulled import PulledManifest; "
        "print(PulledManifest.from_yaml(Path('modelreg.yaml').read_text('utf-8')).reference, 'yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fraud:3", "False"]
    assert PulledManifest.from_yaml(YAML) == PulledManifest.from_yaml(f"{YAML}# and with it\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": "2.1.0"}', '"version": "2.2.0"}'),
        ('{"path": "model.pkl"', '{"path": "../model.pkl"'),
        ('{"path": "model.pkl"', '{"path": "other.pkl"'),
        ("\nversion_record: ", "\nversion_record: 1"),
        ('version_record: "{', 'version_record: "[{'),
        ("environment: {", "environment: {{"),
        ("artifact: {", "artifact: {" + '"a": {' * 2000),
    ],
)
def test_one_that_was_edited_and_sealed_again_is_refused_all_the_same(old: str, new: str) -> None:
    assert old in YAML
    with pytest.raises(IntegrityError):
        PulledManifest.from_yaml(_resealed(YAML.replace(old, new)))
    assert PulledManifest.from_yaml(_resealed(YAML)).reference == "fraud:3"


def test_a_comment_does_no_harm() -> None:
    assert PulledManifest.from_yaml(f"# ours\n{YAML}# end\n").reference == "fraud:3"


_BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
HOSTILE = {
    "nothing": "",
    "null": "null",
    "text": "hello",
    "a list": "- environment",
    "an environment that is none": "environment: 1",
    "an empty environment": f"environment: {{}}\nenvironment_digest: sha256:{HEX}",
    "an anchor that holds itself": "environment: &a {a: *a}\n",
    "a list that holds itself": "environment: {a: &a [*a]}\n",
    "a bomb of anchors": f"{_BOMB}environment: {{a: *a29}}\n",
    "a bomb beside the environment": YAML + _BOMB,
    "merged keys": f"base: &a {{x: 1}}\nenvironment: {{<<: *a}}\nenvironment_digest: sha256:{HEX}",
    "keys that are numbers and words": f"environment: {{1: 2, a: b}}\nenvironment_digest: sha256:{HEX}",
    "a key that is a list": "environment: {[1]: 2}",
    "a date": f"environment: {{a: 2026-11-22}}\nenvironment_digest: sha256:{HEX}",
    "no date": f"environment: {{a: 2026-99-99}}\nenvironment_digest: sha256:{HEX}",
    "a tagged time that is none": "environment: {a: !!timestamp x}",
    "a tagged boolean that is none": "environment: {a: !!bool x}",
    "a tagged number that is none": "environment: {a: !!int ''}",
    "a fraction": f"environment: {{a: 1.5}}\nenvironment_digest: sha256:{HEX}",
    "not a number": f"environment: {{a: .nan}}\nenvironment_digest: sha256:{HEX}",
    "bytes": f"environment: {{a: !!binary aGVsbG8=}}\nenvironment_digest: sha256:{HEX}",
    "a set": f"environment: {{a: !!set {{x, y}}}}\nenvironment_digest: sha256:{HEX}",
    "a Python object": "environment: {a: !!python/object/apply:os.system ['echo x']}",
    "a number of 5,000 digits": f"environment: {{a: {'1' * 5000}}}\nenvironment_digest: sha256:{HEX}",
    "a lone surrogate": f'environment: {{a: "\\ud800"}}\nenvironment_digest: sha256:{HEX}',
    "two documents": f"{YAML}---\n{YAML}",
    "a control character": "environment: {a: '\x01'}",
    "deep nesting": "environment: " + "[" * 20_000,
    "deep nesting, closed": "environment: " + "[" * 3000 + "]" * 3000,
    "deep nesting of keys": "environment: " + "{a: " * 20_000,
    "deep nesting by indentation": "environment:\n" + "".join(f"{' ' * n}a:\n" for n in range(1, 3000)),
    "an unknown alias": "environment: *a",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_manifest_is_refused_and_does_nothing(text: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        PulledManifest.from_yaml(text)
    assert len(str(caught.value)) < 300


_any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(_any_text.filter(lambda text: text not in ("auc", "rows")))
def test_whatever_text_it_holds_it_reads_back(text: str) -> None:
    manifest = _manifest(text=text, unknown={text: [text]})
    written = manifest.to_yaml()
    assert PulledManifest.from_yaml(written).environment == manifest.environment
    read = yaml.safe_load(written)
    assert read.get("description", "") == text


@given(st.text() | st.text(alphabet="environment: &*a[]{}!<|>-\n\t'\"1."))
def test_arbitrary_text_is_damage_and_nothing_else(text: str) -> None:
    _is_read_or_damage(lambda: PulledManifest.from_yaml(f"environment: {text}"))
    _is_read_or_damage(lambda: PulledManifest.from_yaml(f"{YAML}{text}"))


@given(st.integers(0, len(YAML) - 1), st.characters(exclude_categories=["Cs"]))
def test_one_character_changed_is_read_or_damage_and_never_another_environment(position: int, character: str) -> None:
    edited = YAML[:position] + character + YAML[position + 1 :]
    for pulled in _is_read_or_damage(lambda: PulledManifest.from_yaml(edited)):
        assert pulled.environment == MANIFEST.environment


def _is_read_or_damage(action: Callable[[], PulledManifest]) -> list[PulledManifest]:
    try:
        return [action()]
    except ModelregError as error:
        assert isinstance(error, IntegrityError)  # noqa: PT017  # nothing else may come
        return []


def test_pip_installs_what_the_dependencies_say(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    for name, version in (("ours", "1.0"), ("Theirs_Too", "2.0.post1+local.1")):
        make_wheel(wheels, name, version)
    packages = (Package("ours", "1.0"), Package("theirs-too", "2.0.post1+local.1", "Theirs_Too"))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(yaml.safe_load(_manifest(packages).to_yaml())["dependencies"]), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, stdin=subprocess.DEVNULL)
    place = Place(tmp_path / "venv")
    place.pip("install", "--find-links", str(wheels), "-r", str(requirements))
    assert place.pip("freeze").split() == ["ours==1.0", "Theirs_Too==2.0.post1+local.1"]
