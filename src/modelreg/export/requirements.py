"""requirements.txt: what pip and uv install, one exact pin a line."""

from modelreg.export.archives import Archives
from modelreg.export.subject import Subject


def requirements(subject: Subject, _: Archives) -> str:
    """Return exact pins; `pip install --no-deps -r` makes the environment of them."""
    lines = [*_heading(subject), "# Install it with --no-deps.", *subject.selection.requirements]
    return "".join(f"{line}\n" for line in lines)


def hashed_requirements(subject: Subject, archives: Archives) -> str:
    """Return exact pins with the sha256 of the files that they may be installed from: pip's hash-checking mode."""
    lines = [*_heading(subject), "# Install it with --no-deps --require-hashes."]
    for pin in subject.selection.pins:
        files = archives.of(pin)
        if pin.requirement is None or not files:
            continue
        # Of a URL the digest may stand twice, after it and after --hash; both installers want them equal.
        lines.append(f"# {_evidence(files[0].evidence)}")
        lines.append(" \\\n    ".join([pin.requirement, *(f"--hash=sha256:{file.sha256}" for file in files)]))
    return "".join(f"{line}\n" for line in lines)


def _heading(subject: Subject) -> list[str]:
    return [f"# {line}" for line in subject.heading]


def _evidence(evidence: str) -> str:
    return f"evidence: {evidence}"
