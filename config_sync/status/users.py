"""Which targets watch which config: of a thousand targets, an event must not look at each."""

from __future__ import annotations

from config_sync.model import Target


class Users:
    """The targets by the configs that they use unpinned. Not for threads."""

    __slots__ = ("_configs", "_targets")

    def __init__(self) -> None:
        self._targets: dict[str, dict[str, None]] = {}
        self._configs: dict[str, frozenset[str]] = {}

    def put(self, target: Target) -> None:
        """Know the target; for one that is known, as it is now."""
        self.drop(target.name)
        configs = frozenset(ref.name for ref in target.configs if ref.version is None)
        self._configs[target.name] = configs
        for config in configs:
            self._targets.setdefault(config, {})[target.name] = None

    def drop(self, name: str) -> None:
        """Forget a target; nothing where it is not known."""
        for config in self._configs.pop(name, ()):
            del self._targets[config][name]
            if not self._targets[config]:
                del self._targets[config]

    def of(self, config: str) -> tuple[str, ...]:
        """The targets that watch it, in the order in which they were put."""
        return tuple(self._targets.get(config, ()))

    def __contains__(self, config: str) -> bool:
        return config in self._targets
