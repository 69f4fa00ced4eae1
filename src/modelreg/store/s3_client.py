"""How boto3's core is set up.

boto3 itself only adds conveniences that nothing here calls, and a third to the time that a client takes to make.
"""

import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.config import Config
from botocore.session import Session
from botocore.utils import parse_timestamp

from modelreg import __version__
from modelreg.store.bucket import LANES
from modelreg.store.settings import S3Settings

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

S3Client: TypeAlias = Any
"""botocore makes its classes when it runs."""

_UNSIGNED = Config(s3={"payload_signing_enabled": False})


def connect(settings: S3Settings) -> "S3Client":
    """Return a client. Credentials, region and endpoint are found by botocore where the settings do not name them."""
    session = Session(profile=settings.profile)
    scoped = session.get_scoped_config()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_moment)
    own_retries = "AWS_RETRY_MODE" in os.environ or "retry_mode" in scoped
    shared = Config(
        max_pool_connections=2 * LANES,
        # Every byte is checked against a sha256 of ours; some servers send a whole object's checksum with a part.
        response_checksum_validation="when_required",
        tcp_keepalive=True,
        # What follows saves a tenth each of what a request costs: botocore would put its name together anew, twice, and
        # look whether our parameters are of the right types.
        user_agent=f"{session.user_agent()} modelreg/{__version__}",
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
        config = plain if is_plain else over_tls
        client = session.create_client("s3", settings.region, endpoint_url=settings.endpoint, config=config)
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
    """Keep it from hashing a file to sign it: a file's sha256 is in a record, and records are signed whole."""
    if "If-None-Match" not in request.headers:
        request.context["client_config"] = _UNSIGNED


def read_moment(value: str | float) -> datetime:
    """Read a time of an answer: ISO 8601 in bodies, that of RFC 9110 in headers; botocore's own reader is for any."""
    try:
        text = str(value)
        return parsedate_to_datetime(text) if text.endswith("GMT") else datetime.fromisoformat(text)
    except ValueError:
        moment: datetime = parse_timestamp(value)
        return moment
