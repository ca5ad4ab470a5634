"""Where the service token and the encryption keys come from: one file a kind, and the one table of them."""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.credentials.environment import ENVIRONMENT, EnvironmentSource
from config_sync.credentials.file import FILE, FileOfVariable
from config_sync.credentials.source import FirstOffered, KeySource, Source, SourceKind, TokenSource
from config_sync.credentials.systemd_credential import CREDENTIAL, CredentialSource

__all__ = [
    "SOURCES",
    "KeySource",
    "Source",
    "SourceKind",
    "TokenSource",
    "default_key",
    "default_token",
    "source_of",
]

SOURCES: Mapping[str, SourceKind] = {kind.key: kind for kind in (ENVIRONMENT, FILE, CREDENTIAL)}
"""Every way to name a source in the settings, by its key."""


def source_of(key: str, value: str, environ: Mapping[str, str]) -> Source:
    """The source that the settings name, ``{key: value}``; `key` is one of SOURCES."""
    return SOURCES[key].build(value, environ)


def default_token(environ: Mapping[str, str]) -> TokenSource:
    """Where the token is looked for when the settings name no source."""
    return TokenSource(_default("service token", "config-service-token", "CONFIG_SERVICE_TOKEN", environ))


def default_key(environ: Mapping[str, str]) -> KeySource:
    """Where the keys are looked for when the settings name no source."""
    return KeySource(_default("encryption key", "config-service-key", "CONFIG_SERVICE_KEY", environ))


def _default(what: str, credential: str, variable: str, environ: Mapping[str, str]) -> FirstOffered:
    """The order of the contract: systemd credential, file named by a variable, variable."""
    return FirstOffered(
        what,
        (
            CredentialSource(credential, environ),
            FileOfVariable(f"{variable}_FILE", environ),
            EnvironmentSource(variable, environ),
        ),
    )
