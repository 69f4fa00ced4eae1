"""Which file paths an artifact may hold."""

import sys
import tracemalloc
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelreg import ModelregError, UnsafePathError
from modelreg.paths import check_path, check_paths

_DEVICES = ["con", "CON", "prn", "aux", "nul", "NUL", "com0", "COM1", "lpt9", "com¹", "LPT³", "CONIN$", "conout$"]

GOOD = [
    "model.pkl",
    "variables/variables.data-00000-of-00001",
    "a/b/c/d.bin",
    ".gitattributes",
    ".hidden/file",
    "...a",
    "a..b",
    "-rf",
    "--help",
    "~",
    "~root",
    "$HOME",
    "%PATH%",
    "a b c",
    " leading space",
    "a;b&c'd`e!f#g(h)[i]{j}",
    "a=b,c+d@e",
    "größe.pkl",
    "模型/权重.bin",
    "модель.pkl",
    "نموذج.pkl",
    "модель 🚀.pkl",
    "👩\u200d🔬.pkl",
    "con1",
    "console.txt",
    "com10",
    "xcon",
    "a.con",
    "nul_",
    "modelreg.yml",
    "sub/modelreg.yaml",
    "desktop.ini",
    "x" * 255,
    "/".join(["x" * 255] * 4)[:1024],
]

BAD = {
    "nothing": "",
    "a folder": "a/",
    "the root": "/",
    "an absolute path": "/etc/passwd",
    "two slashes": "a//b",
    "here": ".",
    "here in between": "a/./b",
    "upwards": "..",
    "upwards first": "../x",
    "upwards in between": "a/../../x",
    "upwards at the end": "a/..",
    "upwards with a backslash": "..\\x",
    "a backslash": "a\\b",
    "a drive": "C:/x",
    "a drive alone": "C:",
    "a drive and a name": "C:x",
    "a share": "\\\\server\\share",
    "a share with slashes": "//server/share",
    "a device path": "\\\\?\\C:\\x",
    "a stream": "a.txt:stream",
    "a home folder of Windows": "~\\x",
    "three dots": "...",
    "three dots in between": "a/.../b",
    "a dot at the end": "a.",
    "a dot at the end of a folder": "a./b",
    "a space at the end": "a ",
    "a space at the end of a folder": "a /b",
    "a dot and a space": "a. ",
    "a space alone": " ",
    "a null character": "a\0b",
    "a line feed": "a\nb",
    "a line feed at the end": "a\n",
    "a carriage return": "a\rb",
    "a tab": "a\tb",
    "an escape": "\x1b]0;x\x07",
    "a delete": "a\x7f",
    "a control character of Latin-1": "a\x85b",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "a byte-order mark": "\ufeffa",
    "a lone surrogate": "a\udc80",
    "decomposed": "gro\u0308ße",
    "not normal at all": "\u212b",
    "too long a part": "x" * 256,
    "too many bytes in a part": "ä" * 128,
    "too long a path": "/".join(["x" * 200] * 6),
    **{f"the character {character}": f"a{character}b" for character in '<>:"|?*\\'},
    **{
        f"the direction U+{ord(character):04X}": f"a{character}b"
        for character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    },
    **{f"the device {device}": device for device in _DEVICES},
    **{f"the device {device} with an ending": f"{device}.txt" for device in _DEVICES},
    **{f"the device {device} as a folder": f"a/{device}/b" for device in _DEVICES},
    "a device with two endings": "nul.tar.gz",
    "a device with a space before the ending": "con .txt",
}

CLASHES = {
    "the same path twice": ["a", "a"],
    "the same path twice, apart": ["a", "b", "a"],
    "upper and lower case": ["Model.pkl", "model.pkl"],
    "upper and lower case of a folder": ["Data/a", "data/b"],
    "upper and lower case of a folder far down": ["x/y/Z/a", "x/y/z/b"],
    "sharp s": ["straße", "STRASSE"],
    "final sigma": ["ς", "σ"],  # noqa: RUF001  # two forms of one letter
    "a ligature": ["ﬁ", "fi"],
    "letters that casefold decomposed": ["\u0130", "i\u0307"],
    "a file that is a folder": ["a", "a/b"],
    "a folder that is a file": ["a/b", "a"],
    "a file that is a folder in another case": ["A", "a/b"],
    "a file that is a folder far down": ["a/b/c", "a/b/c/d"],
    "the manifest": ["modelreg.yaml"],
    "the manifest in capitals": ["MODELREG.YAML"],
    "the manifest as a folder": ["modelreg.yaml/a"],
    "the manifest as a folder in capitals": ["a", "ModelReg.yaml/a/b"],
}


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path[:20])
def test_a_path_that_every_system_can_hold_is_accepted(path: str) -> None:
    check_path(path)
    check_paths([path])


@pytest.mark.parametrize("path", BAD.values(), ids=BAD)
def test_a_path_that_some_system_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(UnsafePathError) as caught:
        check_paths(["good", path])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("paths", CLASHES.values(), ids=CLASHES)
def test_paths_that_some_system_takes_for_one_are_refused(paths: list[str]) -> None:
    with pytest.raises(UnsafePathError):
        check_paths(paths)


def test_paths_that_are_near_one_another_are_no_clash() -> None:
    check_paths(["a", "a.b", "a-b/c", "a-b/d", "ab/c", "ab/d/e", "b/a"])


_part = st.text(min_size=1, max_size=12) | st.sampled_from(
    [".", "..", "...", "", "C:", "con", "NUL.txt", "a", "A", "ß", "~", "con ", "a.", " b", "\\", "é", "e\u0301"]
)
_path = st.lists(_part, max_size=5).map("/".join) | st.text(max_size=30)


@given(_path)
def test_an_accepted_path_stays_in_its_folder_on_every_system(path: str) -> None:
    try:
        check_path(path)
    except ModelregError as error:
        assert type(error) is UnsafePathError  # noqa: PT017  # nothing else may come
        return
    assert unicodedata.normalize("NFC", path) == path
    for flavour in (PurePosixPath, PureWindowsPath):
        folder = flavour("C:/target/folder")
        joined = folder / path
        assert joined.is_relative_to(folder)
        assert ".." not in joined.parts
        assert joined != folder
        assert "/".join(joined.parts[len(folder.parts) :]) == path
    windows = PureWindowsPath(path)
    assert not windows.drive + windows.root
    if sys.version_info < (3, 13):  # deprecated since
        assert not windows.is_reserved()


@given(st.lists(_path, max_size=6))
def test_paths_accepted_together_are_as_many_files_on_a_system_that_ignores_case(paths: list[str]) -> None:
    try:
        check_paths(paths)
    except ModelregError as error:
        assert type(error) is UnsafePathError  # noqa: PT017  # nothing else may come
        return
    folded = {path.casefold() for path in paths}
    assert len(folded) == len(paths)
    folders = {str(parent).casefold() for path in paths for parent in PurePosixPath(path).parents}
    assert not folded & folders
    spelled = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    assert len(spelled) == len(folders)


def test_very_many_and_very_deep_paths_take_no_more_memory_than_a_few_times_their_length() -> None:
    paths = [f"{number}/" + "a/" * 500 + "b" for number in range(200)]
    tracemalloc.start()
    check_paths(paths)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * sum(map(len, paths))
