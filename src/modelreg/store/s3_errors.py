"""What botocore and S3 say, as the store's errors: a sentence each."""

from botocore import exceptions as sdk

from modelreg.errors import (
    AccessDeniedError,
    KeyAbsentError,
    KeyExistsError,
    ModelregError,
    StoreError,
    UnreachableError,
)
from modelreg.store.bucket import Address, flat

_SIGN_IN = (
    sdk.CredentialRetrievalError,
    sdk.InfiniteLoopConfigError,
    sdk.NoAuthTokenError,
    sdk.RefreshWithMFAUnsupportedError,
    sdk.SSOError,
    sdk.TokenRetrievalError,
)
_UNREACHABLE = (sdk.EndpointConnectionError, sdk.HTTPClientError, sdk.IncompleteReadError)

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_TAKEN = {"PreconditionFailed", "412"}
_REGION = {"PermanentRedirect", "301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}

_EXPIRED = "the credentials for {registry} have expired; sign in again"
_REFUSED = "{registry} does not accept these credentials ({code}); check them"
_DENIED = "no permission to {verb} {url}; ask the bucket's owner for it (docs/buckets.md tells what is needed)"
_NO_ACCESS = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InvalidAccessKeyId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "InvalidToken": _REFUSED,
    "UnrecognizedClientException": _REFUSED,
    "RequestTimeTooSkewed": "{registry} refuses requests because this machine's clock is wrong; set it",
    "AccessDenied": _DENIED,
    "403": _DENIED,
    "Forbidden": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
}
_IN_FULL = "{registry} is full: {message}"
_UNABLE = "{registry} cannot {verb} {key}: {message}; docs/buckets.md tells what a store must know"
_OTHER = "{registry} did not {verb} {key}: {message} ({code}); try again"
_UNUSABLE = {
    "NoSuchBucket": "there is no bucket {bucket}; make it, or correct the registry's URL {registry}",
    "QuotaExceeded": _IN_FULL,
    "InsufficientStorage": _IN_FULL,
    "507": _IN_FULL,
    "XMinioStorageFull": _IN_FULL,
    "NotImplemented": _UNABLE,
    "501": _UNABLE,
}


def translate(error: Exception, address: Address, verb: str, key: str) -> ModelregError | None:
    """Return the store's error for one of botocore's, or None: it is none of them. verb: `read`, `write` …."""
    if isinstance(error, sdk.ClientError):
        return _answered(error, address, verb, key)
    if isinstance(error, _UNREACHABLE):
        return UnreachableError(f"{address.url} cannot be reached: {flat(error)}; check the network, and try again")
    return _signed_out(error, address) or (
        StoreError(f"{address.url} cannot be used: {flat(error)}")
        if isinstance(error, sdk.BotoCoreError | ValueError)
        else None
    )


def _signed_out(error: Exception, address: Address) -> ModelregError | None:
    if isinstance(error, sdk.NoCredentialsError | sdk.PartialCredentialsError):
        return AccessDeniedError(
            f"no credentials for {address.url}: sign in (aws configure, aws sso login), or set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, sdk.ProfileNotFound):
        return AccessDeniedError(f"no credentials for {address.url}: {error}; correct AWS_PROFILE or the settings")
    if isinstance(error, _SIGN_IN):
        return AccessDeniedError(f"no credentials for {address.url}: {flat(error)}; sign in again")
    return None


def _answered(error: sdk.ClientError, address: Address, verb: str, key: str) -> ModelregError:
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    url = f"{address.url}/{key}" if key else address.url
    if code in _ABSENT:
        return KeyAbsentError(f"{url} does not exist")
    if code in _TAKEN and verb == "write":
        return KeyExistsError(f"{url} exists already")
    if code in _REGION:
        return StoreError(_elsewhere(error, address))
    words = {
        "registry": address.url,
        "bucket": address.bucket,
        "url": url,
        "verb": verb,
        "key": key or "anything",
        "code": code,
        "message": said.get("Message", "").rstrip(".") or code,
    }
    if code in _NO_ACCESS:
        return AccessDeniedError(_NO_ACCESS[code].format_map(words))
    return StoreError(_UNUSABLE.get(code, _OTHER).format_map(words))


def _elsewhere(error: sdk.ClientError, address: Address) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = error.response.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region")
    if not region:
        return f"the bucket {address.bucket} lies in another region; set AWS_REGION, or region in the settings"
    return f"the bucket {address.bucket} lies in {region}; set AWS_REGION={region}, or region in the settings"
