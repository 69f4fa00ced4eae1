"""What a capture holds beside the pins: edges, wheel tags, record digests, commits, and what conda knows."""

import base64
import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from environments import Place, add, make_place, make_wheel

from modelreg import Capture, Package, capture, find_interpreter
from modelreg.environment.probe import record_digest
from modelreg.environment.record import CondaPackage, Origin


def _package(captured: Capture, name: str) -> Package:
    return next(package for package in captured.environment.packages if package.name == name)


def test_edges_tags_installer_and_whether_it_was_asked_for_are_recorded(place: Place, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "below", "2.0")
    make_wheel(wheels, "above", "1.0", requires=("below >=1 ; python_version >= '3.8'", "absent ; extra == 'more'"))
    place.pip("install", "-q", "--find-links", str(wheels), "above")
    above, below = (_package(place.captured(), name) for name in ("above", "below"))
    assert above.requires == ("below >=1 ; python_version >= '3.8'", "absent ; extra == 'more'")
    assert below.requires == ()
    assert (above.tags, above.installer) == (("py3-none-any",), "pip")
    assert (above.requested, below.requested) == (True, False)


def test_a_requirement_that_stands_behind_long_headers_is_found(place: Place) -> None:
    lines = "".join(f"Requires-Dist: needed-{number}\n" for number in range(400))
    licence = "License: " + "\n        ".join(["All rights reserved."] * 500)
    head = f"Metadata-Version: 2.1\nName: long\nVersion: 1.0\n{licence}\n{lines}\nRequires-Dist: described\n"
    add(place.site, "long", "1.0", metadata=head.encode())
    assert _package(place.captured(), "long").requires == tuple(f"needed-{number}" for number in range(400))


def test_an_egg_says_what_it_needs_in_a_file_of_its_own(place: Place) -> None:
    info = add(place.site, "egg", "1.0", folder="egg-1.0.egg-info")
    info.joinpath("requires.txt").write_text('numpy>=1\n\n[socks]\nPySocks\n\n[fast:python_version < "3"]\nold\n')
    assert _package(place.captured(), "egg").requires == (
        "numpy>=1",
        'PySocks ; extra == "socks"',
        'old ; (python_version < "3") and extra == "fast"',
    )


def _sealed(path: Path, lines: list[str]) -> str:
    return hashlib.sha256("".join(sorted(f"{line}\n" for line in lines)).encode()).hexdigest()


def test_the_record_digest_is_that_of_docs_format(place: Place, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sealed", "1.0", modules={"sealed/one.py": "1\n", "sealed/two.py": "2\n"})
    place.pip("install", "-q", str(wheel))
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/RECORD")]
        digests = {name: hashlib.sha256(archive.read(name)).digest() for name in files}
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}" for name, digest in digests.items()
    ]
    assert _package(place.captured(), "sealed").record == _sealed(wheel, lines)


def test_pip_and_uv_leave_packages_of_one_record_digest(place: Place, tmp_path: Path, uv: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "sealed", "1.0", modules={"sealed/one.py": "1\n", "sealed/a,b.txt": "2\n"})
    place.pip("install", "-q", str(wheel))
    other = make_place(tmp_path / "other")
    made = [str(uv), "pip", "install", "--offline", "--no-config", "--quiet", "--python", str(other.python), str(wheel)]
    subprocess.run(made, check=True)
    by_pip, by_uv = (_package(one.captured(), "sealed") for one in (place, other))
    assert (by_pip.installer, by_uv.installer) == ("pip", "uv")
    assert by_pip.record == by_uv.record
    assert by_pip.record is not None


def test_a_package_that_was_built_again_under_its_pin_has_another_record_digest(place: Place, tmp_path: Path) -> None:
    seen = set()
    for build in ("first", "second"):
        wheel = make_wheel(tmp_path / build, "rebuilt", "1.0", modules={"rebuilt.py": f"BUILD = {build!r}\n"})
        place.pip("install", "-q", "--force-reinstall", str(wheel))
        seen.add(_package(place.captured(), "rebuilt").record)
    assert len(seen) == 2


RECORDS = {
    "bytecode": b"pkg/__pycache__/one.cpython-311.pyc,sha256=x,9\n",
    "a script": b"../../../bin/pkg,sha256=x,9\n",
    "a file elsewhere": b"/opt/pkg/data,sha256=x,9\n",
    "who installed it": b"pkg-1.0.dist-info/INSTALLER,sha256=x,4\npkg-1.0.dist-info/REQUESTED,sha256=x,0\n",
    "from where": b"pkg-1.0.dist-info/direct_url.json,sha256=x,9\n",
    "uv's": b"pkg-1.0.dist-info/uv_cache.json,sha256=x,9\n",
    "itself": b"pkg-1.0.dist-info/RECORD,,\n",
    "what has no digest": b"pkg/generated.py,,\n",
    "an empty line": b"\n",
    "another line end": b"",
}


@pytest.mark.parametrize("more", RECORDS.values(), ids=RECORDS)
def test_what_an_installer_adds_does_not_change_the_record_digest(more: bytes) -> None:
    plain = b"pkg/__init__.py,sha256=a,1\npkg/two.py,sha256=b,2\n"
    assert record_digest(plain + more) == record_digest(plain) == record_digest(plain.replace(b"\n", b"\r\n"))
    assert record_digest(b"pkg/two.py,sha256=b,2\npkg/__init__.py,sha256=a,1\n") == record_digest(plain)


