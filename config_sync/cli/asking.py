"""Asking the running agent by its socket. Standard library only: `health` must start in no time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping

from config_sync.errors import NoAgent
from config_sync.settings.directories import default_runtime_dir

SOCKET_NAME = "control.sock"


def runtime_dir_of(given: str | None) -> str:
    """Where the agent's socket is, without reading any settings: as given, $CONFIG_SYNC_RUNTIME_DIR, or the default."""
    return given or os.environ.get("CONFIG_SYNC_RUNTIME_DIR") or default_runtime_dir(os.environ)


def ask(runtime_dir: str, request: Mapping[str, object], *, timeout_s: float | None) -> Mapping[str, object]:
    """The agent's answer to one request; `timeout_s` None waits for as long as the work takes.

    Raises:
        NoAgent: nobody answers there, or not as an agent does.
    """
    path = os.path.join(runtime_dir, SOCKET_NAME)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(path)
            line.sendall(json.dumps(request).encode() + b"\n")
            received = bytearray()
            while not received.endswith(b"\n"):
                chunk = line.recv(65536)
                if not chunk:
                    raise NoAgent(f"the agent on {path} hung up", hint="it is stopping, or it died: see its log")
                received += chunk
    except TimeoutError as error:
        raise NoAgent(f"the agent on {path} did not answer within {timeout_s} s", hint="see its log") from error
    except PermissionError as error:
        raise NoAgent(f"{path}: permission denied", hint="ask as root or as the agent's own user") from error
    except OSError as error:
        raise NoAgent(
            f"no agent answers on {path}: {error.strerror or error}",
            hint="is it running? --runtime-dir names another one's directory",
            is_absent=isinstance(error, (FileNotFoundError, ConnectionRefusedError)),
        ) from error
    try:
        answer: object = json.loads(received)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NoAgent(f"what answers on {path} is no agent", hint="are the agent and this command of one version?")
    return answer


def code_of(answer: Mapping[str, object]) -> int:
    """The exit code that the agent gave."""
    code = answer.get("exit_code")
    return code if isinstance(code, int) else 70
