"""Options that several commands share."""

from typing import Annotated

from modelreg.cli.parameters import Argument, Option

RegistryOption = Annotated[
    str | None,
    Option(
        "--registry",
        metavar="URL",
        help="A folder, s3://bucket/folder or gs://bucket/folder. Default: MODELREG_REGISTRY, pyproject.toml, the "
        "user's config file, or else a folder in the user's data directory.",
    ),
]
PythonOption = Annotated[
    str | None,
    Option(
        "--python",
        metavar="PYTHON",
        help="The interpreter, or environment folder, that counts. Default: the active virtual or conda "
        "environment, else the interpreter that runs modelreg.",
    ),
]
GroupCheckOption = Annotated[
    str | None,
    Option(
        "--group", metavar="GROUP", help="What the environment is for. Default: serve, where the model has that group."
    ),
]
PolicyOption = Annotated[
    str,
    Option(
        "--policy",
        metavar="POLICY",
        help="What fails: exact, all (every pin), strict (builds and additions, too), or compatible:PACKAGE,… "
        "(as exact, but these may have another release of the same series).",
    ),
]
JsonOption = Annotated[bool, Option("--json", help="Print one JSON document.")]
QuietOption = Annotated[bool, Option("--quiet", "-q", help="Print bare identifiers only, and no progress.")]
ReferenceArgument = Annotated[
    str,
    Argument(
        metavar="REF", help="fraud (the latest), fraud:3, fraud@production or fraud@sha256:…", completes="reference"
    ),
]
ReferenceOrPathArgument = Annotated[
    str,
    Argument(
        metavar="REF",
        help="fraud (the latest), fraud:3, fraud@production or fraud@sha256:…; or the path of a pulled folder or "
        "manifest, which needs no registry.",
        completes="reference",
    ),
]
GroupOption = Annotated[
    str | None,
    Option(
        "--group",
        metavar="GROUP",
        help="base, train or serve: what it needs, with what base holds. Default: everything.",
        completes="group",
    ),
]
AllowMissingOption = Annotated[
    bool, Option("--allow-missing", help="Leave out what cannot be had elsewhere, and name it.")
]
InstallerOption = Annotated[
    str | None, Option("--installer", metavar="NAME", help="uv or pip. Default: uv where there is one, else pip.")
]
ModelArgument = Annotated[
    str | None,
    Argument(metavar="[MODEL]", help="Only those of this model.", completes="model"),
]
RequiredModelArgument = Annotated[
    str,
    Argument(metavar="MODEL", help="The model's name.", completes="model"),
]
TagOption = Annotated[list[str] | None, Option("--tag", metavar="K=V", help="A tag; may be repeated.")]
MetricOption = Annotated[list[str] | None, Option("--metric", metavar="K=V", help="A metric; may be repeated.")]
AliasOption = Annotated[
    list[str] | None,
    Option("--alias", metavar="NAME", help="Point this alias at it; may be repeated.", completes="alias"),
]
AtOption = Annotated[
    str | None,
    Option("--at", metavar="TIME", help="What the alias pointed at then: 2026-11-01 (its end, UTC) or a time."),
]
WhyOption = Annotated[str, Option("--why", metavar="TEXT", help="The reason, for the history.")]
YesOption = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]
NoInputOption = Annotated[bool, Option("--no-input", help="Never ask; fail where a question would come.")]