def test_what_was_installed_does() -> None:
    plain = b"pkg/__init__.py,sha256=a,1\n"
    others = {b"pkg/__init__.py,sha256=c,1\n", b"pkg/other.py,sha256=a,1\n", plain + b'"pkg/a,b.py",sha256=a,1\n'}
    assert len({record_digest(record) for record in others} | {record_digest(plain)}) == 4
    assert record_digest(b"") is record_digest(b"pkg/__init__.py,,\n") is record_digest(b"pkg/__init__.py,\n") is None


def test_an_editable_package_says_at_which_commit_its_folder_is(place: Place, tmp_path: Path) -> None:
    project = tmp_path / "ours"
    project.mkdir()
    project.joinpath("ours.py").write_text("ANSWER = 1\n")

    def git(*arguments: str) -> str:
        author = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(project), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("remote", "add", "origin", "https://anna:s3cret@example.org/ours.git")
    git("add", "ours.py")
    git("commit", "-qm", "one")
    add(place.site, "ours", "1.0", direct_url={"url": project.as_uri(), "dir_info": {"editable": True}})
    wanted = Origin("editable", "https://example.org/ours.git", "git", git("rev-parse", "HEAD"), dirty=False)
    assert _package(place.captured(), "ours").origin == wanted
    project.joinpath("ours.py").write_text("ANSWER = 2\n")
    captured = place.captured()
    origin = _package(captured, "ours").origin
    assert origin is not None
    assert origin.dirty
    assert "s3cret" not in repr(captured.environment)
    assert str(tmp_path) not in repr(captured.environment)


def test_what_added_to_the_path_is_recorded(
    place: Place, with_pip: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.captured().paths == ()
    (tmp_path / "beside").mkdir()
    place.site.joinpath("beside.pth").write_text(f"{tmp_path / 'beside'}\n")
    assert place.captured().paths == ("pth",)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    assert place.captured().paths == ("pythonpath", "pth")
    monkeypatch.delenv("PYTHONPATH")
    assert "system-site" in (make_place(tmp_path / "shared", pip=with_pip, system_site=True).captured().paths or ())


def test_a_package_that_is_hidden_by_another_is_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(place.site, "both", "1.0")
    add(place.site, "twice", "1.0")
    add(place.site, "twice", "2.0")
    add(tmp_path / "shadow", "both", "7.0")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    duplicates = {one.name: one for one in place.captured().duplicates}
    assert (duplicates["both"].first, duplicates["both"].version, duplicates["both"].shadowed) == ("7.0", "1.0", True)
    assert not duplicates["twice"].shadowed


def test_the_places_of_packages_are_known_and_recorded_nowhere(place: Place) -> None:
    info = add(place.site, "pkg", "1.0")
    egg = add(place.folder / "unpacked-1.0-py3.11.egg", "unpacked", "1.0", folder="EGG-INFO")
    egg.joinpath("METADATA").rename(egg / "PKG-INFO")
    place.site.joinpath("easy-install.pth").write_text(f"{egg.parent}\n", encoding="utf-8")
    captured = place.captured()
    assert Path(captured.places["pkg"]).samefile(info)
    assert Path(captured.places["unpacked"]).samefile(egg)
    assert str(place.site) not in repr(captured.environment)


def test_a_quick_capture_has_the_same_pins(place: Place) -> None:
    interpreter = find_interpreter(place.python)
    whole, quick = capture(interpreter), capture(interpreter, whole=False)
    assert [(one.name, one.version, one.origin) for one in whole.environment.packages] == [
        (one.name, one.version, one.origin) for one in quick.environment.packages
    ]
    assert {one.record for one in quick.environment.packages} == {None}


def _conda_record(folder: Path, name: str, **more: object) -> None:
    channel = "https://conda.anaconda.org/t/an-0123-token/conda-forge/linux-64"
    record = {"name": name, "version": "1.0", "build": "h1_0", "channel": channel, **more}
    folder.mkdir(exist_ok=True)
    folder.joinpath(f"{name}-1.0-h1_0.json").write_text(json.dumps(record))


def test_what_conda_installed_is_recorded_with_its_archive_and_without_tokens(place: Place) -> None:
    add(place.site, "condaish", "1.0", installer="conda", direct_url={"url": "file:///croot/work", "dir_info": {}})
    meta, sha256 = place.folder / "conda-meta", "ab" * 32
    url = "https://conda.anaconda.org/t/an-0123-token/conda-forge/linux-64/condaish-1.0-h1_0.conda"
    files = ["lib/python3.11/site-packages/condaish-1.0.dist-info/METADATA", "bin/condaish"]
    _conda_record(meta, "condaish", url=url, sha256=sha256, files=files)
    _conda_record(meta, "libblas", url=url.replace("condaish", "libblas"), files=["lib/libblas.so"])
    meta.joinpath("damaged.json").write_text("{")
    captured = place.captured()
    assert captured.kind == "conda"
    public = "https://conda.anaconda.org/conda-forge/linux-64/condaish-1.0-h1_0.conda"
    assert _package(captured, "condaish").origin == Origin("conda", public, sha256=sha256)
    blas = CondaPackage("libblas", "1.0", "h1_0", "conda-forge", public.replace("condaish", "libblas"))
    assert captured.environment.conda == (blas,)
    assert "token" not in repr(captured.environment)
