"""The client certificate of mutual TLS and its key: two files that are replaced while the agent runs."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass

from config_sync.errors import CredentialError

_MATCH_HINT = "write both files anew from one issuance; the certificate comes first in its file, then intermediates"
_LOAD_TRIES = 3
"""A rotation may fall between reading the one file and the other; a third time is no coincidence."""


@dataclass(frozen=True, slots=True)
class ClientPair:
    """Two PEM files. Nothing of their content is ever in a message."""

    cert_file: str
    key_file: str

    def files(self) -> tuple[str, str]:
        """Both paths."""
        return (self.cert_file, self.key_file)

    def load_into(self, context: ssl.SSLContext) -> None:
        """The context offers this certificate. One that was half changed must not be used: throw it away.

        Raises:
            CredentialError: a file is missing, unreadable or not PEM, the key is encrypted, or the two do not match.
        """
        for number in range(1, _LOAD_TRIES + 1):
            before = state_of(self.files())
            try:
                self._load(context)
            except CredentialError:
                if number < _LOAD_TRIES and state_of(self.files()) != before:
                    continue
                raise
            return

    def check(self) -> None:
        """Whether it could be used as it is now. Raises CredentialError."""
        self.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def doubts(self) -> tuple[str, ...]:
        """What works but deserves a look: a key that others may read. One sentence each."""
        try:
            mode = stat.S_IMODE(os.stat(self.key_file).st_mode)
        except OSError:
            return ()
        if not mode & stat.S_IROTH:
            return ()
        return (f"{self.key_file} has mode {mode:04o}: every user of this machine can read the private key",)

    def _load(self, context: ssl.SSLContext) -> None:
        for path, what in ((self.cert_file, "cert_file"), (self.key_file, "key_file")):
            _read_one_byte(path, what)
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password=_refuse_to_ask)
        except _Encrypted:
            raise CredentialError(
                f"service.client_cert: the key in {self.key_file} is encrypted: nobody can be asked for a password",
                hint="store it without one, readable for this user only: openssl pkey -in ENCRYPTED -out KEY_FILE",
            ) from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise CredentialError(
                    f"service.client_cert: the key in {self.key_file} does not belong to the certificate in "
                    f"{self.cert_file}",
                    hint=_MATCH_HINT,
                ) from error
            raise CredentialError(
                f"service.client_cert: {self._culprit()} does not hold what it should, in PEM form",
                hint="cert_file has the certificate (and intermediates), key_file its private key: -----BEGIN …",
            ) from error
        except OSError as error:
            raise CredentialError(
                f"service.client_cert: {self.cert_file} or {self.key_file} cannot be read: {error.strerror}",
                hint="name files that this user can read",
            ) from error

    def _culprit(self) -> str:
        """Which of the two files it is, as far as a look at the certificate tells: OpenSSL does not say."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self.cert_file)
        except (ssl.SSLError, OSError):
            return f"cert_file {self.cert_file}"
        return f"key_file {self.key_file}"


State = tuple[tuple[int, int, int, int] | None, ...]
"""What tells one content of some files from another, through all links on the way; None: it cannot be looked at."""


def state_of(paths: tuple[str, ...]) -> State:
    """As the files are now."""
    return tuple(_state_of(path) for path in paths)


def _state_of(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _read_one_byte(path: str, what: str) -> None:
    """So that the message can name the file and the system's reason; OpenSSL's says neither."""
    try:
        # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CredentialError(
                    f"service.client_cert: {what} {path} is no regular file", hint="name a file in PEM form"
                )
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CredentialError(
            f"service.client_cert: {what} {path} cannot be read: {error.strerror}",
            hint=f"config-sync runs as uid {os.geteuid()}, which must be able to read it",
        ) from error


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def _refuse_to_ask() -> str:
    """Without this, OpenSSL would ask at the terminal, and a service would wait there for ever."""
    raise _Encrypted
