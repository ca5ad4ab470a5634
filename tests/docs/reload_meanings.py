"""What the reasons of a failed reload mean to an operator; a part of `meanings`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.docs.cause import Cause

RELOAD_FAILURES: Mapping[str, Cause] = {
    "HookNotRunnable": Cause(
        "a hook could not be started: it is not there, may not be executed, has no first line `#!…`, is being written "
        "to; its directory is not there; or `user` takes rights that the agent has not",
        "as the message says; the file or its permissions, or `command`",
    ),
    "HookFailed": Cause("a hook ended with another code than 0, or died of a signal", "what it printed is in the log"),
    "HookTimedOut": Cause(
        "a hook did not end within its `timeout`, and was killed with its whole group",
        "find what it waits for, or raise `timeout`",
    ),
    "PidFileUntrusted": Cause(
        "the pid file is a link or no regular file, may be written by everyone, belongs to a user whose process it "
        "does not name, or names config-sync itself",
        "name the consumer's own pid file, written by root or its user, 0644",
    ),
    "PidFileUnreadable": Cause("the pid file may not be read, or holds no pid", "as the hint says"),
    "PidFileStale": Cause(
        "the pid file is older than the process with its number: most likely a stranger's",
        "restart the consumer, or remove its pid file if it does not run",
    ),
    "ConsumerAmbiguous": Cause(
        "several processes that are not related run the program or match the expression; their pids are named",
        "narrow `cmdline` down, or use `pidfile` or `unit`",
    ),
    "ConsumerUnknown": Cause(
        "the unit has no main process, or one that cannot be seen from here",
        "name the process by `pidfile`, `exe` or `cmdline`; share the PID namespace of the systemd that is asked",
    ),
    "ProcessHidden": Cause(
        "`/proc` hides the process or its program from the agent's user",
        "no `hidepid` and no `ProtectProc=` for the agent; for `exe` one user for both, or CAP_SYS_PTRACE and CAP_KILL",
    ),
    "SignalUnhandled": Cause(
        "the process would die of the signal, which was therefore not sent",
        "the signal that the program documents, or `systemd: UNIT`, or a `command`",
    ),
    "SignalForbidden": Cause(
        "the agent's user may not signal the process; both are named",
        "one user for both, CAP_KILL, or `systemd: UNIT` with a polkit rule",
    ),
    "ConsumerDied": Cause(
        "the process ended, or the unit went down, by its reload",
        "look at its own log: it could not take the new files, or this is not how it reloads",
    ),
    "NoSystemd": Cause(
        "there is no `systemctl`, or no systemd that answers it",
        "use `signal` by `pidfile`, `exe` or `cmdline`, or a `command`",
    ),
    "UnitUnknown": Cause("systemd knows no such unit", "correct the name, or install the unit"),
    "UnitForbidden": Cause(
        "systemd refuses the agent's user", "a polkit rule that lets this user manage exactly that unit"
    ),
    "UnitCannotReload": Cause("`action: reload`, and the unit has no `ExecReload=`", "leave `action` away"),
    "UnitFailed": Cause("the job failed", "see `systemctl status` and `journalctl -u` of the unit"),
    "UnitStarting": Cause("the unit did not finish its start in 30 s", "see its status; it is tried again"),
    "HttpRefused": Cause("nobody listens at the URL", "does the consumer run, and is the port right?"),
    "HttpUnreachable": Cause(
        "the URL's host has no address, or the connection broke", "is the host right, and does the consumer run?"
    ),
    "HttpTimedOut": Cause("no whole answer within `timeout`", "raise it, or see the consumer's own log"),
    "HttpTlsFailed": Cause(
        "the certificate or the handshake is refused", "a private CA must be among the machine's own certificates"
    ),
    "HttpInvalid": Cause("what answers does not speak HTTP", "is the port right?"),
    "HttpStatus": Cause(
        "it answered, with a status that is no success", "see the consumer's own log, `expect`, `method` and `headers`"
    ),
    "StampFailed": Cause(
        "the stamp file could not be touched: a directory that is missing, a link that another user could have set, or "
        "a right",
        "as the hint says",
    ),
}
"""Reasons of `ReloadFailed` beside its own, exit code 11; `once` tries all of them again."""
