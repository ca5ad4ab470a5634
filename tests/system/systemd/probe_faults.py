"""What goes wrong with units: each a clear sentence in the status line, the log and the exit code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.system.systemd.inside import (
    CONFIGS,
    PROGRAM,
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
)  # fmt: skip

AGENT = "config-sync"


def status_of(instance: str) -> str:
    return shown(f"config-sync@{instance}", "StatusText")


def sync(instance: str) -> tuple[int, str]:
    done = run(PROGRAM, "sync", "--wait", "--runtime-dir", f"/run/config-sync/{instance}")
    return done.returncode, done.stdout + done.stderr


def prepare() -> None:
    install_program()
    store_credentials()
    CONFIGS.mkdir()
    for name in ("gone", "app"):
        save(name, {"greeting": "hello"})
    serve()
    settings("gone", "targets: {gone: {files: [{path: /srv/gone/gone.json}]}}\n")
    run(PROGRAM, "--config", "/etc/config-sync/gone.yaml", "install-systemd")
    run("systemd-sysusers")
    systemctl("daemon-reload")


def no_directory() -> None:
    """The writable path is missing, then made too late: both are said."""
    systemctl("start", "--no-block", "config-sync@gone")
    until("a missing directory is in the status line", lambda: "/srv/gone does not exist" in status_of("gone"))
    results["check said so"] = "warning: targets.gone: /srv/gone/gone.json: /srv/gone does not exist" in messages(
        "config-sync@gone"
    )
    results["a sync ends with 10"] = sync("gone")[0]
    Path("/srv/gone").mkdir()
    shutil.chown("/srv/gone", AGENT, AGENT)
    code, said = sync("gone")
    results["one that is made too late"] = [code, "read-only" in said, "ReadWritePaths=" in said and "restart" in said]
    results["heals by a restart"] = [
        systemctl("restart", "config-sync@gone").returncode,
        Path("/srv/gone/gone.json").exists(),
    ]
    results["systemd refuses one that must be there"] = strict()


def strict() -> list[object]:
    """A drop-in by hand, without the dash: systemd itself refuses."""
    run("systemctl", "stop", "config-sync@gone")
    drop_in("config-sync@strict.service", "[Service]\nReadWritePaths=/srv/nowhere\nRestart=no\n")
    settings("strict", "targets: {gone: {files: [{path: /srv/nowhere/gone.json}]}}\n")
    systemctl("daemon-reload")
    code = systemctl("start", "config-sync@strict").returncode
    systemctl("start", "config-sync@gone")
    said = messages("config-sync@strict")
    return [code, shown("config-sync@strict", "Result"), "/srv/nowhere: No such file or directory" in said]


def replaced() -> None:
    """The directory is replaced under the running agent: its mount namespace still has the old one."""
    os.rename("/srv/gone", "/srv/before")
    Path("/srv/gone").mkdir()
    shutil.chown("/srv/gone", AGENT, AGENT)
    save("gone", {"greeting": "changed"})
    until("a replaced directory is in the status line", lambda: "read-only" in status_of("gone"))
    code, said = sync("gone")
    results["and what to do"] = [code, "replaced or remounted under this process's mount namespace; restart" in said]
    results["the log says it too"] = "mount namespace; restart the agent" in messages("config-sync@gone")
    systemctl("restart", "config-sync@gone")
    results["a restart heals it"] = "changed" in Path("/srv/gone/gone.json").read_text()
    systemctl("stop", "config-sync@gone")


def no_credential() -> None:
    """The key is not where LoadCredential= looks."""
    key = Path("/etc/credstore/config-service-key")
    key.rename("/etc/credstore/elsewhere")
    save("gone", {"greeting": "sealed"})
    shutil.rmtree("/var/lib/config-sync/gone")
    systemctl("start", "--no-block", "config-sync@gone")
    until("a missing key is in the status line", lambda: "no encryption key" in status_of("gone"))
    said = messages("config-sync@gone")
    results["check warned of it"] = "warning: service.key: no encryption key" in said
    results["a sync without it"] = sync("gone")[0]
    results["the log"] = '"reason": "CredentialUnusable"' in messages("config-sync@gone")
    systemctl("stop", "config-sync@gone")
    Path("/etc/credstore/elsewhere").rename(key)
    drop_in("config-sync@gone.service", "[Service]\nLoadCredential=config-service-key:/nowhere/key\nRestart=no\n")
    systemctl("daemon-reload")
    code = systemctl("start", "config-sync@gone").returncode
    said = messages("config-sync@gone")
    results["one with a path"] = [code, shown("config-sync@gone", "Result"), "status=243/CREDENTIALS" in said]


def readers() -> None:
    """`check`: can the unit's user read what the agent will write."""
    run("useradd", "--system", "--no-create-home", "www-user")
    Path("/srv/app").mkdir(mode=0o755)
    shutil.chown("/srv/app", AGENT, AGENT)
    for name, words in (
        ("reader", "User=www-user"),
        ("dynamic", "DynamicUser=yes"),
        ("root", ""),
        ("member", "User=nobody\nSupplementaryGroups=www-user"),
    ):
        unit(f"{name}.service", f"[Service]\n{words}\nExecStart=sleep infinity\n")
    systemctl("daemon-reload")
    told = {}
    for name in ("reader", "dynamic", "root", "member"):
        for group in ("", ", group: www-user"):
            settings(
                "app",
                f"targets: {{app: {{files: [{{path: /srv/app/app.json{group}}}], reload: {{systemd: {name}}}}}}}\n",
            )
            done = run(PROGRAM, "--config", "/etc/config-sync/app.yaml", "check")
            lines = [
                line
                for line in done.stderr.splitlines()
                if "cannot read" in line or "add `" in line or "SupplementaryGroups" in line
            ]
            told[name + group] = [
                done.returncode,
                *(line.partition("/srv/app/app.json: ")[2] or line.strip() for line in lines),
            ]
    results["who can read"] = told
    settings(
        "app", "targets: {app: {files: [{path: /srv/app/app.json, group: www-user}], reload: {systemd: reader}}}\n"
    )
    Path("/srv/app").chmod(0o700)
    done = run(PROGRAM, "--config", "/etc/config-sync/app.yaml", "check")
    results["a directory in the way"] = "it may not enter /srv/app" in done.stderr


