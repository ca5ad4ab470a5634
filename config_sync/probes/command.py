"""``command``: a program of the operator's says whether the consumer is well; its exit code 0 does."""

from __future__ import annotations

import os
from dataclasses import dataclass

from config_sync.errors import ProbeFailed
from config_sync.fields import Field, Values, fields
from config_sync.kinds import Argv
from config_sync.log import HOOK_PRINTED, logger
from config_sync.model import ReloadOrder
from config_sync.probes.kind import ProbeKind
from config_sync.process import CouldNotStart, run_command
from config_sync.reloads.story import hook_environment, published, substitute
from config_sync.stop import Stop

STOP_GRACE_S = 10.0
"""interface.md: a running hook or probe gets 10 s at a stop, then its group is killed and the reload stays pending."""


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """Runs `argv`, with the environment of a hook and an empty stdin. What it prints is told at debug only.

    It may run many times, and says the same each time.
    """

    argv: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "command"

    def describe(self) -> str:
        """The program only: arguments may be anyone's business."""
        return f"the command {self.argv[0]}"

    def look(self, order: ReloadOrder, stop: Stop, *, timeout_s: float) -> None:
        """It ended with 0 within `timeout_s` seconds.

        Raises:
            ProbeFailed: another exit code, a signal, the timeout, or it could not be started.
            Stopped: the agent is stopping, and the command did not end within its ten seconds.
        """

        def told(line: str) -> None:
            logger().debug(HOOK_PRINTED, target=order.target, kind="probe", line=line)

        try:
            argv = substitute(self.argv, name=order.target, paths=published(order.files))
            finished = run_command(
                argv,
                env=hook_environment(os.environ, order),
                timeout_s=timeout_s,
                stop=stop,
                stop_grace_s=STOP_GRACE_S,
                on_line=told,
            )
        except ValueError as error:
            raise ProbeFailed(f"{self.describe()} cannot be run: {error}", hint="change `probe`") from None
        except CouldNotStart as error:
            raise ProbeFailed(
                f"{self.describe()} could not be started: {error}",
                hint="correct `probe`, or the file's permissions",
            ) from error
        if not finished.is_success:
            raise ProbeFailed(
                f"{self.describe()} {finished.describe()}",
                hint="look at the consumer's own log; with `--log-level debug` ours has what the probe printed",
            )


COMMAND = Field(
    "command",
    Argv(),
    "The program; exit code 0 says that the consumer is well. Placeholders as in a hook.",
    is_required=True,
    nullable=False,
)


def _build(values: Values) -> CommandProbe:
    return CommandProbe(values[COMMAND])


COMMAND_KIND = ProbeKind("command", fields(COMMAND), _build, "A command ends with 0.")
