"""How google-cloud-storage is set up."""

from typing import Any, TypeAlias

from google.api_core.client_info import ClientInfo
from google.cloud import storage
from google.cloud.exceptions import from_http_response
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from modelreg import __version__
from modelreg.store.bucket import LANES, Address
from modelreg.store.settings import GCSSettings

Bucket: TypeAlias = Any
"""google-cloud-storage has no types."""


def connect(address: Address, settings: GCSSettings) -> Bucket:
    """Return the bucket. Credentials, project and endpoint are found by the SDK where the settings do not name them."""
    options = {"api_endpoint": settings.endpoint} if settings.endpoint else None
    client = storage.Client(
        project=settings.project,
        client_options=options,
        client_info=ClientInfo(user_agent=f"modelreg/{__version__}"),
    )
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_maxsize=2 * LANES))  # noqa: SLF001  # it has no setting for this
    return client.bucket(address.bucket, user_project=settings.billed_project)


def ask_date(bucket: Bucket, prefix: str) -> str | None:
    """List next to nothing, and return the header `Date` of the answer, which the SDK keeps to itself."""
    client = bucket.client
    wanted = {"prefix": prefix, "maxResults": 1, "fields": "kind"}
    if bucket.user_project:
        wanted["userProject"] = bucket.user_project

    def ask() -> str | None:
        url = f"{client.api_endpoint}/storage/v1/b/{bucket.name}/o"
        answer = client._http.get(url, params=wanted, timeout=60)  # noqa: SLF001
        if not answer.ok:
            raise from_http_response(answer)
        date: str | None = answer.headers.get("Date")
        return date

    asked: str | None = DEFAULT_RETRY.with_timeout(RETRY_FOR)(ask)()
    return asked


RETRY_FOR = 60.0
"""Seconds for which the SDK asks again, where an answer is lost or the service is busy."""
