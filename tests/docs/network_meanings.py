"""What the reasons of a failed exchange with the service mean to an operator; a part of `meanings`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.docs.cause import Cause

NETWORK_FAILURES: Mapping[str, Cause] = {
    "NameUnresolved": Cause("the service's name has no address", "correct `service.host`, or this machine's resolver"),
    "ConnectFailed": Cause(
        "nothing listens there, or there is no way to it",
        "is it up, and the port right? See routes and firewalls",
    ),
    "TimedOut": Cause(
        "no word came within `connect_timeout` or `request_timeout`",
        "is the service stuck, or does something on the way swallow packets?",
    ),
    "AnswerTooSlow": Cause(
        "an answer began, and was not whole within `request_timeout`", "see the load of the service, and proxies"
    ),
    "ConnectionReset": Cause(
        "something closed the connection hard", "see the logs of the service and of proxies on the way"
    ),
    "AnswerCutOff": Cause("the answer has fewer bytes than it said", "see the logs of the service and of proxies"),
    "HungUp": Cause(
        "the connection was taken and left without an answer",
        "see the service's logs; over TLS it may want another client certificate",
    ),
    "RateLimited": Cause("429: too many requests", "nothing: `Retry-After` is kept to; where it lasts, ask why"),
    "UnknownCa": Cause(
        "the certificate was issued by a CA that is not trusted here",
        "name a private CA in `service.ca_file`; the server must send its intermediate certificates",
    ),
    "WrongHost": Cause("the certificate is for another name", "use a host in `service.host` that the certificate has"),
    "CertificateExpired": Cause(
        "the certificate's time is over", "renew it; or mend this machine's clock, where the hint says so"
    ),
    "CertificateNotYetValid": Cause(
        "the certificate's time has not begun",
        "mend this machine's clock, where the hint says so; else renew it",
    ),
    "CertificateRefused": Cause("the certificate fails another check", "the message has OpenSSL's word for it"),
    "ClientCertRequired": Cause("the server wants a client certificate", "name one in `service.client_cert`"),
    "ClientCertRejected": Cause(
        "the server does not accept our client certificate",
        "has it expired, and is it from a CA that the server trusts for clients?",
    ),
    "CaFileUnusable": Cause(
        "`ca_file` has no certificate, or cannot be read", "mend the file; nothing is asked until then"
    ),
    "HandshakeFailed": Cause("there was no agreement on TLS", "does that port speak TLS, in version 1.2 or later?"),
    "ProxyUnreachable": Cause("the proxy does not answer", "is `service.proxy` right, and does the proxy run?"),
    "ProxyAuthRequired": Cause(
        "407: the proxy wants to know who asks", "`service.proxy: http://USER:PASSWORD@HOST:PORT`, percent-encoded"
    ),
    "ProxyFailed": Cause("the proxy cannot reach the service", "see the proxy's log; is the service up?"),
    "ProxyNotHttp": Cause("what answers as the proxy is none", "is the port in `service.proxy` that of an HTTP proxy?"),
    "NotHttp": Cause("what answers as the service does not speak HTTP", "is the port in `service.host` the service's?"),
    "RedirectRefused": Cause(
        "a redirect, which is never followed: the token would travel", "write the final address into `service.host`"
    ),
    "WrongContentType": Cause("a web page, or another type than asked for", "is it a proxy, a login page?"),
    "NoContent": Cause("a success without the content", "see the service's logs, and proxies on the way"),
    "EmptyAnswer": Cause("a body of no bytes where the ciphertext should be", "see the service's logs"),
    "EncodingRefused": Cause(
        "a compressed body, though none was asked for", "switch compression off for the service at the proxy"
    ),
    "AnswerTooLarge": Cause(
        "over `service.max_size`; no more than that was read", "raise `service.max_size`, if a config is that large"
    ),
}
"""Each belongs to one of the classes of `meanings.FAILURES`, which say the exit code and how it is tried again."""
