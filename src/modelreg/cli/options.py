"""Options that several commands share."""

from typing import Annotated

import typer

from modelreg.cli.completion import complete_model, complete_reference

RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="URL",
        help="The registry's folder. Default: MODELREG_REGISTRY, pyproject.toml, the user's config file, "
        "or else a folder in the user's data directory.",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PYTHON",
        help="The interpreter, or environment folder, that counts. Default: the active virtual or conda "
        "environment, else the interpreter that runs modelreg.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print bare identifiers only, and no progress.")]
ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="fraud (the latest), fraud:3, fraud@production or fraud@sha256:…",
        autocompletion=complete_reference,
        show_default=False,
    ),
]
ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]", help="List the versions of this model.", autocompletion=complete_model, show_default=False
    ),
]
