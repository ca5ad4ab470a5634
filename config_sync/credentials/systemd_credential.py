"""A secret that systemd hands over (``LoadCredential=``, ``SetCredentialEncrypted=``).

It is a file below ``$CREDENTIALS_DIRECTORY``: systemd.exec(5), "Credentials".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.credentials.file import FileSource
from config_sync.credentials.source import SourceKind
from config_sync.errors import CredentialError
from config_sync.fields import Node, Problems, expanded, refuse
from config_sync.kinds import Parsed
from config_sync.model import AbsolutePath

_NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.@:+-]{1,255}")


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """The credential `name` of this unit."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    def is_offered(self) -> bool:
        """Whether the unit has it."""
        file = self._file()
        return file is not None and file.is_offered()

    def read_text(self) -> str:
        """The credential. Raises CredentialError, also outside a unit with credentials."""
        file = self._file()
        if file is None:
            raise CredentialError(
                f"cannot read {self.describe()}: $CREDENTIALS_DIRECTORY is not set to an absolute path",
                hint=f"load it in the unit: LoadCredential={self.name}:/path/of/the/secret",
            )
        return file.read_text()

    def describe(self) -> str:
        """``systemd credential NAME``."""
        return f"systemd credential {self.name}"

    def watch_path(self) -> AbsolutePath | None:
        """Its file. systemd changes it with a restart of the unit only; other writers of the directory may not."""
        file = self._file()
        return file.path if file is not None else None

    def _file(self) -> FileSource | None:
        directory = self.environ.get("CREDENTIALS_DIRECTORY", "")
        if not directory.startswith("/"):
            return None
        try:
            return FileSource(AbsolutePath(f"{directory}/{self.name}"), label=self.describe())
        except ValueError:
            return None


def _parse(node: Node, problems: Problems) -> str:
    expected = "the name of a systemd credential"
    one = expanded(node, problems, expected)
    if not _NAME.fullmatch(one.text):
        raise refuse(node, problems, f"expected {expected}: letters, digits and . _ - @ : +")
    return one.text


def _build(name: str, environ: Mapping[str, str]) -> CredentialSource:
    return CredentialSource(name, environ)


CREDENTIAL = SourceKind(
    "credential",
    Parsed("the name of a systemd credential", _parse, lambda: {"type": "string", "pattern": f"^{_NAME.pattern}$"}),
    _build,
    "a systemd credential (`LoadCredential=`)",
)
