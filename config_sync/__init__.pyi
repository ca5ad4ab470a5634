# What type checkers read in place of __init__.py, which imports these names only when they are used. As a stub, so that
# `config_sync` itself imports nothing also in the eyes of import-linter: every layer may ask it for `__version__`.
from config_sync.sdk import (
    AsyncConfigClient,
    AsyncOptions,
    ConfigChangeEvent,
    ConfigClient,
    ConfigClientError,
    ConfigInfo,
    ConnectionError,  # noqa: A004  # the published name
    DecryptionError,
    ForbiddenError,
    Format,
    GetOptions,
    InvalidResponseError,
    NotFoundError,
    Options,
    Snapshot,
    Stored,
    UnauthorizedError,
    UnmarshalError,
)

__version__: str
__all__ = [
    "AsyncConfigClient",
    "AsyncOptions",
    "ConfigChangeEvent",
    "ConfigClient",
    "ConfigClientError",
    "ConfigInfo",
    "ConnectionError",
    "DecryptionError",
    "ForbiddenError",
    "Format",
    "GetOptions",
    "InvalidResponseError",
    "NotFoundError",
    "Options",
    "Snapshot",
    "Stored",
    "UnauthorizedError",
    "UnmarshalError",
]
