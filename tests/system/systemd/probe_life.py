"""What happens to units in their lives: outages at the start, reloads, stops, rotated tokens."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.system.systemd.inside import (
    BESIDE,
    LOGS,
    OUT,
    PROGRAM,
    TOKEN,
    content,
    drop_in,
    install_program,
    messages,
    results,
    run,
    save,
    serve,
    settings,
    shown,
    store_credentials,
    systemctl,
    unit,
    until,
    wait,
)  # fmt: skip

PRE = (
    f"[Service]\nType=notify\nNotifyAccess=all\nLoadCredential=config-service-token\n"
    f"LoadCredential=config-service-key\nExecStartPre={PROGRAM} --config /etc/config-sync/pre.yaml once\n"
    "ExecStart=sh -c 'cat /srv/pre/pre.json; systemd-notify --ready; exec sleep infinity'\n"
)
APP = (
    "[Unit]\nRequires=config-sync-once@app.service\nAfter=config-sync-once@app.service\n"
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=cat /srv/app/app.json\n"
)


served: list[subprocess.Popen[bytes]] = []


def end_service() -> None:
    served[-1].terminate()
    served[-1].wait()


def prepare() -> None:
    install_program()
    store_credentials()
    Path("/srv/configs").mkdir()
    for name in ("*.service", "*.path"):
        for one in (BESIDE / "systemd").glob(name):
            shutil.copy(one, "/etc/systemd/system/")
    Path("/etc/sysusers.d").mkdir(exist_ok=True)
    shutil.copy(BESIDE / "systemd/sysusers.d/config-sync.conf", "/etc/sysusers.d/")
    results["sysusers"] = run("systemd-sysusers").returncode
    Path("/etc/tmpfiles.d/files.conf").write_text(
        "".join(f"d /srv/{name} 0755 config-sync config-sync -\n" for name in ("app", "pre", "turn", "hook", "env"))
    )
    results["tmpfiles"] = run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/files.conf").returncode
    for name in ("app", "pre", "turn", "hook", "env"):
        save(name, {"greeting": "hello"})
        drop_in(f"config-sync@{name}.service", f"[Service]\nReadWritePaths=/srv/{name}\n")
        drop_in(f"config-sync-once@{name}.service", f"[Service]\nReadWritePaths=/srv/{name}\n")
        settings(name, f"targets: {{{name}: {{files: [{{path: /srv/{name}/{name}.json}}]}}}}\n")


def once_before_an_app() -> None:
    """The service is away when the app starts: retried inside, then the app has its file."""
    unit("app.service", APP)
    drop_in("app.service", LOGS.format("app"))
    systemctl("daemon-reload")
    systemctl("start", "--no-block", "app")
    until("once is retried", lambda: "trying again in" in messages("config-sync-once@app"))
    results["meanwhile"] = [shown("config-sync-once@app", "ActiveState"), shown("app", "ActiveState")]
    served.append(serve())
    until("then the app starts", lambda: shown("app", "ActiveState") == "active")
    results["with its file"] = content(OUT / "app.log")
    results["once ran in one process"] = shown("config-sync-once@app", "NRestarts")


def once_of_its_own() -> None:
    """ExecStartPre=config-sync once, in the very unit that the settings reload; it would wait for itself for ever."""
    settings(
        "pre",
        "targets: {pre: {files: [{path: /srv/pre/pre.json}], reload: {systemd: pre.service}, on_first_sync: reload}}\n",
    )
    for name, more in (("with", "ExecReload=true\n"), ("without", "")):
        unit("pre.service", PRE + more)
        systemctl("daemon-reload")
        for turn in ("first", "again"):
            save("pre", {"greeting": f"{name} {turn}"})
            started = systemctl("restart", "pre")
            results[f"{name} ExecReload, {turn}"] = [started.returncode, shown("pre", "ActiveState")]
        systemctl("stop", "pre")
    results["what it started with"] = [
        line for line in messages("pre").splitlines() if line.startswith("{") or "greeting" in line
    ][-1:]


def environment() -> None:
    """A unit's environment out of a file of ours: every value of the vectors that the dialect takes."""
    document: dict[str, str] = json.loads((OUT / "document.json").read_text())
    save("env", document)
    settings("env", "targets: {env: {files: [{path: /srv/env/env.env}]}}\n")
    unit(
        "env.service",
        "[Unit]\nRequires=config-sync-once@env.service\nAfter=config-sync-once@env.service\n"
        "[Service]\nType=oneshot\nEnvironmentFile=/srv/env/env.env\nExecStart=sh -c 'exec env -0 >/srv/env/read'\n",
    )
    systemctl("daemon-reload")
    results["a unit with all of them starts"] = systemctl("start", "env").returncode
    read = dict(part.partition("=")[::2] for part in Path("/srv/env/read").read_bytes().decode().split("\0") if part)
    results["not read back"] = [value for name, value in document.items() if read.get(name) != value]


