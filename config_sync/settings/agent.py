"""The ``agent`` section."""

from __future__ import annotations

import math
from collections.abc import Mapping

from config_sync.fields import Field, JsonSchema, Node, Problems, Values, fields, refuse, scalar
from config_sync.kinds import Duration, Integer, Parsed, PathText, quoted, words
from config_sync.model import AbsolutePath
from config_sync.settings.directories import default_runtime_dir, default_state_dir
from config_sync.settings.listen import LISTEN_ADDRESS
from config_sync.settings.section import Section, as_values
from config_sync.settings.values import AgentSettings

# The words of `config_sync.log.LEVELS`, which is not imported here: `status` reads settings without a logger.
LEVEL = Field(
    "level", words("debug", "info", "warning", "error"), "the least severe line that is written", "info", "info"
)
FORMAT = Field(
    "format", words("auto", "console", "json"), "`auto`: `console` on a terminal, else `json`", "auto", "auto"
)

STATE_DIR = Field(
    "state_dir",
    PathText(),
    "the agent's memory, 0700. Unset: `$STATE_DIRECTORY`, else `/var/lib/config-sync` for root, else "
    "`$XDG_STATE_HOME/config-sync` or `~/.local/state/config-sync`",
)
RUNTIME_DIR = Field(
    "runtime_dir",
    PathText(),
    "status and control socket. Unset: `$RUNTIME_DIRECTORY`, else `/run/config-sync` for root, else "
    "`$XDG_RUNTIME_DIR/config-sync`, else `run` in the default state directory",
)
HISTORY = Field(
    "history",
    Integer(1, 1000),
    "good revisions kept of each config, as the service's own ciphertext",
    default=10,
    default_text="10",
)
_AGE = Duration(expected="never, always or a duration such as 7d")
_AGE_WORDS = {"never": 0.0, "always": math.inf}


def _age(node: Node, problems: Problems) -> float:
    """Seconds. Raises Invalid."""
    one = scalar(node, problems, _AGE.expected)
    if one.text in _AGE_WORDS:
        return _AGE_WORDS[one.text]
    if not one.text[:1].isdigit():
        raise refuse(node, problems, f"expected {_AGE.expected}, not {quoted(one.text)}")
    return _AGE.parse(node, problems)


def _age_schema() -> JsonSchema:
    return {"anyOf": [{"enum": [*_AGE_WORDS]}, dict(_AGE.json_schema())]}


OFFLINE_START = Field(
    "offline_start",
    Parsed(_AGE.expected, _age, _age_schema),
    "how long ago the service must have had a cached revision at most, so that it may serve when the service cannot be "
    "reached and a file is missing or not as it was written",
    default=7 * 86400.0,
    default_text="7d",
)
LISTEN = Field(
    "listen",
    LISTEN_ADDRESS,
    'where the health and metrics server answers (see "Watching it"): `:9180` is every address of this machine, which '
    "shows health and metrics only; the status page is shown on loopback and on `unix:PATH`. Unset: there is none",
)
LOG = Field("log", Section(fields(LEVEL, FORMAT), as_values), "what is logged to stderr, and how", default_text="{}")

AGENT = fields(STATE_DIR, RUNTIME_DIR, HISTORY, OFFLINE_START, LISTEN, LOG)


def build_agent(values: Values, environ: Mapping[str, str]) -> AgentSettings:
    """The section with its directories resolved."""
    log = values.optional(LOG)
    return AgentSettings(
        state_dir=values.optional(STATE_DIR) or AbsolutePath(default_state_dir(environ)),
        runtime_dir=values.optional(RUNTIME_DIR) or AbsolutePath(default_runtime_dir(environ)),
        log_level=log[LEVEL] if log else "info",
        log_format=log[FORMAT] if log else "auto",
        history=values[HISTORY],
        offline_start_s=values[OFFLINE_START],
        listen=values.optional(LISTEN),
    )
