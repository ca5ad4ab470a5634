"""config-sync: centrally kept, encrypted configs as files that ordinary programs read; and an SDK for those in Python.

The SDK's names are here (``from config_sync import ConfigClient, Options``) and are imported when they are used: the
command and its start-up time never pay for them. Type checkers read ``__init__.pyi``.
"""

__version__ = "0.1.0"

__all__ = [  # `__getattr__` has them
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


def __getattr__(name: str) -> object:
    """PEP 562: a name of the SDK, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # only for programs that use the SDK

    found: object = getattr(importlib.import_module("config_sync.sdk"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
