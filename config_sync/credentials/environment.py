"""A secret in an environment variable.

The simplest source, and the one that leaks most easily: ``/proc``, ``docker inspect``, ``systemctl show``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.credentials.source import MAX_BYTES, SourceKind
from config_sync.errors import CredentialError
from config_sync.kinds import Text
from config_sync.model import AbsolutePath


@dataclass(frozen=True, slots=True)
class EnvironmentSource:
    """The value of the variable `name`; an empty one counts as unset."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    def is_offered(self) -> bool:
        """Whether it is set and not empty."""
        return bool(self.environ.get(self.name))

    def read_text(self) -> str:
        """The value. Raises CredentialError when it is unset, empty or too long."""
        text = self.environ.get(self.name)
        if not text:
            state = "is not set" if text is None else "is empty"
            raise CredentialError(f"{self.describe()} {state}", hint="set it in the environment of config-sync")
        if len(text) > MAX_BYTES:
            raise CredentialError(f"{self.describe()} has over {MAX_BYTES} characters")
        return text

    def describe(self) -> str:
        """``environment variable NAME``."""
        return f"environment variable {self.name}"

    def watch_path(self) -> AbsolutePath | None:
        """None: a process's environment does not change."""
        return None


def _build(name: str, environ: Mapping[str, str]) -> EnvironmentSource:
    return EnvironmentSource(name, environ)


ENVIRONMENT = SourceKind("env", Text("the name of an environment variable"), _build, "an environment variable")
