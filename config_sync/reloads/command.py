"""``command``: a hook of the operator's, told the whole story, never able to hang the agent.

What it prints goes to the log, line by line, and nowhere else: errors reach ``status.json``, which anyone may read.
A failing hook is tried again with backoff; on a stop it gets ten seconds to end by itself.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from config_sync.errors import ReloadFailed
from config_sync.fields import (
    Field,
    JsonSchema,
    ListNode,
    Node,
    Problems,
    ScalarNode,
    Values,
    expanded,
    fields,
    quoted,
    refuse,
)
from config_sync.kinds import Argv, Duration, Flag, Parsed, PathText, TextMap
from config_sync.log import HOOK_PRINTED, logger
from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult, StopSignal
from config_sync.process import DEFAULT_PATH, Account, CouldNotStart, Ended, account_of, run_command
from config_sync.reloads.kind import Doubt, ReloadKind
from config_sync.reloads.story import hook_environment, published, story, substitute

STOP_GRACE_S = 10.0
"""interface.md: a running hook gets 10 s at a stop, then its group is killed and the reload stays pending."""

_SECRET_NAME = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)
"""Variables of ``env`` whose values are taken out of what the hook prints."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class CommandReload:
    """Runs `argv`, or `shell` by ``/bin/sh -c`` where it is set; exit code 0 within `timeout_s` seconds is success.

    `cwd` and `account` None: in the agent's directory, as the agent.
    """

    argv: tuple[str, ...]
    shell: str | None = None
    timeout_s: float = 30.0
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    cwd: AbsolutePath | None = None
    account: Account | None = None

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "command"

    def describe(self) -> str:
        """The program only: arguments may be anyone's business."""
        return "a shell command" if self.shell is not None else f"the command {self.argv[0]}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """The hook ended with 0.

        Raises:
            ReloadFailed: another exit code, a signal, the timeout, or it could not be started.
            Stopped: the agent is stopping, and the hook did not end within its ten seconds.
        """

        def told(line: str) -> None:
            logger().info(HOOK_PRINTED, target=order.target, kind=self.kind, line=line)

        try:
            argv = substitute(self.argv, name=order.target, paths=published(order.files))
        except ValueError as error:
            raise ReloadFailed(
                f"{self.describe()} cannot be run: {error}", hint="change `command`", reason="HookNotRunnable"
            ) from None
        try:
            finished = run_command(
                ("/bin/sh", "-c", self.shell) if self.shell is not None else argv,
                env={**hook_environment(os.environ, order), **self._own_environment()},
                timeout_s=self.timeout_s,
                stop=stop,
                stdin=story(order),
                stop_grace_s=STOP_GRACE_S,
                on_line=told,
                redact=[value for name, value in self.env.items() if _SECRET_NAME.search(name)],
                cwd=self.cwd,
                account=self.account,
            )
        except CouldNotStart as error:
            raise ReloadFailed(
                f"{self.describe()} could not be started: {error}",
                hint=_ROOT_ONLY if self._is_out_of_reach else "correct `command`, or the file's permissions",
                reason="HookNotRunnable",
            ) from error
        if finished.truncated:
            logger().warning(HOOK_PRINTED, target=order.target, kind=self.kind, error="more was printed, and dropped")
        if finished.is_success:
            return ReloadResult.RELOADED
        message = f"{self.describe()} {finished.describe()}"
        hint = "what it printed is in the log (hook.printed)" if finished.output_tail else "it printed nothing"
        if finished.how is Ended.TIMED_OUT:
            raise ReloadFailed(
                message, hint=f"{hint}; find what it waits for, or raise `timeout`", reason="HookTimedOut"
            )
        raise ReloadFailed(message, hint=hint, reason="HookFailed")

    def doubts(self) -> Iterator[Doubt]:
        """A user that we cannot become is an error; a program or a directory may still come."""
        if self.account is not None and self._is_out_of_reach:
            yield Doubt(f"uid {os.geteuid()} may not run a hook as user {self.account.name}", _ROOT_ONLY, is_error=True)
        if self.argv and "{" not in self.argv[0]:
            path = self._own_environment().get("PATH", os.environ.get("PATH", DEFAULT_PATH))
            if shutil.which(os.path.join(self.cwd or "", self.argv[0]) if "/" in self.argv[0] else self.argv[0],
                            path=path) is None:  # fmt: skip
                yield Doubt(
                    f"{self.argv[0]} is not there, or may not be executed", "install it, or write its whole path"
                )
        if self.cwd is not None and not os.path.isdir(self.cwd):
            yield Doubt(f"its directory {self.cwd} does not exist", "create it, or correct `cwd`")

    @property
    def _is_out_of_reach(self) -> bool:
        return self.account is not None and not self.account.may_be_taken

    def _own_environment(self) -> Mapping[str, str]:
        """Another user's hook finds that user's home."""
        home = {} if self.account is None or self.account.is_ours else {"HOME": self.account.home}
        return {**home, **self.env}


_ROOT_ONLY = "run the agent as root or with CAP_SETUID, CAP_SETGID and CAP_KILL, or leave `user` out"


def _parse_command(node: Node, problems: Problems) -> tuple[str, ...] | str:
    """A list of words, or one text for the shell."""
    if isinstance(node, ListNode):
        return Argv().parse(node, problems)
    if isinstance(node, ScalarNode) and node.tag == "str":
        if node.text.strip() and "\0" not in node.text:
            return node.text
        raise refuse(node, problems, "a command is not empty and has no NUL character")
    raise refuse(node, problems, f"expected {COMMAND.kind.expected}")


def _command_schema() -> JsonSchema:
    return {"anyOf": [{"type": "string"}, Argv().json_schema()]}


COMMAND: Field[tuple[str, ...] | str] = Field(
    "command",
    Parsed("a list of words such as [nginx, -s, reload], or a text with shell: true", _parse_command, _command_schema),
    "The hook. Placeholders in a list: `{file}`, `{file:BASENAME}`, `{dir}`, `{name}`; in a text for the shell none.",
    is_required=True,
    nullable=False,
)
TIMEOUT = Field(
    "timeout",
    Duration(minimum_s=0.001, maximum_s=86400),
    "Its whole group is ended after so long.",
    default=30.0,
    default_text="30s",
)
SHELL = Field("shell", Flag(), "`command` is a text for `/bin/sh -c`.", default=False, default_text="false")
ENV: Field[Mapping[str, str]] = Field(
    "env", TextMap(), "Added to its environment.", default=MappingProxyType({}), default_text="{}"
)


def _parse_user(node: Node, problems: Problems) -> Account | None:
    """A user of this machine; None where a variable is unset and not needed, with its warning."""
    one = expanded(node, problems, USER.kind.expected)
    if isinstance(node, ScalarNode) and node.expansion is not None and node.expansion.unset:
        return None
    try:
        return account_of(one.text)
    except (KeyError, ValueError, OverflowError):
        hint = "create it, or correct the name; also a number must be one of the user database"
        raise refuse(node, problems, f"no user {quoted(one.text)} on this machine", hint=hint) from None


def _user_schema() -> JsonSchema:
    return {"type": ["string", "integer"], "minLength": 1, "minimum": 0}


USER: Field[Account | None] = Field(
    "user",
    Parsed("a user name or id", _parse_user, _user_schema),
    "Run it as this user, with that user's groups and HOME, and none of the agent's rights. Takes root.",
)
CWD: Field[AbsolutePath] = Field("cwd", PathText(), "Run it in this directory.")


def _build(values: Values) -> CommandReload:
    command, is_shell, env = values[COMMAND], values[SHELL], values[ENV]
    for name in env:
        if not _VARIABLE.fullmatch(name) or "\0" in env[name]:
            raise ValueError(f"`env` names variables: {name!r} cannot be one, or its text holds a NUL")
        if name.startswith("CONFIG_SYNC_"):
            raise ValueError(f"{name} is set by config-sync itself; choose another name")
    if isinstance(command, str):
        if not is_shell:
            raise ValueError("a text needs `shell: true` beside it; without a shell write a list: [nginx, -s, reload]")
        return CommandReload((), command, values[TIMEOUT], env, values.optional(CWD), values.optional(USER))
    if is_shell:
        raise ValueError("`shell: true` needs a text, not a list")
    return CommandReload(command, None, values[TIMEOUT], env, values.optional(CWD), values.optional(USER))


COMMAND_KIND = ReloadKind(
    "command",
    fields(COMMAND, TIMEOUT, SHELL, USER, CWD, ENV),
    _build,
    "Runs a hook: it gets the story as JSON on stdin and `CONFIG_SYNC_*` in its environment; exit code 0 is success.",
)
