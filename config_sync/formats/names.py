"""Names of environment variables: what a name may be, and which names do more than carry a value."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""POSIX 8.1 (XBD), with lower case: systemd drops other names, shells run them as commands."""

WARNED = frozenset(
    {
        "JAVA_TOOL_OPTIONS",
        "NODE_OPTIONS",
        "PATH",
        "PERL5OPT",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "RUBYOPT",
    }
)
"""Change what a program runs, but are set for good reasons too."""

_RUN_CODE = frozenset({"BASHOPTS", "BASH_ENV", "ENV", "GCONV_PATH", "IFS", "PROMPT_COMMAND", "PS4", "SHELLOPTS"})
_RUN_CODE_PREFIXES = ("LD_", "BASH_FUNC_")

SHELL_OWN = frozenset(
    # bash(1), "Shell Variables": readonly ones.
    {"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"}
    # zshparam(1), readonly or tied to what the shell does.
    | {"ARGC", "HISTCMD", "LINENO", "TTYIDLE", "ZSH_EVAL_CONTEXT", "ZSH_SUBSHELL", "status"}
    # mksh(1).
    | {"KSH_VERSION"}
    # Assigning is allowed but is not what is read afterwards (bash, ksh, zsh).
    | {"BASHPID", "BASH_ARGV0", "BASH_COMMAND", "BASH_SUBSHELL", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS"}
    | {"FUNCNAME", "GROUPS", "OPTIND", "RANDOM", "SECONDS", "SRANDOM"}
)
"""Variables a shell keeps for itself: a file that sets one fails or is not read back."""


def runs_code(name: str) -> bool:
    """Whether a variable of this name lets a config run code in the program that reads it (``LD_PRELOAD``)."""
    return name in _RUN_CODE or name.startswith(_RUN_CODE_PREFIXES)
