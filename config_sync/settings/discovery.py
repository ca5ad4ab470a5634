"""Which settings file is meant."""

from __future__ import annotations

import os
from collections.abc import Mapping

from config_sync.errors import SettingsError

DEFAULT_PATH = "/etc/config-sync/settings.yaml"
VARIABLE = "CONFIG_SYNC_CONFIG"


def find_settings(explicit: str | None, environ: Mapping[str, str]) -> str:
    """The path given (``--config``), else ``$CONFIG_SYNC_CONFIG``, else the one in /etc.

    Raises:
        SettingsError: nothing is there. A file that is there but cannot be read is found here and told by `load`.
    """
    path, origin = explicit, "--config"
    if path is None and environ.get(VARIABLE):
        path, origin = environ[VARIABLE], f"${VARIABLE}"
    if path is None:
        path, origin = DEFAULT_PATH, "the default; neither --config nor $" + VARIABLE + " is given"
    if not path or not os.path.lexists(path):
        raise SettingsError(
            f"no settings file {path} ({origin})",
            hint="name the file with --config FILE, or do without one: --file NAME=/path/of/file.yaml; "
            "`config-sync schema` prints what a settings file may hold",
        )
    return path
