"""``python -m tests.system.network.serving DIR HOST PORT KEEP_ALIVE_S``: the embedded service until it is killed.

As `config-sync serve`, with another time between two comments: that is no option of the command. The token and the key
come from ``$CONFIG_SERVICE_TOKEN`` and ``$CONFIG_SERVICE_KEY``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from config_sync.devserver.server import start
from config_sync.model import EncryptionKey, Secret
from tests.service import KEY, TOKEN


def main(directory: str, host: str, port: str, keep_alive_s: str) -> None:
    """Until a signal ends it."""
    token, key = Secret(os.environ["CONFIG_SERVICE_TOKEN"]), EncryptionKey(os.environ["CONFIG_SERVICE_KEY"])
    with start(directory, host=host, port=int(port), token=token, key=key, keep_alive_s=float(keep_alive_s)):
        print("answers", flush=True)
        signal.sigwait([signal.SIGTERM])


@contextlib.contextmanager
def service_process(
    directory: Path, *, host: str = "127.0.0.1", port: int, keep_alive_s: float = 1.0, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """The service as a process that answers; `before` is what starts it (``nsenter …``). Killed on leaving."""
    words = [sys.executable, "-m", __name__, str(directory), host, str(port), str(keep_alive_s)]
    environment = {**os.environ, "CONFIG_SERVICE_TOKEN": TOKEN, "CONFIG_SERVICE_KEY": KEY}
    with subprocess.Popen(
        [*before, *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"answers\n"
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    main(*sys.argv[1:])