def reload_result() -> None:
    """`systemctl reload` returns when the new settings are in force; it fails where they are not."""
    drop_in("config-sync@turn.service", LOGS.format("turn"))
    systemctl("daemon-reload")
    results["start"] = systemctl("start", "config-sync@turn").returncode
    good = content("/etc/config-sync/turn.yaml")
    told = []
    for text in (good + "# a comment\n", good.replace("targets:", "tragets:"), "", good):
        before = content(OUT / "turn.log").count('"settings.re')
        Path("/etc/config-sync/turn.yaml").write_text(text)
        code = systemctl("reload", "config-sync@turn").returncode
        done = content(OUT / "turn.log").count('"settings.re') - before
        told.append([code != 0, done, shown("config-sync@turn", "ActiveState"), shown("config-sync@turn", "SubState")])
    results["reloads"] = told
    systemctl("stop", "config-sync@turn")


def token_turns() -> None:
    """A token from a file that is replaced: the running agent takes it, without a restart."""
    other = "another-" + TOKEN
    Path("/etc/config-sync/token").write_text(TOKEN + "\n")
    settings(
        "turn",
        "service: {host: 'http://127.0.0.1:9181', token: {file: /etc/config-sync/token},"
        " reconnect: {first: 100ms, max: 1s}}\n"
        "targets: {turn: {files: [{path: /srv/turn/turn.json}]}}\n",
    )
    systemctl("start", "config-sync@turn")
    pid = shown("config-sync@turn", "MainPID")
    end_service()
    served.append(serve(token=other))
    save("turn", {"greeting": "for the other token"})
    until("the old token is refused, says the status line", lambda: "401" in shown("config-sync@turn", "StatusText"))
    new = Path("/etc/config-sync/token.new")
    new.write_text(other + "\n")
    new.replace("/etc/config-sync/token")
    until("the new one brings the change", lambda: "for the other" in content("/srv/turn/turn.json"))
    results["in the same process"] = shown("config-sync@turn", "MainPID") == pid
    systemctl("stop", "config-sync@turn")
    end_service()
    served.append(serve())


def stop_in_a_hook() -> None:
    """A stop while a hook runs: it gets its 10 s, and the agent ends well."""
    settings(
        "hook",
        "targets: {hook: {files: [{path: /srv/hook/hook.json}],"
        " reload: {command: [sh, -c, 'touch /srv/hook/begun; sleep 3; touch /srv/hook/done; env >/srv/hook/env']}}}\n",
    )
    ended = "[Service]\nExecStopPost=+sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >/srv/hook/ended'\n"
    drop_in("config-sync@hook.service", ended)
    systemctl("daemon-reload")
    systemctl("start", "config-sync@hook")
    wait(lambda: Path("/srv/hook/begun").exists())
    results["the hook runs at the stop"] = not Path("/srv/hook/done").exists()
    systemctl("stop", "config-sync@hook")
    results["it was let finish"] = [Path("/srv/hook/done").exists(), content("/srv/hook/ended")]
    names = {line.partition("=")[0] for line in content("/srv/hook/env").splitlines()}
    secret = {
        "NOTIFY_SOCKET",
        "CREDENTIALS_DIRECTORY",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "JOURNAL_STREAM",
        "INVOCATION_ID",
    }
    results["the hook has none of systemd's words"] = sorted(names & secret)


def reboot_in_an_outage() -> None:
    """New processes, an empty memory file system, and no service: the file is back, and its consumer starts."""
    memory = Path("/srv/boot")
    memory.mkdir()

    def boots() -> None:
        run("umount", memory)
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", memory)
        shutil.chown(memory, "config-sync", "config-sync")

    boots()
    save("boot", {"greeting": "from before the reboot"})
    settings("boot", "targets: {boot: {files: [{path: /srv/boot/boot.json}]}}\n")
    drop_in("config-sync@boot.service", "[Service]\nReadWritePaths=/srv/boot\n")
    unit(
        "consumer.service",
        "[Unit]\nRequires=config-sync@boot.service\nAfter=config-sync@boot.service\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=cat /srv/boot/boot.json\n",
    )
    systemctl("daemon-reload")
    results["before the reboot"] = [systemctl("start", "consumer").returncode, shown("consumer", "ActiveState")]
    systemctl("stop", "consumer", "config-sync@boot")
    end_service()
    boots()
    results["the file is gone"] = not Path("/srv/boot/boot.json").exists()
    results["after it, without the service"] = [
        systemctl("start", "consumer").returncode,
        shown("consumer", "ActiveState"),
        content("/srv/boot/boot.json"),
    ]
    status = json.loads(content("/run/config-sync/boot/status.json") or "{}")
    results["the status says where it is from"] = status["targets"][0]["from_cache_since"] is not None
    served.append(serve())
    save("boot", {"greeting": "and on"})
    until("life goes on when the service is back", lambda: "and on" in content("/srv/boot/boot.json"))
    systemctl("stop", "consumer", "config-sync@boot")


SCENARIOS = (
    prepare,
    once_before_an_app,
    once_of_its_own,
    environment,
    reload_result,
    token_turns,
    stop_in_a_hook,
    reboot_in_an_outage,
)
