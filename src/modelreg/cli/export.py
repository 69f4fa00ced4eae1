"""modelreg export."""

import re
from pathlib import Path
from typing import Annotated

from modelreg.cli.options import (
    AllowMissingOption,
    GroupOption,
    InstallerOption,
    JsonOption,
    QuietOption,
    ReferenceOrPathArgument,
    RegistryOption,
)
from modelreg.cli.output import print_json, print_raw, say, warn
from modelreg.cli.parameters import Option

_LOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
"""What a lock must be called (PEP 751)."""
DOCKERFILE = "dockerfile"
"""The one format that is more than a file: it comes with the folder that it is built in."""


def export(
    reference: ReferenceOrPathArgument,
    form: Annotated[
        str,
        Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="requirements, requirements-hashes, pylock, conda, cyclonedx or dockerfile.",
            completes="format",
        ),
    ] = "requirements",
    group: GroupOption = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="FILE", help="The file to write, or the folder of a Dockerfile."),
    ] = None,
    base: Annotated[
        str | None,
        Option("--base", metavar="IMAGE", help="Of a dockerfile: what to build on. A tag is resolved to a digest."),
    ] = None,
    prove: Annotated[
        bool,
        Option("--prove", help="Download the wheels; name those alone that are what was installed."),
    ] = False,
    allow_missing: AllowMissingOption = False,
    installer: InstallerOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a version's environment in the format of another tool.

    What cannot be had elsewhere is named, and fails (exit 3) unless you say --allow-missing.

    Example: modelreg export fraud@production --format pylock -o pylock.toml
    """
    from modelreg.cli.answers import exported_json
    from modelreg.cli.progress import steps
    from modelreg.cli.targets import subject
    from modelreg.errors import UsageError
    from modelreg.export import export as write
    from modelreg.files import write_text

    if form == DOCKERFILE:
        if group or prove or installer:
            raise UsageError("a Dockerfile has every group, and installs with pip: leave --group, --prove, --installer")
        _write_dockerfile(reference, base, output, registry, allow_missing=allow_missing, json=json, quiet=quiet)
        return
    if base is not None:
        raise UsageError("--base is what a Dockerfile builds on; add --format dockerfile")
    exported = write(
        subject(reference, group, registry),
        form,
        allow_missing=allow_missing,
        prove=prove,
        installer=installer,
        tell=steps(quiet=quiet),
    )
    for name, why in exported.missing.items():
        warn(f"{name} is missing: {why}")
    if not quiet:
        for note in exported.notes:
            say(note)
    if output is not None:
        write_text(output, exported.text)
        if form == "pylock" and not _LOCK.fullmatch(output.name):
            warn(f"pip and uv take {output.name} for no lock; call it pylock.toml or pylock.NAME.toml")
    if json:
        print_json(exported_json(exported, output))
    else:
        _print_where(output, exported.text)


def _print_where(output: Path | None, text: str) -> None:
    """Print what was written, or else where."""
    print_raw(text if output is None else str(output), end="" if output is None else "\n")


def _write_dockerfile(
    reference: str,
    base: str | None,
    output: Path | None,
    registry: str | None,
    *,
    allow_missing: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Write the Dockerfile of a version; with a folder, what it copies, too."""
    from modelreg.cli.progress import shown
    from modelreg.cli.versions import open_version

    opened, version = open_version(registry, reference, quiet=quiet)
    with shown(quiet=quiet) as progress:
        text = opened.dockerfile(
            version,
            base=base,
            folder=output,
            allow_missing=allow_missing,
            tell=(lambda _: None) if quiet else say,
            progress=progress,
        )
    if output is None and not quiet:
        say("It copies from a folder modelreg beside it: --output FOLDER writes both.")
    if json:
        place = {"text": text} if output is None else {"folder": str(output)}
        print_json({"reference": version.reference, "format": DOCKERFILE, **place})
    else:
        _print_where(output, text)
