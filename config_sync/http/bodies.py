"""One body under a size cap, collected chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.errors import UnexpectedResponse
from config_sync.http.failures import origin_of, refuse_encoded


class CappedBody:
    """At most `max_bytes` of the answer that has these headers.

    Raises:
        UnexpectedResponse: at once, for an encoded body or a declared length over the cap.
    """

    def __init__(self, url: str, headers: Mapping[str, str], max_bytes: int) -> None:
        refuse_encoded(headers, url)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:19]) > max_bytes:
            raise _too_large(f"{origin_of(url)} sends {declared[:19]} bytes, over {max_bytes}")
        self._url = url
        self._max_bytes = max_bytes
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next piece. Raises UnexpectedResponse once the cap is passed."""
        self._body += chunk
        if len(self._body) > self._max_bytes:
            raise _too_large(f"{origin_of(self._url)} sends more than {self._max_bytes} bytes")

    def whole(self) -> bytes:
        """All of it."""
        return bytes(self._body)


def _too_large(message: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        message, hint="raise service.max_size if a config this large is meant", reason="AnswerTooLarge"
    )
