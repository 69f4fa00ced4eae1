"""What google-cloud-storage and GCS say, as the store's errors: a sentence each."""

import requests
from google.api_core import exceptions as core
from google.auth import exceptions as auth
from google.cloud.storage import exceptions as storage

from modelreg.errors import (
    AccessDeniedError,
    KeyAbsentError,
    KeyExistsError,
    ModelregError,
    StoreError,
    UnreachableError,
)
from modelreg.store.bucket import Address, flat

_SIGN_IN = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
_FAILED: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[ModelregError], str], ...] = (
    (auth.DefaultCredentialsError, AccessDeniedError, f"no credentials for {{registry}}: sign in ({_SIGN_IN})"),
    (
        auth.RefreshError,
        AccessDeniedError,
        "the credentials for {registry} have expired, or were withdrawn; sign in again",
    ),
    (storage.DataCorruption, StoreError, "{registry}/{key} was damaged on its way; try again"),
    (
        (auth.TransportError, requests.RequestException, ConnectionError, core.RetryError),
        UnreachableError,
        "{registry} cannot be reached: {error}; check the network, and try again",
    ),
    (auth.GoogleAuthError, AccessDeniedError, "no credentials for {registry}: {error}; sign in again"),
)


def translate(error: Exception, address: Address, verb: str, key: str) -> ModelregError | None:
    """Return the store's error for one of the SDK's, or None: it is none of them. verb: `read`, `write` …."""
    if isinstance(error, core.RetryError) and isinstance(error.cause, Exception):
        return translate(error.cause, address, verb, key)
    if isinstance(error, storage.InvalidResponse) and getattr(error, "response", None) is not None:
        error = core.from_http_response(error.response)
    if isinstance(error, core.GoogleAPICallError):
        return _answered(error, address, verb, key)
    words = {"registry": address.url, "key": key, "error": flat(error)}
    for kinds, answer, sentence in _FAILED:
        if isinstance(error, kinds):
            return answer(sentence.format_map(words))
    return None


def _answered(error: core.GoogleAPICallError, address: Address, verb: str, key: str) -> ModelregError:
    url = f"{address.url}/{key}" if key else address.url
    message = flat(error.message)
    if isinstance(error, core.NotFound):
        if verb == "list" or "bucket does not exist" in message:
            return StoreError(
                f"there is no bucket {address.bucket}; make it, or correct the registry's URL {address.url}"
            )
        return KeyAbsentError(f"{url} does not exist")
    if isinstance(error, core.PreconditionFailed) and verb == "write":
        return KeyExistsError(f"{url} exists already")
    if isinstance(error, core.Unauthorized):
        return AccessDeniedError(f"{address.url} does not accept these credentials; sign in ({_SIGN_IN})")
    if isinstance(error, core.Forbidden):
        return AccessDeniedError(
            f"no permission to {verb} {url}; ask the bucket's owner for it (docs/buckets.md tells what is needed)"
        )
    return StoreError(f"{address.url} did not {verb} {key or 'anything'}: {message} ({error.code}); try again")
