"""The Dockerfile of a version: multi-stage, from the manifest. Pure: what is to be in it in, text out."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modelreg.environment.record import Environment
from modelreg.environment.selection import BASE
from modelreg.image.reference import ImageReference
from modelreg.image.stage import Stage

USER = 10001
"""The user that runs what is in the image; it is no user of any machine's."""

_SERVE = "serve"
_FOLDER = "modelreg"  # of the build context, and /opt/modelreg while it is built
_VENV = "/opt/venv"
_SHARED = "packages"
"""The stage that all others stand on: what `base` holds, without what is of one version alone."""


class Recipe(NamedTuple):
    """What a Dockerfile is made of. stages: by name, `base` first. labels: by key, those of every stage.

    heading: lines that say what this is. base: what `base` stands on.
    """

    environment: Environment
    stages: Mapping[str, Stage]
    labels: Mapping[str, str]
    heading: tuple[str, ...]
    base: ImageReference


def default_base(environment: Environment) -> ImageReference:
    """Return Docker's own image of the recorded Python, for the recorded C library; by tag, as nobody was asked."""
    kind = "alpine" if environment.platform.libc == "musl" else "slim"
    return ImageReference.parse(f"python:{environment.python.version}-{kind}")


def dockerfile(recipe: Recipe) -> str:
    """Return the Dockerfile.

    Each stage is a virtual environment on top of the packages of `base`. What changes least comes first, and what is of
    this version alone, its labels and the model, last: another version with the same environment installs nothing anew.
    """
    lines = [*(f"# {line}" for line in recipe.heading), "#", *_HOW, "", *_shared(recipe)]
    for name, stage in recipe.stages.items():
        lines += ["", "", f"FROM {_SHARED} AS {name}"]
        if name != BASE:
            lines += [*_packages(stage), *_check(stage)]
        if name == _SERVE:
            lines += [f"COPY --chown={USER}:{USER} {_FOLDER}/model/ /srv/model/"]
            lines += ["ENV MODEL_DIR=/srv/model", "WORKDIR /srv"]
        lines += [*_labels(recipe, name), f"USER {USER}:{USER}"]
    return "".join(f"{line}\n" for line in lines)


_HOW = (
    "# docker build --target serve .        or train. BuildKit, Podman or Buildah builds it.",
    "# An index or a certificate of your own comes as a secret, which no layer keeps:",
    "#   docker build --secret id=pip.conf,src=pip.conf --secret id=ca.crt,src=ca.crt --target serve .",
    "# where pip.conf may say  cert = /run/secrets/ca.crt  below [global].",
)
_SECRETS = (
    "RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \\",
    "    --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \\",
)
_INSTALL = "pip install --no-cache-dir --disable-pip-version-check --no-deps"


def _shared(recipe: Recipe) -> Iterator[str]:
    stage = recipe.stages[BASE]
    # Not every engine takes a tag and a digest together.
    if recipe.base.digest and recipe.base.tag:
        yield f"# {_name(recipe.base)}, as it was when this was written."
    yield f"FROM {recipe.base._replace(tag=None) if recipe.base.digest else recipe.base} AS {_SHARED}"
    yield "USER 0:0"
    yield f"RUN printf 'model:x:{USER}:{USER}::/home/model:/sbin/nologin\\n' >> /etc/passwd \\"
    yield f"    && mkdir -p /home/model && chown {USER}:{USER} /home/model \\"
    yield f"    && python3 -m venv {_VENV}"
    yield f"ENV VIRTUAL_ENV={_VENV} PATH={_VENV}/bin:$PATH HOME=/home/model"
    if any(" @ git+" in one.text for other in recipe.stages.values() for one in other.requirements):
        yield "# Some packages come from git repositories."
        yield "RUN command -v git >/dev/null || { apt-get update && apt-get install -y --no-install-recommends git \\"
        yield "    && rm -rf /var/lib/apt/lists/*; }"
    yield f"COPY {_FOLDER}/probe.py {_FOLDER}/check.py /opt/modelreg/"
    yield from _packages(stage)
    yield from _check(stage)


def _packages(stage: Stage) -> Iterator[str]:
    """Install what a stage adds: first that of which the files are known, then the rest."""
    for requirements, kind, hashes in ((stage.hashed, "-hashed", " --require-hashes"), (stage.plain, "", "")):
        if requirements:
            name = f"{stage.name}{kind}.txt"
            yield f"COPY {_FOLDER}/{name} /opt/modelreg/"
            yield from _SECRETS
            yield f"    {_VENV}/bin/{_INSTALL}{hashes} -r /opt/modelreg/{name}"


def _check(stage: Stage) -> Iterator[str]:
    yield f"COPY {_FOLDER}/{stage.name}.json /opt/modelreg/"
    yield f"RUN {_VENV}/bin/python /opt/modelreg/check.py /opt/modelreg/{stage.name}.json"


def _labels(recipe: Recipe, name: str) -> Iterator[str]:
    labels = {**recipe.labels, "modelreg.target": name, "org.opencontainers.image.base.name": _name(recipe.base)}
    if recipe.base.digest:
        labels["org.opencontainers.image.base.digest"] = recipe.base.digest
    pairs = [f"{key}={_quoted(value)}" for key, value in sorted(labels.items()) if value]
    yield "LABEL " + " \\\n      ".join(pairs)


def _name(reference: ImageReference) -> str:
    return f"{reference.host}/{reference.repository}:{reference.tag or 'latest'}"


def _quoted(value: str) -> str:
    """Return text between double quotes, in which a Dockerfile puts in variables and takes backslashes away."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", re.sub(r"\s+", " ", value).strip()) + '"'
