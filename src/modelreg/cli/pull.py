"""modelreg pull."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from modelreg.cli.options import (
    AtOption,
    GroupCheckOption,
    JsonOption,
    PolicyOption,
    PythonOption,
    QuietOption,
    ReferenceArgument,
    RegistryOption,
)
from modelreg.cli.output import count_text, print_json, print_raw, say, size_text
from modelreg.cli.parameters import Option

if TYPE_CHECKING:
    from modelreg.environment.capture import Capture
    from modelreg.environment.policy import Terms


def pull(
    reference: ReferenceArgument,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="DIR", help="The folder to write to. Default: ./<model>/<version>."),
    ] = None,
    at: AtOption = None,
    force: Annotated[bool, Option("--force", help="Replace files that differ.")] = False,
    verify_env: Annotated[
        bool,
        Option("--verify-env", help="Refuse (exit 3), before a byte is downloaded, if the environment does not fit."),
    ] = False,
    python: PythonOption = None,
    group: GroupCheckOption = None,
    policy: PolicyOption = "exact",
    no_cache: Annotated[
        bool, Option("--no-cache", help="Neither use this machine's cache nor put anything there.")
    ] = False,
    registry: RegistryOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a version's files and manifest into a folder.

    Every byte is verified on the way; a wrong one leaves nothing behind. Prints the folder.

    Example: modelreg pull fraud:3 -o serving/model
    """
    from modelreg.cli.progress import shown
    from modelreg.cli.versions import open_version
    from modelreg.errors import UsageError

    if (python is not None or group is not None or policy != "exact") and not verify_env:
        raise UsageError("--python, --group and --policy say what to check, and how; add --verify-env")
    environment, agreed = _checked(python, policy, group) if verify_env else (None, None)
    opened, version = open_version(registry, reference, at, cache=not no_cache, quiet=quiet)
    with shown(quiet=quiet) as progress:
        pulled = opened.pull(
            version,
            output,
            force=force,
            environment=environment,
            policy=agreed.policy if agreed else policy,
            group=group,
            progress=progress,
        )
    if not quiet:
        what = f"{count_text(version.artifact.files, 'file')}, {size_text(version.artifact.size)}"
        say(
            f"Pulled {version}: {what}, verified."
            if pulled.changed
            else f"{version} is there already: {what}, verified again."
        )
        for target, image in version.images.items():
            say(f"Its image for {target}: {image.reference}")
    if json:
        images = {target: image.reference for target, image in version.images.items()}
        answer = {"reference": version.reference, "folder": str(pulled.folder), "changed": pulled.changed}
        print_json(answer | {"images": images})
    else:
        print_raw(str(pulled.folder))


def _checked(python: str | None, policy: str, group: str | None) -> "tuple[Capture, Terms]":
    """Return the environment that is to fit, and on which terms."""
    # Imported here: what is only pulled needs none of it.
    from modelreg.cli.targets import terms
    from modelreg.environment.capture import capture
    from modelreg.environment.interpreter import find_interpreter

    return capture(find_interpreter(python), in_process=True, whole=False), terms(policy, group)
