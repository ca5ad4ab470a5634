"""The target that a command's word means, among those of the settings."""

from __future__ import annotations

from config_sync.errors import UsageError
from config_sync.fields import nearest
from config_sync.model import Target
from config_sync.settings import Settings


def target_named(settings: Settings, name: str) -> Target:
    """The target of that name. Raises UsageError, with what was probably meant."""
    known = {target.name: target for target in settings.targets}
    if name in known:
        return known[name]
    near = nearest(name, tuple(known))
    hint = f"did you mean {near!r}?" if near else f"the settings have {', '.join(known) or 'none'}"
    raise UsageError(f"there is no target {name!r} in the settings", hint=hint)
