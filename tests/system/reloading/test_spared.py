"""Programs that would die of a HUP, and are spared: node, and the same by every way of naming them."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.system.reloading.agents import in_its_own_process, told_by_another_agent
from tests.unit.reloads.consumers import pid_file
from tests.waiting import eventually


@pytest.mark.node
def test_node_without_a_handler_is_spared_and_with_one_it_is_told(tmp_path: Path) -> None:
    word = str(uuid.uuid4())
    log = tmp_path / "log"
    handler = f"process.on('SIGHUP', () => fs.appendFileSync({str(log)!r}, 'HUP\\n'));"
    for code, expected in (("", "SignalUnhandled"), (handler, "RELOADED")):
        log.write_text("")
        # It answers only once all of its script has run: then the handler, if any, stands.
        script = (
            f"const fs = require('fs'); {code} fs.appendFileSync({str(log)!r}, 'ready\\n'); setInterval(() => 0, 1e6)"
        )
        with subprocess.Popen(["node", "-e", script, word], start_new_session=True) as node:
            try:
                eventually(lambda: "ready" in log.read_text(), within_s=60)
                by_pid = in_its_own_process(f"print(said_of(hup(AbsolutePath({pid_file(tmp_path, node.pid)!r}))))")
                by_words = told_by_another_agent(f"ByCmdline(re.compile({word!r}))")
                assert [one.partition(" | ")[0] for one in (by_pid, by_words)] == [expected, expected]
                if code:
                    eventually(lambda: "HUP" in log.read_text())
                assert node.poll() is None
            finally:
                os.killpg(node.pid, signal.SIGKILL)
