"""How boto3 is set up."""

import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.utils import parse_timestamp

from modelreg import __version__
from modelreg.store.bucket import LANES

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

    from modelreg.store.s3 import S3Settings

S3Client: TypeAlias = Any
"""boto3 makes its classes when it runs."""

_UNSIGNED = Config(s3={"payload_signing_enabled": False})


def connect(settings: "S3Settings") -> "S3Client":
    """Return a client. Credentials, region and endpoint are found by boto3 where the settings do not name them."""
    session = boto3.session.Session(profile_name=settings.profile, region_name=settings.region)
    inner = session._session  # noqa: SLF001  # what the profile says, and how answers are read, is told nowhere else
    scoped = inner.get_scoped_config()
    inner.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_moment)
    own_retries = "AWS_RETRY_MODE" in os.environ or "retry_mode" in scoped
    shared = Config(
        max_pool_connections=2 * LANES,
        # Every byte is checked against a sha256 of ours; some servers send a whole object's checksum with a part.
        response_checksum_validation="when_required",
        tcp_keepalive=True,
        # What follows saves a tenth each of what a request costs: boto3 would put its name together anew, twice, and
        # look whether our parameters are of the right types.
        user_agent=f"{inner.user_agent()} modelreg/{__version__}",
        parameter_validation=False,
        retries=None if own_retries else {"mode": "standard"},
    )
    # Over TLS the checksums that we send are enough, and signing would hash everything once more.
    over_tls = shared.merge(
        Config(s3={"payload_signing_enabled": False} | ({"addressing_style": "path"} if settings.path_style else {}))
    )
    # Only servers of one's own lack TLS, and few of them have a host name for each bucket.
    plain = shared.merge(Config(s3={"addressing_style": "path"}))
    guess = settings.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "https:")
    for is_plain in (guess.startswith("http:"), not guess.startswith("http:")):
        client = session.client("s3", endpoint_url=settings.endpoint, config=plain if is_plain else over_tls)
        if client.meta.endpoint_url.startswith("http:") == is_plain:  # a profile may have named another
            break
    if client.meta.endpoint_url.startswith("http:"):
        for operation in ("PutObject", "UploadPart"):
            client.meta.events.register_first(f"before-sign.s3.{operation}", _leave_files_unhashed)
    # Bodies are small enough to be sent at once; asking first whether they are welcome costs a round trip each.
    client.meta.events.register_last("before-call.s3", _send_at_once)
    return client


def _send_at_once(params: dict[str, Any], **_: object) -> None:
    params["headers"].pop("Expect", None)


def _leave_files_unhashed(request: "AWSRequest", **_: object) -> None:
    """Keep boto3 from hashing a file once more to sign it. Its sha256 is in a record, and records are signed whole."""
    if "If-None-Match" not in request.headers:
        request.context["client_config"] = _UNSIGNED


def read_moment(value: str | float) -> datetime:
    """Read a time of an answer: ISO 8601 in bodies, that of RFC 9110 in headers; boto3's own reader is for any."""
    try:
        text = str(value)
        return parsedate_to_datetime(text) if text.endswith("GMT") else datetime.fromisoformat(text)
    except ValueError:
        moment: datetime = parse_timestamp(value)
        return moment
