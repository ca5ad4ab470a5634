"""What a settings file becomes: frozen values in which everything is right."""

from __future__ import annotations

from dataclasses import dataclass

from config_sync.backoff import Backoff
from config_sync.credentials import KeySource, TokenSource
from config_sync.errors import Problem
from config_sync.http.proxy import Proxy
from config_sync.model import AbsolutePath, Target
from config_sync.settings.listen import ListenAddress

RETRY = Backoff(0.5, 5.0)
RECONNECT = Backoff(5.0, 60.0)


@dataclass(frozen=True, slots=True)
class ClientCert:
    """The files of mutual TLS, in PEM form."""

    cert_file: AbsolutePath
    key_file: AbsolutePath


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How to reach the Config Service. Times in seconds, sizes in bytes.

    `host` is the base URL without a trailing slash; None only where no service is needed.
    """

    host: str | None
    token: TokenSource
    keys: KeySource
    allow_insecure: bool = False
    ca_file: AbsolutePath | None = None
    client_cert: ClientCert | None = None
    proxy: Proxy | None = None
    connect_timeout_s: float = 5.0
    request_timeout_s: float = 10.0
    idle_timeout_s: float = 90.0
    resync_s: float = 300.0
    retry: Backoff = RETRY
    reconnect: Backoff = RECONNECT
    watch: str = "auto"
    poll_interval_s: float = 30.0
    max_bytes: int = 1024**2
    stale_after_s: float = 900.0


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Where the agent keeps its own things, and how it logs (words of `config_sync.log`).

    `history`: revisions kept of each config. `offline_start_s`: the age in seconds up to which one may serve without
    the service; 0: never, infinity: always.
    """

    state_dir: AbsolutePath
    runtime_dir: AbsolutePath
    log_level: str = "info"
    log_format: str = "auto"
    history: int = 10
    offline_start_s: float = 7 * 86400.0
    listen: ListenAddress | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command needs to know. `warnings` work but may surprise; each is to be told once."""

    service: ServiceSettings
    agent: AgentSettings
    targets: tuple[Target, ...]
    warnings: tuple[Problem, ...] = ()
