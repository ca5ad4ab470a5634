"""The last good revisions of every config, as the service's own ciphertext: for a start without it, and for a way back.

`RevisionCache` is the door; `sealed` is one file of it as bytes, `names` what the files are called. Nothing decrypted
ever comes here: the caller opens what `RevisionCache.load` gives, with the keys of the day.
"""

from config_sync.cache.revision import Cached, Revision, Seen
from config_sync.cache.revisions import RevisionCache

__all__ = ["Cached", "Revision", "RevisionCache", "Seen"]
