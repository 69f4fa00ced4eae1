"""An image in an image registry, by the OCI distribution API 1.1; the only module that knows HTTP."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from modelreg import __version__
from modelreg.digest import CHUNK, digest_of
from modelreg.errors import AccessDeniedError, ImageRegistryError, IntegrityError, ModelregError, NotFoundError
from modelreg.image.credentials import Credentials, credentials_for
from modelreg.image.document import INDEXES, MANIFESTS, Descriptor
from modelreg.image.reference import DOCKER_HUB, ImageReference
from modelreg.image.source import MAX_DOCUMENT

TIMEOUT = (10.0, 60.0)
"""Seconds for a connection, and for the next bytes of an answer."""

_RESUMED = 4  # how often a broken download is gone on with
_BUSY = (429, 500, 502, 503, 504)
_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')
_OK, _PARTIAL, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 206, 401, 403, 404


class RemoteImage:
    """One image of an image registry. Credentials are looked for when the registry first asks for some."""

    def __init__(self, reference: ImageReference) -> None:
        self._reference = reference
        host = "registry-1.docker.io" if reference.host == DOCKER_HUB else reference.host
        self._root = f"{'http' if reference.is_local else 'https'}://{host}/v2/{reference.repository}"
        self._session = requests.Session()
        retry = Retry(
            3, backoff_factor=0.3, status_forcelist=_BUSY, allowed_methods=("GET", "HEAD"), raise_on_status=False
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))
        # Bytes as they are kept: what is compressed on the way has another digest.
        self._session.headers.update({"User-Agent": f"modelreg/{__version__}", "Accept-Encoding": "identity"})
        self._authorization: str | None = None

    @property
    def name(self) -> str:
        """The reference, in full."""
        return str(self._reference)

    @property
    def digest(self) -> str | None:
        """The digest that the reference has."""
        return self._reference.digest

    def manifest(self, digest: str | None = None) -> bytes:
        """Return the index or manifest with this digest; without one, that which the reference selects."""
        path = f"/manifests/{digest or self._reference.selector}"
        with self._get(path, {"Accept": ", ".join((*INDEXES, *MANIFESTS))}) as answer:
            data = b""
            for chunk in self._chunks(answer):
                data += chunk
                if len(data) > MAX_DOCUMENT:
                    raise ImageRegistryError(
                        f"{self.name}: the answer is too large to be a manifest; is it a registry?"
                    )
            said = answer.headers.get("Docker-Content-Digest", "")
        if not (digest or self.digest) and said.startswith("sha256:") and said != digest_of(data):
            raise IntegrityError(f"{self.name}: the image registry gives the digest {said}, but its bytes have another")
        return data

    def current_digest(self) -> str:
        """Return the digest that the registry gives for the reference now."""
        path = f"/manifests/{self._reference.selector}"
        with self._get(path, {"Accept": ", ".join((*INDEXES, *MANIFESTS))}, method="HEAD") as answer:
            said = answer.headers.get("Docker-Content-Digest")
        # Not every registry says so in a header.
        return said or digest_of(self.manifest())

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Yield the bytes of a blob; where the connection breaks, go on where it broke."""
        done = 0
        for attempt in range(_RESUMED + 1):
            headers = {"Range": f"bytes={done}-"} if done else {}
            try:
                with self._get(f"/blobs/{descriptor.digest}", headers) as answer:
                    skipped = done if answer.status_code == _OK else 0
                    for chunk in self._chunks(answer):
                        fresh = chunk[skipped:]
                        skipped -= len(chunk) - len(fresh)
                        done += len(fresh)
                        yield fresh
            except ImageRegistryError:
                if attempt == _RESUMED:
                    raise
            if done >= descriptor.size:
                return

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_content(CHUNK)
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None

    def _get(self, path: str, headers: Mapping[str, str], method: str = "GET") -> requests.Response:
        answer = self._send(method, f"{self._root}{path}", headers)
        if answer.status_code == _UNAUTHORIZED:
            self._authorization = self._authorize(answer.headers.get("WWW-Authenticate", ""))
            answer.close()
            answer = self._send(method, f"{self._root}{path}", headers)
        if answer.status_code in (_OK, _PARTIAL):
            return answer
        answer.close()
        raise self._refusal(answer.status_code)

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.request(
                method, url, headers=headers, auth=self._sign, stream=True, timeout=TIMEOUT, allow_redirects=True
            )
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization
        return request

    def _authorize(self, challenge: str) -> str:
        """Return the header that answers a challenge (RFC 7235; the token protocol of the distribution project)."""
        scheme, _, rest = challenge.partition(" ")
        found = credentials_for(self._reference)
        if scheme.lower() == "bearer":
            return f"Bearer {self._token(dict(_PARAMETER.findall(rest)), found)}"
        if scheme.lower() != "basic" or found is None or found.is_token:
            raise self._refusal(_UNAUTHORIZED)
        return _basic(found)

    def _token(self, parameters: Mapping[str, str], found: Credentials | None) -> str:
        realm = parameters.get("realm", "")
        schemes = ("https", "http") if self._reference.is_local else ("https",)
        if urlsplit(realm).scheme not in schemes:
            raise ImageRegistryError(f"{self._reference.host} asks to log in at {realm!r}, which is not safe")
        scope = parameters.get("scope") or f"repository:{self._reference.repository}:pull"
        asked = {"service": parameters.get("service", ""), "scope": scope}
        headers = {"Authorization": _basic(found)} if found and not found.is_token else {}
        exchange = {"grant_type": "refresh_token", "client_id": "modelreg"}
        try:
            if found and found.is_token:
                form = asked | exchange | {"refresh_token": found.secret}
                answer = self._session.post(realm, data=form, auth=_unsigned, timeout=TIMEOUT)
            else:
                answer = self._session.get(realm, params=asked, headers=headers, auth=_unsigned, timeout=TIMEOUT)
            if answer.status_code != _OK:
                raise self._refusal(answer.status_code)
            said = answer.json()
        except requests.JSONDecodeError:
            said = None
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None
        token = (said.get("token") or said.get("access_token")) if isinstance(said, dict) else None
        if not isinstance(token, str):
            raise ImageRegistryError(f"{realm} answered with no token for {self.name}")
        return token

    def _refusal(self, status: int) -> ModelregError:
        host = self._reference.host
        if status == _NOT_FOUND:
            return NotFoundError(f"there is no image {self.name}; look whether it was pushed, or deleted since")
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            return AccessDeniedError(f"{host} gives no access to {self.name}; log in with docker login {host}")
        return ImageRegistryError(f"{host} answered {status} when asked for {self.name}; try again later")

    def _unreachable(self, error: Exception) -> ImageRegistryError:
        reason = str(error.args[0] if error.args else error)
        reason = reason.rpartition("Caused by ")[2].rpartition(": ")[2].rstrip("')\"") or type(error).__name__
        return ImageRegistryError(
            f"{self._reference.host} cannot be reached: {reason}; see that it runs, and try again"
        )


def _basic(credentials: Credentials) -> str:
    # The form that HTTPBasicAuth would choose takes Latin-1; registries take UTF-8 (RFC 7617).
    from base64 import b64encode

    return f"Basic {b64encode(f'{credentials.username}:{credentials.secret}'.encode()).decode()}"


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send a request as it is: without an `auth`, ~/.netrc would be asked."""
    return request
