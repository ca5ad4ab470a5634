"""The shipped units, really started, with what systemd/README.md and the examples say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.system.systemd.inside import (
    BESIDE,
    CONFIGS,
    LOGS,
    PROGRAM,
    PYTHON,
    content,
    drop_in,
    install_program,
    results,
    run,
    save,
    serve,
    settings,
    shown,
    store_credentials,
    systemctl,
    until,
)


def prepare() -> None:
    """The set-up of systemd/README.md, with users of known numbers."""
    install_program()
    store_credentials()
    with open("/etc/passwd", "a") as file:
        file.write("config-sync:x:6991:6991::/nonexistent:/usr/sbin/nologin\n")
    with open("/etc/group", "a") as file:
        file.write("config-sync:x:6991:\nmy-service:x:6992:\n")
    for one in (BESIDE / "systemd").glob("*.service"):
        shutil.copy(one, "/etc/systemd/system/")
    CONFIGS.mkdir(parents=True)
    save("my-service", {"greeting": "hello"})
    serve()


def one_agent() -> None:
    """config-sync.service, with a consumer that reloads by SIGHUP."""
    Path("/etc/my-service").mkdir()
    os.chown("/etc/my-service", 6991, 6992)
    os.chmod("/etc/my-service", 0o2750)  # as systemd/README.md says: setgid, for the consumer's group
    settings("settings", (BESIDE / "examples/sighup/settings.yaml").read_text())
    drop_in("config-sync.service", "[Service]\nReadWritePaths=/etc/my-service\n")
    for name in ("group-owner", "direct-signal"):
        drop_in("config-sync.service", (BESIDE / f"systemd/drop-ins/{name}.conf").read_text())
    drop_in("config-sync.service", LOGS.format("agent"))
    told = "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS"
    drop_in("config-sync.service", f"[Service]\nExecStopPost=+/bin/sh -c 'echo {told} >/opt/cs/ended'\n")
    consumer = (
        "[Service]\nUser=config-sync\nGroup=config-sync\nSupplementaryGroups=my-service\nRuntimeDirectory=my-service\n"
        f"Environment=LD_LIBRARY_PATH=/opt/python/lib\nExecStart={PYTHON} /opt/consumer.py /etc/my-service/config.json"
        " /run/my-service/my-service.pid\n" + LOGS.format("consumer").removeprefix("[Service]\n")
    )
    shutil.copy(BESIDE / "examples/sighup/consumer.py", "/opt/consumer.py")
    Path("/etc/systemd/system/consumer.service").write_text(consumer)
    systemctl("daemon-reload")

    started = systemctl("start", "config-sync")
    results["start"] = [started.returncode, started.stderr, shown("config-sync", "ActiveState")]
    results["the file stands when start returns"] = content("/etc/my-service/config.json") != ""
    found = os.stat("/etc/my-service/config.json")
    results["its owner, group and mode"] = [found.st_uid, found.st_gid, oct(found.st_mode & 0o7777)]
    results["status text"] = shown("config-sync", "StatusText")
    with open(f"/proc/{shown('config-sync', 'MainPID')}/status") as file:
        lines = dict(line.rstrip().split(":\t", 1) for line in file if ":\t" in line)
    results["uid and capabilities"] = [lines["Uid"].split("\t")[0], int(lines["CapBnd"], 16), int(lines["CapEff"], 16)]

    systemctl("start", "consumer")
    until("the consumer sees the file", lambda: "hello" in content("/opt/cs/consumer.log"))
    save("my-service", {"greeting": "changed"})
    until("a change reaches the consumer", lambda: "changed" in content("/opt/cs/consumer.log"))

    results["reload with good settings"] = systemctl("reload", "config-sync").returncode
    good = content("/etc/config-sync/settings.yaml")
    Path("/etc/config-sync/settings.yaml").write_text(good.replace("targets:", "tragets:"))
    results["reload with bad settings fails"] = systemctl("reload", "config-sync").returncode != 0
    results["and it runs on"] = [shown("config-sync", "ActiveState"), shown("config-sync", "SubState")]
    Path("/etc/config-sync/settings.yaml").write_text(good)

    systemctl("stop", "config-sync")
    results["stop"] = content("/opt/cs/ended")
    systemctl("stop", "consumer")


def an_instance() -> None:
    """config-sync@one.service, beside nothing else."""
    settings("one", "targets: {my-service: {files: [{path: /etc/my-service/one.json}]}}\n")
    drop_in("config-sync@.service", "[Service]\nReadWritePaths=/etc/my-service\n")
    drop_in("config-sync@.service", LOGS.format("instance"))
    systemctl("daemon-reload")
    results["start of an instance"] = systemctl("start", "config-sync@one").returncode
    results["status of an instance"] = "synced" in run(PROGRAM, "status", "--instance", "one").stdout
    results["reload of an instance"] = systemctl("reload", "config-sync@one").returncode
    systemctl("stop", "config-sync@one")


def a_wider_instance() -> None:
    """config-sync@two.service with the drop-ins of "What a target needs": owner, group, another's process, /tmp."""
    Path("/tmp/two").mkdir()
    os.chown("/tmp/two", 6991, 6991)
    settings(
        "two",
        "targets: {my-service: {files: [{path: /tmp/two/file.json, owner: nobody, group: my-service}],"
        " reload: {signal: HUP, pidfile: /run/other/other.pid}}}\n",
    )
    for name in ("any-owner", "direct-signal", "group-owner"):
        drop_in("config-sync@two.service", (BESIDE / f"systemd/drop-ins/{name}.conf").read_text())
    drop_in("config-sync@two.service", "[Service]\nPrivateTmp=no\nReadWritePaths=/tmp/two\n")
    consumer = (
        "[Service]\nUser=nobody\nRuntimeDirectory=other\nEnvironment=LD_LIBRARY_PATH=/opt/python/lib\n"
        f"ExecStart={PYTHON} /opt/consumer.py /tmp/two/file.json /run/other/other.pid\n"
    )
    Path("/etc/systemd/system/other.service").write_text(consumer)
    drop_in("other.service", LOGS.format("other"))
    systemctl("daemon-reload")
    results["start of a wider instance"] = systemctl("start", "config-sync@two").returncode
    found = os.stat("/tmp/two/file.json")
    results["it gives the file away"] = [found.st_uid, found.st_gid]
    os.chmod("/tmp/two", 0o755)
    systemctl("start", "other")
    until("the other's process sees it", lambda: "changed" in content("/opt/cs/other.log"))
    save("my-service", {"greeting": "for the other"})
    until("and hears of a change", lambda: "for the other" in content("/opt/cs/other.log"))
    systemctl("stop", "config-sync@two", "other")


