"""The systemd units for one's own settings: what targets need of the system, and the files that give it to them.

`rights` reads it off the targets, `generated` writes the files' texts, `shipped` holds the units of the project as they
are installed by hand (a link to ``systemd/``; a wheel has them as files), `installing` puts them in place.
"""

from config_sync.units.generated import UnitFile, unit_files, unit_of
from config_sync.units.installing import Written, install
from config_sync.units.rights import AGENT_USER, Names, Rights, Standing, rights_of

__all__ = [
    "AGENT_USER",
    "Names",
    "Rights",
    "Standing",
    "UnitFile",
    "Written",
    "install",
    "rights_of",
    "unit_files",
    "unit_of",
]
