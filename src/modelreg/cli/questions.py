"""Asking, on a terminal only; elsewhere the flag that answers must be given."""

import sys

from modelreg.errors import ModelregError, UsageError


def confirm(question: str, *, yes: bool, no_input: bool) -> None:
    """Go on if the user agrees, or has agreed by --yes.

    Raises:
        UsageError: there is nobody to ask.
        ModelregError: the answer is no.
    """
    if yes:
        return
    if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{question} Nobody can be asked here; say --yes")
    # Imported here: few commands ask, and those that do seldom.
    import typer

    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:  # the end of what is typed
        agreed = False
    if not agreed:
        raise ModelregError("nothing was done")
