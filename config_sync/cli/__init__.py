"""The command line: one module a sub-command, one line a sub-command in `COMMANDS`, imported only when it is asked for.

A command module has ``configure(parser)``, which adds its arguments, and ``run(arguments) -> int``, the exit code.
Everything that goes wrong arrives here as a `ConfigSyncError` and leaves as one sentence with a hint on stderr.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from config_sync import __version__
from config_sync.cli.output import ReaderGone, put, say, settle
from config_sync.errors import ConfigSyncError, Exit, SettingsError, UsageError


class Command(NamedTuple):
    """One line of ``--help``. `lives_through_hup`: it handles HUP itself; others die of a lost terminal as usual.

    `takes_program`: what stands after ``--`` is somebody else's command line (`Namespace.program`).
    """

    name: str
    group: str
    summary: str
    module: str
    lives_through_hup: bool = False
    takes_program: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("run", "everyday", "the agent: keep every target right until stopped", "run", lives_through_hup=True),
    Command("once", "everyday", "one full sync, then exit", "once", lives_through_hup=True),
    Command(
        "exec",
        "everyday",
        "sync, then start an application and look after it",
        "exec_",
        lives_through_hup=True,
        takes_program=True,
    ),
    Command("check", "everyday", "look for mistakes before they matter", "check"),
    Command("diff", "everyday", "what a sync would change now, values masked", "diff"),
    Command("status", "everyday", "what is on disk, how old it is, and why", "status"),
    Command("health", "everyday", "0 or 1, for exec probes", "health"),
    Command("sync", "everyday", "ask the running agent to sync now", "sync"),
    Command("reload", "everyday", "ask the running agent to reload one target's consumer", "reload"),
    Command("history", "everyday", "the earlier revisions that a rollback can go to", "history"),
    Command("rollback", "everyday", "publish an earlier revision from the cache, and hold it", "rollback"),
    Command("hold", "everyday", "leave what is on disk as it is, hand edits included", "hold"),
    Command("resume", "everyday", "end a hold or a rollback: the newest comes again", "resume"),
    Command("reload-settings", "everyday", "ask the running agent to read its settings again", "reload_settings"),
    Command("list", "service", "the configs that the token may read", "list_"),
    Command("get", "service", "one config, decrypted", "get"),
    Command("watch", "service", "print changes of one config as they happen", "watch"),
    Command("explain", "service", "which config and version a value of a target came from", "explain"),
    Command("render", "develop", "a target's files from documents at hand, without a service", "render"),
    Command("serve", "develop", "the embedded Config Service over a folder", "serve"),
    Command("demo", "develop", "the whole story on this machine, in a few seconds", "demo"),
    Command("install-systemd", "develop", "the systemd units and rights that the settings need", "install_systemd"),
    Command("schema", "develop", "the JSON Schema of the settings", "schema"),
)

GROUPS = {"everyday": "Everyday", "service": "Service", "develop": "Develop"}


def overview() -> str:
    """``config-sync --help``, from the table."""
    lines = [
        "usage: config-sync [--config FILE] [--log-level LEVEL] COMMAND …",
        "",
        "Turns centrally kept, encrypted configs into files that ordinary programs read.",
    ]
    for group, title in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {one.name:<16} {one.summary}" for one in COMMANDS if one.group == group]
    lines += [
        "",
        "Everywhere:",
        "  --config FILE    the settings (else $CONFIG_SYNC_CONFIG, else /etc/config-sync/settings.yaml)",
        "  --log-level L    debug, info, warning or error",
        "  --version        the version, then exit",
        "  --help           help; 'config-sync COMMAND --help' for one command",
        "",
        "New here? 'config-sync demo' shows the whole story in a few seconds.",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(words)
        put("")
    except ConfigSyncError as error:
        _leave(words, error.message, error.hint)
        return tell(error)
    except ReaderGone:
        return Exit.DONE
    except KeyboardInterrupt:
        die_by(signal.SIGINT)
    except Exception as error:  # noqa: BLE001  # the last border: a bug becomes one line and exit code 70
        _leave(words, f"a bug in config-sync: {type(error).__name__}", None)
        return _tell_bug(error, is_debug="debug" in words)
    else:
        return code
    finally:
        settle()


def _dispatch(words: list[str]) -> int:
    before, rest = _split(words)
    if "--version" in before or rest[1:] == ["--version"]:
        put(f"config-sync {__version__}\n")
        return Exit.DONE
    if rest[:1] == ["help"] and len(rest) > 1:
        rest = [rest[1], "--help"]
    if "--help" in before or "-h" in before or rest == ["help"]:
        put(f"{overview()}\n")
        return Exit.DONE
    if not rest and not before:
        say(overview())
        return Exit.USAGE
    if not rest:
        raise UsageError(f"{' '.join(before)}: no command is named", hint="see 'config-sync --help'")
    known = {one.name: one for one in COMMANDS}
    command = known.get(rest[0])
    if command is None:
        from config_sync.fields import nearest  # only here: it brings difflib and every word of the settings' reader

        near = nearest(rest[0], tuple(known))
        raise UsageError(
            f"there is no command {rest[0]!r}",
            hint=f"did you mean 'config-sync {near}'?" if near else "see 'config-sync --help'",
        )
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, every hook's exit code would be lost
    if not command.lives_through_hup:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    from config_sync.cli.parsing import (
        Namespace,
        module_of,
        parser_for,
    )  # argparse costs 9 ms, and `--help` does without it

    own, program = _at_dashes(rest[1:]) if command.takes_program else (rest[1:], [])
    arguments = parser_for(command).parse_args([*before, *own], Namespace(program=program))
    return module_of(command).run(arguments)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The options before the command, and the command with the rest."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in ("--config", "--log-level") else 1
    return words[:index], words[index:]


def _at_dashes(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before the first ``--``, and after it."""
    index = words.index("--") if "--" in words else len(words)
    return words[:index], words[index + 1 :]


def _leave(words: list[str], message: str, hint: str | None) -> None:
    """The reason for whoever looks after the container, if the command is one's own process."""
    from config_sync.cli.termination import COMMANDS as OF_CONTAINERS  # only here: on the way out
    from config_sync.cli.termination import leave_reason

    names = {one.name for one in COMMANDS}
    if next((word for word in words if word in names), None) in OF_CONTAINERS:
        leave_reason(message + (f"\nhint: {hint}" if hint else ""))


def tell(error: ConfigSyncError) -> int:
    """Say what went wrong, on stderr, in one sentence and a hint; the exit code."""
    problems = [str(problem) for problem in error.problems] if isinstance(error, SettingsError) else []
    hints = [f"  hint: {error.hint}"] if error.hint else []
    say(f"config-sync: {error.message}", *problems, *hints, level="error")
    return int(error.exit_code)


def _tell_bug(error: Exception, *, is_debug: bool) -> int:
    say(f"config-sync: a bug in config-sync: {type(error).__name__}", level="error")
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is not None:
        place = os.path.basename(frame.tb_frame.f_code.co_filename)
        say(f"  hint: please report it; it came from {place}:{frame.tb_lineno}", level="error")
    if is_debug:
        import traceback  # only here: an everyday start does not pay for it

        traceback.print_tb(error.__traceback__)
    return int(Exit.BUG)


def die_by(number: signal.Signals) -> NoReturn:
    """End as the signal ends a program, so that the shell or the service manager sees the true reason."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # gone, or closed from the start
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # only where the signal is blocked
