# What type checkers read in place of __init__.py, which imports these names only when they are used. As a stub, so that
# `config_sync` itself imports nothing also in the eyes of import-linter: every layer may ask it for `__version__`.
from config_sync.sdk import (
    AsyncConfigClient as AsyncConfigClient,
)
from config_sync.sdk import (
    AsyncOptions as AsyncOptions,
)
from config_sync.sdk import (
    ConfigChangeEvent as ConfigChangeEvent,
)
from config_sync.sdk import (
    ConfigClient as ConfigClient,
)
from config_sync.sdk import (
    ConfigClientError as ConfigClientError,
)
from config_sync.sdk import (
    ConfigInfo as ConfigInfo,
)
from config_sync.sdk import (
    ConnectionError as ConnectionError,
)
from config_sync.sdk import (
    DecryptionError as DecryptionError,
)
from config_sync.sdk import (
    ForbiddenError as ForbiddenError,
)
from config_sync.sdk import (
    Format as Format,
)
from config_sync.sdk import (
    GetOptions as GetOptions,
)
from config_sync.sdk import (
    InvalidResponseError as InvalidResponseError,
)
from config_sync.sdk import (
    NotFoundError as NotFoundError,
)
from config_sync.sdk import (
    Options as Options,
)
from config_sync.sdk import (
    Snapshot as Snapshot,
)
from config_sync.sdk import (
    Stored as Stored,
)
from config_sync.sdk import (
    UnauthorizedError as UnauthorizedError,
)
from config_sync.sdk import (
    UnmarshalError as UnmarshalError,
)

__version__: str
__all__: list[str]
