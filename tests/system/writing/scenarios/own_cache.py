"""A revision kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config_sync.cache import RevisionCache, Seen
from config_sync.files import Calls
from config_sync.files.names import OURS
from config_sync.model import ConfigName, ConfigRef
from tests.system.writing.scenario import NEW, OLD, WHOLE
from tests.unit.files.world import snapshot

_REF = ConfigRef(ConfigName("my-service"))
_REVISIONS = {OLD: "aaaaaaaaaaaa", NEW: "bbbbbbbbbbbb"}
_KEY = b"k" * 32


@dataclass(frozen=True, slots=True)
class KeptRevision:
    """A newer revision kept where the history has room for one."""

    name: str

    @property
    def may_show(self) -> frozenset[str]:
        return WHOLE

    def prepare(self, place: Path) -> None:
        (place / "state").mkdir(mode=0o700)
        self._cache(place).keep(self._seen(OLD), target="app", now=1.0)

    def precede(self, place: Path) -> None:
        pass

    def act(self, place: Path, calls: Calls) -> None:
        cache = self._cache(place, calls)
        cache.sweep()
        cache.prune((_REF,))
        cache.keep(self._seen(NEW), target="app", now=2.0)

    def see(self, place: Path) -> str:
        cache = self._cache(place)
        found = cache.revisions(_REF)
        for word, revision in _REVISIONS.items():
            if found and found[0].revision == revision:
                is_whole = cache.load(_REF, revision).ciphertext == self._seen(word).ciphertext
                modes = {path.stat().st_mode & 0o7777 for path in self._files(place)}
                return word if is_whole and modes == {0o600} else f"another {word}, {modes}"
        return f"{found}"

    def untouched(self, place: Path) -> object:
        return [snapshot(path) for path in self._files(place)]

    def litter(self, place: Path) -> list[str]:
        """Temps, and what is beyond the history."""
        temps = [path.name for path in (place / "state" / "cache").iterdir() if path.name.startswith(OURS)]
        return temps + [f"beyond {path.name}" for path in self._files(place)[1:]]

    @staticmethod
    def _files(place: Path) -> list[Path]:
        return sorted(path for path in (place / "state" / "cache").iterdir() if not path.name.startswith(OURS))

    @staticmethod
    def _cache(place: Path, calls: Calls | None = None) -> RevisionCache:
        return RevisionCache(str(place / "state"), digest_key=_KEY, history=1, calls=calls)

    @staticmethod
    def _seen(word: str) -> Seen:
        return Seen(_REF, word.encode() * 3000, _REVISIONS[word], "key", version=len(word))


SCENARIOS = (KeptRevision("revision"),)
