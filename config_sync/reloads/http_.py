"""``http``: one request to the consumer, such as Prometheus' ``/-/reload``; its status says how it went.

Nothing is shown of it but scheme, host and port: a path, a query and headers may hold what authorizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit

from config_sync.errors import ReloadFailed
from config_sync.fields import Field, Values, fields
from config_sync.http.loopback import is_plain_and_remote
from config_sync.kinds import Duration, Integer, ListOf
from config_sync.model import ReloadOrder, ReloadResult, Secret, StopSignal
from config_sync.reloads.http_settings import HEADERS as HEADERS_KIND
from config_sync.reloads.http_settings import METHOD as METHOD_KIND
from config_sync.reloads.http_settings import URL as URL_KIND
from config_sync.reloads.kind import Meaning, ReloadKind


@dataclass(frozen=True, slots=True)
class HttpReload:
    """Sends `method` to `url`, with an empty body; a status of `expect`, or any 2xx where that is empty, is success."""

    url: str = field(repr=False)
    method: str = "POST"
    expect: tuple[int, ...] = ()
    headers: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    timeout_s: float = 5.0

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "http"

    def describe(self) -> str:
        """``POST to http://localhost:9090``."""
        parts = urlsplit(self.url)
        return f"{self.method} to {parts.scheme}://{parts.netloc}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:  # noqa: ARG002  # the URL says it all
        """It answered as it should.

        Raises:
            ReloadFailed: another status, or no answer in time.
            Stopped: the agent is stopping; the request may have been taken.
        """
        from config_sync.http.calling import CallFailed, call  # httpcore: for `check` and the like too dear

        headers = {name: value.reveal() for name, value in self.headers.items()}
        try:
            status = call(self.method, self.url, headers, timeout_s=self.timeout_s, stop=stop)
        except CallFailed as error:
            meant = _NO_ANSWER[error.failure.name]
            raise ReloadFailed(f"{self.describe()}: {error}", hint=meant.hint, reason=meant.reason) from error
        if status in self.expect or (not self.expect and 200 <= status < 300):
            return ReloadResult.RELOADED
        raise ReloadFailed(
            f"{self.describe()} was answered with {_named(status)}", hint=self._hint(status), reason="HttpStatus"
        )

    def _hint(self, status: int) -> str:
        match status:
            case 401 | 403:
                return "it wants to know who asks: see `headers`, and whether it allows a reload over HTTP at all"
            case 404 | 405:
                return "is the path right, the method, and its reload over HTTP switched on? (--web.enable-lifecycle)"
            case _ if 300 <= status < 400:
                return "redirects are not followed: name the URL that it leads to"
            case _ if status >= 500:
                return "see its own log: it may not have taken the new files"
            case _:
                return "if it means success, name it in `expect`; else see the consumer's own log"


_NO_ANSWER: Mapping[str, Meaning] = {
    "REFUSED": Meaning("HttpRefused", "does the consumer run, and is the port right?"),
    "UNREACHABLE": Meaning("HttpUnreachable", "is the host right, and does the consumer run?"),
    "TIMED_OUT": Meaning("HttpTimedOut", "give it a longer `timeout`, or see the consumer's own log"),
    "TLS": Meaning(
        "HttpTlsFailed",
        "does that port speak TLS? A private CA must be among the machine's own (update-ca-certificates)",
    ),
    "NOT_HTTP": Meaning("HttpInvalid", "is the port right?"),
}
"""By the name of `config_sync.http.calling.Failure`: what became of it, and what to do."""


def _named(status: int) -> str:
    """``500 Internal Server Error``; our own words, never the other side's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


HTTP: Field[str] = Field("http", URL_KIND, "The URL.", is_required=True, nullable=False)
METHOD: Field[str] = Field("method", METHOD_KIND, "The method.", default="POST", default_text="POST")
EXPECT: Field[tuple[int, ...]] = Field(
    "expect",
    ListOf(Integer(100, 599), minimum=1),
    "The status codes that mean success; without it any 2xx.",
    default=(),
    default_text="any 2xx",
)
HEADERS: Field[Mapping[str, Secret]] = Field(
    "headers",
    HEADERS_KIND,
    "Sent along. The values are never shown, and `${NAME}` in them is replaced.",
    default=MappingProxyType({}),
    default_text="{}",
)
TIMEOUT: Field[float] = Field(
    "timeout",
    Duration(minimum_s=0.001, maximum_s=3600),
    "Bounds all of it, from the look-up of the name to the end of the answer.",
    default=5.0,
    default_text="5s",
)


def _build(values: Values) -> HttpReload:
    return HttpReload(values[HTTP], values[METHOD], values[EXPECT], values[HEADERS], values[TIMEOUT])


def _warning(values: Values) -> str | None:
    if values[HEADERS] and is_plain_and_remote(values[HTTP]):
        return "`headers` go over the network unprotected: use https, or the consumer's address on this machine"
    return None


HTTP_KIND = ReloadKind(
    "http",
    fields(HTTP, METHOD, EXPECT, HEADERS, TIMEOUT),
    _build,
    "Calls a URL of the consumer, with an empty body. No redirect is followed and no proxy used. Plain http may go to "
    "other machines as well: no content is sent, and only `headers` would need protection. A consumer that does not "
    "answer is a failure, and tried again.",
    warning=_warning,
)