def an_environment_file() -> None:
    """The example env-file-for-systemd-unit, with the agent as root, who may restart units."""
    example = BESIDE / "examples/env-file-for-systemd-unit"
    os.chown("/etc/my-service", 0, 0)
    shutil.rmtree("/var/lib/config-sync")  # a machine where the agent never ran
    settings("settings", (example / "settings.yaml").read_text())
    drop_in("config-sync.service", "[Service]\nUser=root\nGroup=root\n")
    shutil.copy(example / "my-service.service", "/etc/systemd/system/")
    drop_in("my-service.service", LOGS.format("my-service"))
    systemctl("daemon-reload")
    save("my-service", {"greeting": "hello", "db": {"url": "postgres://db"}})
    results["start of the unit with its agent"] = systemctl("start", "my-service").returncode
    until("the unit has its environment", lambda: "greeting is hello" in content("/opt/cs/my-service.log"))
    results["and is not restarted by the first sync"] = content("/opt/cs/my-service.log").count("hello") == 1
    results["the environment file"] = content("/etc/my-service/my-service.env")
    save("my-service", {"greeting": "changed"})
    until("a change restarts it", lambda: "greeting is changed" in content("/opt/cs/my-service.log"))


SCENARIOS = (prepare, one_agent, an_instance, a_wider_instance, an_environment_file)
