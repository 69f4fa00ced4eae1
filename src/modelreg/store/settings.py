"""What the settings may say of a registry in a bucket; all else is the SDKs' own."""

from typing import NamedTuple


class S3Settings(NamedTuple):
    """The settings of a bucket of S3; the rest is botocore's own (profiles, roles, AWS_… variables).

    kms_key: encrypt with this key of KMS. storage_class: of the artifacts' files; records are never put away.
    """

    endpoint: str | None = None
    profile: str | None = None
    region: str | None = None
    path_style: bool = False
    kms_key: str | None = None
    requester_pays: bool = False
    storage_class: str | None = None


class GCSSettings(NamedTuple):
    """The settings of a bucket of GCS; the rest is the SDK's own (application default credentials).

    kms_key: encrypt with this key of Cloud KMS. billed_project: pays for requests. storage_class: of the artifacts'
    files; records are never put away.
    """

    endpoint: str | None = None
    project: str | None = None
    kms_key: str | None = None
    billed_project: str | None = None
    storage_class: str | None = None


def kinds(settings: type[S3Settings] | type[GCSSettings]) -> dict[str, type]:
    """Return the settings that there are, each with the type that it has in a file."""
    return {name: str if default is None else type(default) for name, default in settings._field_defaults.items()}
