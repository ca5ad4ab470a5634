"""What the code's own words mean to an operator: log events and reasons; `sections` puts them beside the code's facts.

Every entry is checked against the code: a word that the code does not use, or one that stands not here, fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.docs.cause import Cause
from tests.docs.reload_meanings import RELOAD_FAILURES as RELOAD_FAILURES


@dataclass(frozen=True, slots=True)
class Event:
    """A log event: at which levels it is written, and what it tells."""

    levels: str
    meaning: str


EVENTS: Mapping[str, Event] = {
    "agent.started": Event("info", "`run` has begun"),
    "agent.stopped": Event("info", "`run` ends, everything is saved"),
    "settings.reloaded": Event("info", "new settings are in force"),
    "settings.rejected": Event("error", "the new settings are bad; the old ones stay in force"),
    "settings.warned": Event("warning", "the settings work, but something in them deserves a look"),
    "credentials.changed": Event("info", "a credential's file changed; everything is looked at now"),
    "state.unavailable": Event(
        "warning",
        "there is no durable state: the directory cannot be used, a damaged `records.json` was set aside, or "
        "`status.json` cannot be written",
    ),
    "stream.connected": Event("info, debug", "a config's stream is open"),
    "stream.lost": Event("warning, error, debug", "a config's stream is gone; once an outage and reason above debug"),
    "stream.recovered": Event("info", "it is back and has held: the outage is over"),
    "poll.started": Event(
        "info, warning, debug",
        "the list of configs is looked at every `every_s` seconds: by `watch: poll`, or (warning) because a config's "
        "stream is not to be had",
    ),
    "poll.ended": Event("info", "the config's stream works: the list is no longer looked at for it"),
    "poll.failed": Event("warning, error, debug", "the list could not be had; once an outage and reason above debug"),
    "poll.recovered": Event("info", "the list is to be had again"),
    "event.received": Event("debug", "a stream told of a change"),
    "event.unmet": Event("info", "the change that an event told of is not given: by the list it is not valid (yet)"),
    "target.reconciled": Event("info, debug", "a pass over a target is done; debug where nothing changed"),
    "target.failed": Event(
        "warning, error, debug",
        "a pass failed: warning heals by itself, error needs a person; said again is debug for ten minutes",
    ),
    "target.recovered": Event("info", "the failure before is over"),
    "cache.damaged": Event(
        "warning", "a file of the cache was changed, cut or put there from elsewhere: it is not used"
    ),
    "cache.unavailable": Event("warning", "revisions cannot be kept, such as on a full disk; syncing goes on"),
    "cache.recovered": Event("info", "they are kept again"),
    "cache.served": Event("warning", "the service is away, and files that were missing come from the cache"),
    "cache.pruned": Event("info", "revisions of configs that no target names any more are gone"),
    "target.held": Event("info", "an operator holds a target: who, why, and for how long (`until_s`)"),
    "target.resumed": Event("info", "the hold is over: by `resume`, or since its time has passed"),
    "rollback.begun": Event("warning", "an operator goes back to earlier revisions, which are held then"),
    "file.written": Event("debug", "a file has new content, durably"),
    "drift.found": Event("warning", "somebody changed a file, and `on_drift: report` leaves it as it is"),
    "file.removed": Event("info", "a file of ours that the settings no longer name was removed"),
    "file.warned": Event(
        "warning, debug",
        "something about a file deserves a look: its content, other hard links, durability, its watch, that it was "
        "written in place, or why one that the settings no longer name stays",
    ),
    "leftover.removed": Event("info", "a hidden file that a killed predecessor left was removed"),
    "reload.done": Event("info", "a consumer was told"),
    "reload.failed": Event("warning", "an owed reload failed, in a pass that could not have the newest config"),
    "reload.waiting": Event("debug", "a consumer needed not be told: not running, started later, or our own unit"),
    "reload.warned": Event("warning", "a consumer was told, but may not have listened"),
    "probe.failed": Event("warning", "the consumer was unwell already before a change, which is not rolled back then"),
    "revision.rolled_back": Event(
        "error", "the consumer could not live with a revision: the files of before are back, and it is skipped"
    ),
    "signal.sent": Event("debug", "a signal was sent to a process that handles it"),
    "hook.printed": Event(
        "info, warning, debug",
        "a line that a hook, a checker or (debug) a probe printed; secrets of `env` are taken out",
    ),
    "key.served": Event(
        "info", "a config was decrypted with another key than before, named by its fingerprint: a rotation goes on"
    ),
    "tls.renewed": Event("info", "the CA or the client certificate on the disk has changed: connections are made anew"),
    "service.warned": Event("warning", "something weakens the connection to the service"),
    "child.started": Event("info", "`exec` has started the application"),
    "child.ended": Event(
        "info", "the application behind `exec` has ended; `outcome` says how, `reason` if we asked it to"
    ),
    "child.failed": Event("error", "the application behind `exec` could not be started; it is tried again"),
    "listen.started": Event("info", "the health and metrics server answers at `address`"),
    "listen.failed": Event(
        "warning, debug",
        "the address of `agent.listen` is not to be had: it is tried again, the work goes on, and an address from "
        "before stays open; once a reason above debug",
    ),
    "command.received": Event("info", "somebody asked by the control socket"),
    "bug.found": Event("error", "a pass ended in a bug of config-sync; it is tried again"),
}

FAILURES: Mapping[str, Cause] = {
    "ServiceUnavailable": Cause(
        "no answer, or 408, 425, 429, 5xx", "look at the service and the way to it; the message says how far it came"
    ),
    "TlsFailed": Cause(
        "the certificate, the name or the handshake is refused",
        "name a private CA in `service.ca_file`; use a host that the certificate carries; check this machine's clock",
    ),
    "ProxyRefused": Cause(
        "the proxy on the way does not let us through",
        "allow the service's host and port in the proxy's rules; for 407 see `service.proxy`",
    ),
    "UnexpectedResponse": Cause(
        "an answer that the protocol does not know: a redirect, another 4xx, a web page, no HTTP, over `max_size`",
        "check `service.host`: is it a proxy, a login page, another port? Raise `service.max_size` for a large config",
    ),
    "Unauthorized": Cause("401: the token is wrong, revoked or expired", "put a valid token where the hint says"),
    "Forbidden": Cause("403: the token may not read this config", "grant the right at the service"),
    "NotFound": Cause(
        "404: the service has no such config; the file stays",
        "compare `config`, `environment` and `version` with `config-sync list`",
    ),
    "OptionalGone": Cause(
        "404 of a config that is `optional` in a `merge` and part of what is on disk, while the list of configs has it "
        "or is not to be had: a 404 takes nothing away by itself; the file stays",
        "if it is meant to go, save `{}` in it, or take it out of `merge`",
    ),
    "CredentialUnusable": Cause(
        "the token or the key is missing, unreadable or malformed", "mend the source that the message names"
    ),
    "DecryptFailed": Cause(
        "no key opens the answer: a wrong key, or damaged data",
        "compare `service.key` with the service's; during a rotation keep both in the key file, newest first",
    ),
    "RevisionMissing": Cause(
        "the cache does not have the revision that was asked for, or that is held and gone from the disk (any more)",
        "choose one that `history` lists; `agent.history` says how many are kept",
    ),
    "RevisionDamaged": Cause(
        "a file of the cache was changed, cut, or put there from elsewhere: it is never used",
        "find out who writes there; the next sync with the service keeps the revision anew",
    ),
    "DocumentRefused": Cause(
        "the decrypted bytes are no strict JSON: UTF-8, no NaN, no duplicate members, depth at most 100",
        "correct the config at the service",
    ),
    "SchemaRefused": Cause(
        "the document does not satisfy the target's `schema`; the message has the places in the document and in the "
        "schema, and no value",
        "correct the config at the service, or the schema",
    ),
    "SchemaUnusable": Cause(
        "the `schema` itself cannot be read, is no JSON Schema, or refers to what is not in it",
        "mend the file that the message names: it is read again when it changes",
    ),
    "RenderRefused": Cause(
        "the format cannot carry a value, or the template fails",
        "the message names the value's place: change it, the dialect or the template",
    ),
    "SelectionMissing": Cause(
        "the document has nothing at the pointer of `select`; the message names the nearest place above it that "
        "is there",
        "correct `select`, or give the config that part",
    ),
    "EmptyRefused": Cause(
        "an empty document (`{}` or `[]`) would replace a non-empty file",
        "set `allow_empty: true` on the file if it is meant",
    ),
    "CheckRejected": Cause(
        "`validate` refused the new files, or gave no answer in time",
        "read what it printed (`hook.printed`), correct the config",
    ),
    "CheckNotRunnable": Cause("the checker could not be started", "install it, or correct `validate`"),
    "WriteFailed": Cause("a system call failed; the message names it", "as the message says"),
    "ReloadFailed": Cause(
        "the consumer could not be told; the new file is in place and the reload stays pending",
        "as the hint says; what a hook printed is in the log (`hook.printed`)",
    ),
    "ProbeFailed": Cause(
        "the consumer was told, and `probe` did not hold in its time; the new file is in place and the reload is tried "
        "again",
        "look at the consumer's own log; correct the config, or the probe",
    ),
    "RolledBack": Cause(
        "the reload or the probe of a revision failed and `on_failure: rollback` put the files of before back; that "
        "revision is skipped, also after a restart",
        "correct the config: a newer one is taken as any other",
    ),
    "Bug": Cause(
        "a pass ended in a bug of config-sync; what is on disk stays",
        "report it with the log's line `bug.found`, which has the place and no value",
    ),
}
"""Reasons of the classes in `config_sync.errors`."""

FILE_FAILURES: Mapping[str, Cause] = {
    "PermissionDenied": Cause("this user may not do that there", "the hint names the right that is missing"),
    "NoSpace": Cause("the file system or the quota is full", "free space or inodes"),
    "ReadOnly": Cause(
        "the file system is read-only", "mount it writable; in a unit name the directory in `ReadWritePaths=`"
    ),
    "BusyMount": Cause(
        "the path is a mount point and cannot be replaced",
        "mount the directory, not the single file; or set `write: in_place`, which is not atomic",
    ),
    "NoVariables": Cause(
        "an env file that `exec --env` reads is none", "somebody edited it by hand: `config-sync sync` puts it right"
    ),
    "DirectoryMissing": Cause("the file's directory is not there", "create it, or set `create_parents: true`"),
    "NotADirectory": Cause("a part of the path is no directory", "correct the path"),
    "NotRegularFile": Cause("something that is no regular file is at the path", "remove it, or correct the path"),
    "UntrustedLink": Cause(
        "a symbolic link that another user could have set, too many links, or any with `symlink: refuse`",
        "name the real path, or have the link and its directory belong to root or the agent",
    ),
    "DanglingLink": Cause("a symbolic link leads to nothing", "mend the link, or remove it"),
    "AttributesNotKept": Cause(
        "the file system did not take the mode or the owner", "use one that does, or leave `owner` and `group` out"
    ),
    "Interfered": Cause(
        "something else removed our temporary file again and again", "find the program that cleans there"
    ),
    "Overtaken": Cause("another program replaced the file at the same moment", "let one program write it"),
    "NotDurable": Cause(
        "the new file is visible, but the directory's fsync failed: a power cut may bring the old one back",
        "look at the kernel log; the next pass writes it anew",
    ),
    "IoError": Cause("the storage reported an error", "look at the kernel log (`dmesg`)"),
    "TooManyFiles": Cause(
        "the process or the machine has too many open files", "raise `LimitNOFILE=` or `fs.file-max`"
    ),
    "FileTooLarge": Cause("over the file size limit", "raise `LimitFSIZE=`"),
    "NameTooLong": Cause("the name is too long for the file system", "name a shorter path"),
    "Contested": Cause(
        "somebody keeps changing the file: it was put right three times within ten minutes, and the fourth time is not "
        "made; their bytes stay for now",
        "find who writes it, under `hold` if need be, or leave such edits alone by `on_drift: report`",
    ),
    "Torn": Cause(
        "with `write: in_place` only: a write broke off, and the old bytes could not be put back",
        "as the message says of the failed call; the next pass writes all of it",
    ),
    "ForeignFile": Cause(
        "`layout: directory` found something there that is not its own: another file, link, or `..data`",
        "move it away, or name another directory",
    ),
    "NameTaken": Cause("a file is called `..data` or like a generation, `..g…`", "give it another name"),
    "NotKept": Cause("a record names a way back that is none of ours", "report it: records.json was edited, or a bug"),
}
"""Reasons of `FileError`, exit code 10."""

STREAMS: Mapping[str, Cause] = {
    "StreamEnded": Cause("the server ended the stream", "nothing: it is opened again, and what was missed is compared"),
    "StreamSilent": Cause(
        "no byte for `idle_timeout`",
        "nothing; where it repeats, the server or a proxy sends no keep-alives: each reconnect compares",
    ),
    "StreamRenewed": Cause("left by ourselves: the CA or the client certificate on the disk is another one", "nothing"),
    "WatchNotOffered": Cause(
        "the service offers no stream",
        "nothing: the list of configs is polled instead, or with `watch: stream` the resync compares",
    ),
    "NotListed": Cause(
        "the list of configs, which is polled, does not have the config",
        "see `config-sync list`; is it the right token?",
    ),
    "NotAnEventStream": Cause(
        "what answers the watch is no event stream", "check `service.host`: is it a proxy, a login page?"
    ),
    "StreamTooLarge": Cause("a line or an event is over its bound", "look at what the server sends"),
    "StreamIdleTalk": Cause("over 1 MiB of comments without an event", "look at what the server sends"),
}
"""Reasons of the condition `Connected` that no failed fetch has."""

CONDITIONS: Mapping[str, str] = {
    "Synced": "the files are as the service wants them",
    "Reloaded": "the consumer knows what is on disk",
    "Connected": "the streams of the target's configs are open",
    "Decrypted": "the documents opened with the newest key; its message names the key by its fingerprint",
}

RELOADS: Mapping[str, str] = {
    "Reloaded": "it was told",
    "AlreadyCurrent": "it started after the write and has read the new file",
    "WaitingForConsumer": "it is not running; no failure: it reads the file when it starts",
    "OwnUnit": "the unit is the agent's own, which is never reloaded by itself",
}
"""How telling a consumer can end without a failure: reasons of the condition `Reloaded`."""
