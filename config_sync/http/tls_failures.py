"""What failed in TLS, and who must act: certificates that do not hold, ours that is wanted or refused, handshakes."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass

from config_sync.errors import TlsFailed

CLOCKS_AGREE_S = 60.0
"""How far two clocks may be apart before a certificate's dates are blamed on that: ``Date`` has whole seconds."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """One kind of refusal: its reason, and what can be done. An empty hint: it depends on the clocks."""

    reason: str
    hint: str = ""


# X509_V_ERR_* of OpenSSL (x509_vfy.h): what is wrong with the server's certificate.
_UNKNOWN_CA = _Meaning(
    "UnknownCa", "a private CA goes into service.ca_file; the server must send its intermediate certificates"
)
_WRONG_HOST = _Meaning("WrongHost", "service.host must be a name that the certificate carries")
_OF_CERTIFICATE = {
    2: _UNKNOWN_CA,
    18: _UNKNOWN_CA,
    19: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    9: _Meaning("CertificateNotYetValid"),
    10: _Meaning("CertificateExpired"),
    62: _WRONG_HOST,
    64: _WRONG_HOST,
}
_OTHERWISE = _Meaning("CertificateRefused", "see the server's certificate")

_REQUIRED = _Meaning(
    "ClientCertRequired", "the server wants a client certificate: name one in service.client_cert {cert_file, key_file}"
)
_REJECTED = _Meaning(
    "ClientCertRejected",
    "the server does not accept the certificate of service.client_cert: has it expired, and did a CA that the server "
    "trusts for clients issue it?",
)
# Alerts of RFC 8446 section 6.2, by OpenSSL's names: a server sends these of a client's certificate only.
_OF_ALERT = {
    "CERTIFICATE_REQUIRED": _REQUIRED,
    "BAD_CERTIFICATE": _REJECTED,
    "UNSUPPORTED_CERTIFICATE": _REJECTED,
    "CERTIFICATE_REVOKED": _REJECTED,
    "CERTIFICATE_EXPIRED": _REJECTED,
    "CERTIFICATE_UNKNOWN": _REJECTED,
    "UNKNOWN_CA": _REJECTED,
    "ACCESS_DENIED": _REJECTED,
}
_HANDSHAKE = _Meaning(
    "HandshakeFailed",
    "does that port speak TLS, in version 1.2 or later? A plain one is http://; some servers end it like this where "
    "they miss a client certificate (service.client_cert)",
)


def tls_refusal(
    error: ssl.SSLError, where: str, *, is_handshake: bool, clock_ahead_s: float | None
) -> TlsFailed | None:
    """The error that `error` stands for on a connection to `where`; None: the connection broke, and TLS is not why.

    `clock_ahead_s`: how far the server's clock was ahead of this machine's by its last answer, None: not known.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, where, clock_ahead_s)
    # With TLS 1.3 the server's word on our certificate comes after our side of the handshake is done.
    meaning = _OF_ALERT.get(_reason_of(error).rpartition("_ALERT_")[2])
    if meaning is not None:
        said = "asks for a client certificate" if meaning is _REQUIRED else "refuses our client certificate"
        return TlsFailed(f"{where} {said}: {words_of(error)}", hint=meaning.hint, reason=meaning.reason)
    # A peer that hangs up has refused nothing; older builds of OpenSSL and Python name it in two ways.
    if not is_handshake or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    return TlsFailed(
        f"the TLS handshake with {where} failed: {words_of(error)}", hint=_HANDSHAKE.hint, reason=_HANDSHAKE.reason
    )


def words_of(error: ssl.SSLError) -> str:
    """OpenSSL's own word, such as ``wrong version number``: never what the peer sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    return (_reason_of(error) or "TLS error").replace("_", " ").lower()


def _reason_of(error: ssl.SSLError) -> str:
    reason: str | None = getattr(error, "reason", None)  # absent where it was not OpenSSL that complained
    return reason or ""


def _of_certificate(error: ssl.SSLCertVerificationError, where: str, clock_ahead_s: float | None) -> TlsFailed:
    meaning = _OF_CERTIFICATE.get(error.verify_code, _OTHERWISE)
    return TlsFailed(
        f"the certificate of {where} is refused: {error.verify_message}",
        hint=meaning.hint or _of_clocks(clock_ahead_s),
        reason=meaning.reason,
    )


def _of_clocks(ahead_s: float | None) -> str:
    clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if ahead_s is None:
        return f"this machine's clock says {clock}: if that is wrong, mend the clock; else renew the certificate"
    if abs(ahead_s) < CLOCKS_AGREE_S:
        return f"this machine's clock says {clock}, as the service's did in its last answer: renew the certificate"
    word = "behind" if ahead_s > 0 else "ahead of"
    apart = f"{abs(ahead_s):.0f} s {word} the service's by its last answer"
    return f"this machine's clock says {clock}, {apart}: mend the clock"