def sandboxed() -> None:
    """What the unit forbids is an error of `check` that names the drop-in, and stops the start."""
    settings(
        "app",
        "targets: {app: {files: [{path: /srv/app/app.json}], reload: {signal: HUP, pidfile: /run/app.pid}}}\n",
    )
    Path("/srv/app").chmod(0o755)
    drop_in("config-sync@app.service", "[Service]\nReadWritePaths=/srv/app\nRestart=no\n")
    systemctl("daemon-reload")
    # In a scope, as a login is: in this probe's own unit it would take that for the agent's.
    done = run("systemd-run", "--scope", "--quiet", PROGRAM, "--config", "/etc/config-sync/app.yaml", "check")
    results["a signal, by hand"] = [done.returncode, "direct-signal.conf" in done.stderr]
    results["a signal, in the unit"] = [
        systemctl("start", "config-sync@app").returncode,
        "direct-signal.conf" in messages("config-sync@app"),
    ]
    for key, name in (("group: www-user", "group-owner.conf"), ("owner: www-user", "any-owner.conf")):
        settings("app", f"targets: {{app: {{files: [{{path: /srv/app/app.json, {key}}}]}}}}\n")
        code = systemctl("start", "config-sync@app").returncode
        results[key] = [code, name in messages("config-sync@app")]
    told = Path("/etc/systemd/system/config-sync@app.service.d")
    shutil.rmtree(told)
    settings(
        "app",
        "targets: {app: {files: [{path: /srv/app/app.json, owner: www-user, group: www-user}],"
        " reload: {signal: HUP, unit: reader.service}}}\n",
    )
    done = run(PROGRAM, "--config", "/etc/config-sync/app.yaml", "install-systemd")
    run("systemd-tmpfiles", "--create")
    systemctl("daemon-reload")
    results["with what install-systemd writes it starts"] = [
        done.returncode,
        systemctl("start", "config-sync@app").returncode,
    ]
    found = os.stat("/srv/app/app.json")
    results["and the file is given away"] = [found.st_uid != 0, oct(found.st_mode & 0o7777)]
    security = run("systemd-analyze", "security", "--no-pager", "config-sync@app.service").stdout
    results["exposure with all rights"] = float(
        security.split("exposure level for config-sync@app.service: ")[-1].split()[0]
    )


SCENARIOS = (prepare, no_directory, replaced, no_credential, readers, sandboxed)
