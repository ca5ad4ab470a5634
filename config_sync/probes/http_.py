"""``http``: the consumer is well if a GET of a URL is answered with 2xx."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config_sync.errors import ProbeFailed
from config_sync.fields import Field, Values, fields
from config_sync.model import ReloadOrder
from config_sync.probes.kind import ProbeKind
from config_sync.reloads.http_settings import called_url
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Asks for `url`, whose path and query may be nobody's business: messages have its origin only."""

    url: str = field(repr=False)

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "http"

    def describe(self) -> str:
        """``a GET at http://localhost:8080``."""
        parts = urlsplit(self.url)
        return f"a GET at {parts.scheme}://{parts.netloc}"

    def look(self, _order: ReloadOrder, stop: Stop, *, timeout_s: float) -> None:
        """The answer was 2xx, within `timeout_s` seconds. Raises ProbeFailed, Stopped."""
        # Here, since only targets with such a probe need it: settings are read by commands that connect to nothing.
        from config_sync.http.calling import CallFailed, call

        try:
            status = call("GET", self.url, _HEADERS, timeout_s=timeout_s, stop=stop)
        except CallFailed as error:
            raise ProbeFailed(
                f"{self.describe()} fails: {error}",
                hint="look at the consumer's own log: does it answer there?",
            ) from error
        if not 200 <= status < 300:
            raise ProbeFailed(
                f"{self.describe()} is answered with {status}",
                hint="look at the consumer's own log; 2xx is expected (a redirect is not followed)",
            )


_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "config-sync-probe"}


HTTP: Field[str] = Field(
    "http",
    called_url("a URL such as http://localhost:8080/healthz", login_hint="use `command` for that"),
    "The URL to GET; 2xx says that the consumer is well.",
    is_required=True,
    nullable=False,
)


def _build(values: Values) -> HttpProbe:
    return HttpProbe(values[HTTP])


HTTP_KIND = ProbeKind("http", fields(HTTP), _build, "A GET is answered with 2xx.")
