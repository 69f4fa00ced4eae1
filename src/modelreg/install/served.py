"""What indexes serve."""

from typing import NamedTuple

from modelreg.environment.distribution import redacted


class Served(NamedTuple):
    """A file that an index serves under a pin. name: normalised. url: without credentials. size: bytes, if known."""

    name: str
    url: str
    sha256: str
    size: int | None = None

    @property
    def file(self) -> str:
        """The file's name."""
        from urllib.parse import unquote, urlsplit

        return unquote(urlsplit(self.url).path).rpartition("/")[2]

    @property
    def requirement(self) -> str:
        """The line of a requirements file that installs exactly this file."""
        return f"{self.name} @ {self.url} --hash=sha256:{self.sha256}"

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; else it is source that has to be built."""
        return self.file.endswith(".whl")


def plain_url(url: str) -> str | None:
    """Return an index's URL without credentials, query and fragment; that of a file of this machine as it is."""
    return url if url.startswith("file:") else redacted(url)
