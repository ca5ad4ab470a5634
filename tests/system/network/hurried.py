"""``python -m tests.system.network.hurried WORDS``: `config-sync WORDS` whose connections time out twenty times faster.

The kernel's keep-alive and TCP_USER_TIMEOUT notice a dead link within a minute, as shipped; no setting makes them
quicker. Only the numbers are others here: that they are set, and what they lead to, is what is shown.
"""

from __future__ import annotations

import socket
import sys

from config_sync.http import connecting

_FASTER = {
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 2,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 1,
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 3_000,
}

if __name__ == "__main__":
    connecting.SOCKET_OPTIONS = tuple(
        (level, option, _FASTER.get((level, option), value)) for level, option, value in connecting.SOCKET_OPTIONS
    )
    from config_sync.cli import main  # after that: what opens the streams takes the options when it is imported

    sys.exit(main(sys.argv[1:]))
