"""Answers of the Config Service: one config, the list, a formatted config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from config_sync.backoff import parse_http_date
from config_sync.client.answers import refusal, unlike_content, version_of
from config_sync.client.endpoint import Endpoint
from config_sync.client.listing import ConfigInfo, explain, parse_listing
from config_sync.client.refusals import Refusals
from config_sync.clock import Clock, SystemClock
from config_sync.errors import NotFound, ServiceError, UnexpectedResponse
from config_sync.http.failures import origin_of
from config_sync.http.fetching import Fetcher, Response
from config_sync.model import ConfigName, ConfigRef, Secret
from config_sync.stop import Stop

MAX_BYTES = 1 << 20
"""One body's limit unless the settings say otherwise (``service.max_size``)."""

_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class _Listed:
    """The last list that was given."""

    infos: tuple[ConfigInfo, ...]
    etag: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """One config as the service sent it.

    `ciphertext` is nonce 12 bytes, ciphertext, tag 16 bytes, unchecked; `version` is ``X-Config-Version`` where sent;
    `date` the server's clock, Unix seconds, where sent.
    """

    ref: ConfigRef
    ciphertext: bytes = field(repr=False)
    version: int | None = None
    etag: str | None = None
    date: float | None = None


class Service(Protocol):
    """Where configs come from. Every call blocks, ends at its deadline, and ends at once when `stop` is set.

    Raises:
        ServiceError: the subclass says who must act.
        CredentialError: the token cannot be read.
        Stopped: `stop` was set first.
    """

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """The newest version of the config, or the pinned one."""
        ...

    def list(self, stop: Stop) -> tuple[ConfigInfo, ...]:
        """Every config the token may see, in the service's order."""
        ...

    def get_formatted(self, name: ConfigName, form: str, stop: Stop) -> bytes:
        """The config's plaintext as the service renders it; `form` is ``json``, ``yaml`` or ``env``."""
        ...

    def forget(self, ref: ConfigRef) -> None:
        """Ask for the whole answer next time: what `fetch` gave last was damaged (it did not decrypt)."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


class HttpService:
    """The real one, over HTTP. Any thread may call it; at most 8 fetches are under way at once.

    `request_timeout_s` bounds a whole exchange, the wait for a free slot included; `max_bytes` one body. The last
    answer that came with an ``ETag`` is kept for each reference, and given again when the service says 304. A config
    that is refused with a 4xx is looked up in the list (see `refusals`), which may say why.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        request_timeout_s: float = 10.0,
        max_bytes: int = MAX_BYTES,
        clock: Clock | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._timeout_s = request_timeout_s
        self._max_bytes = max_bytes
        self._clock = clock if clock is not None else SystemClock()
        self._fetcher = Fetcher(endpoint.tls, connect_timeout_s=endpoint.connect_timeout_s, proxy=endpoint.proxy)
        self._last: dict[ConfigRef, Fetched] = {}
        self._listed: _Listed | None = None
        self._refusals = Refusals(self.list, self._clock)

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        url, what = self._endpoint.config_url(ref), f"config {ref.name}"
        last = self._last.get(ref)
        condition = {"If-None-Match": last.etag} if last is not None and last.etag is not None else {}
        response, date = self._get(url, stop, extra=condition)
        version = version_of(response.headers)
        if response.status == _NOT_MODIFIED and condition and last is not None:
            # The version may have moved with the content staying as it is.
            self._refusals.given(ref.name)
            return replace(last, date=date, version=version if version is not None else last.version)
        problem = self._problem(response, url=url, what=what)
        if problem is not None:
            raise self._explained(problem, ref, response.status, stop)
        fetched = Fetched(ref, response.body, version, response.headers.get("etag"), date)
        self._refusals.given(ref.name)
        if fetched.etag is not None:
            self._last[ref] = fetched
        else:
            self._last.pop(ref, None)
        return fetched

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self._last.pop(ref, None)

    def list(self, stop: Stop) -> tuple[ConfigInfo, ...]:
        """See `Service`."""
        url, what = self._endpoint.list_url(), "the list of configs"
        last = self._listed
        condition = {"If-None-Match": last.etag} if last is not None and last.etag is not None else {}
        response, _ = self._get(url, stop, extra=condition)
        if response.status == _NOT_MODIFIED and condition and last is not None:
            self._refusals.listed(last.infos)
            return last.infos
        self._check(response, url=url, what=what)
        infos = parse_listing(response.body, where=origin_of(url))
        self._listed = _Listed(infos, response.headers.get("etag"))
        self._refusals.listed(infos)
        return infos

    def get_formatted(self, name: ConfigName, form: str, stop: Stop) -> bytes:
        """See `Service`."""
        url, what = self._endpoint.formatted_url(name, form), f"config {name} as {form}"
        response, _ = self._get(url, stop)
        self._check(response, url=url, what=what)
        return response.body

    def close(self) -> None:
        """See `Service`."""
        self._fetcher.close()
        self._last.clear()
        self._listed = None

    def _get(self, url: str, stop: Stop, *, extra: Mapping[str, str] | None = None) -> tuple[Response, float | None]:
        """The answer, and the service's clock by it (Unix seconds), where it says."""
        token = self._endpoint.token.read()
        response = self._once(url, token, stop, extra)
        if response.status == 401:
            # A rotation may fall between reading the token and using it: one more try, if there is another token.
            renewed = self._endpoint.token.read()
            if renewed != token:
                response = self._once(url, renewed, stop, extra)
        now = self._clock.now()
        date = parse_http_date(response.headers.get("date", ""), now)
        if date is not None:
            self._endpoint.tls.clock_ahead_s = date - now
        return response, date

    def _once(self, url: str, token: Secret, stop: Stop, extra: Mapping[str, str] | None) -> Response:
        return self._fetcher.get(
            url,
            self._endpoint.headers(token, extra=extra),
            timeout_s=self._timeout_s,
            max_bytes=self._max_bytes,
            stop=stop,
        )

    def _check(self, response: Response, *, url: str, what: str) -> None:
        problem = self._problem(response, url=url, what=what)
        if problem is not None:
            raise problem

    def _problem(self, response: Response, *, url: str, what: str) -> ServiceError | None:
        return refusal(
            response.status,
            response.headers,
            what=what,
            url=url,
            token=self._endpoint.token.describe(),
            now=self._clock.now(),
            proxy=self._endpoint.forwarder,
        ) or unlike_content(response.status, response.headers, what=what, url=url)

    def _explained(self, problem: ServiceError, ref: ConfigRef, status: int, stop: Stop) -> ServiceError:
        """The problem, with what the list says of the config where that explains it. Raises Stopped."""
        is_missing = isinstance(problem, NotFound)
        if not is_missing and not (isinstance(problem, UnexpectedResponse) and 400 <= status < 500):
            return problem
        infos = self._refusals.list_for(ref.name, stop)
        if infos is None:
            return problem
        found = explain(ref.name, infos, self._clock.now(), is_missing=is_missing)
        if found is not None:
            problem = type(problem)(f"{problem.message}: {found.clause}", hint=found.hint, reason=problem.reason)
        if isinstance(problem, NotFound):
            problem.is_listed = any(info.name == ref.name for info in infos)
        return problem
