"""``validate``: the consumer's own checker, run on staged copies (or on the published files, where it is in place)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from config_sync.errors import CheckNotRunnable, CheckRejected
from config_sync.log import HOOK_PRINTED, logger
from config_sync.model import AbsolutePath, StopSignal, Validate
from config_sync.process import CouldNotStart, Ended, run_command
from config_sync.reloads.story import plain_environment, substitute


def run_check(validate: Validate, *, name: str, paths: Mapping[AbsolutePath, str], stop: StopSignal) -> None:
    """The checker accepted the files.

    `name` is the target; `paths` maps each destination to the copy to check. Its environment is that of a hook with
    ``CONFIG_SYNC_TARGET`` and ``CONFIG_SYNC_FILES`` (the copies), its stdin is empty, and what it prints goes to the
    log only, since checkers quote what they dislike.

    Raises:
        CheckRejected: it ended with another code than 0, by a signal, or was killed at its timeout (that may well be
            the document's doing, which must not turn a whole fleet `failed`).
        CheckNotRunnable: it could not be started.
        Stopped: the agent is stopping; the checker's group is ended at once.
    """

    def told(line: str) -> None:
        logger().info(HOOK_PRINTED, target=name, kind="validate", line=line)

    program = f"validate's {validate.argv[0]}"
    environment = plain_environment(os.environ) | {
        "CONFIG_SYNC_TARGET": name,
        "CONFIG_SYNC_REASON": "validate",
        "CONFIG_SYNC_FILES": "\n".join(paths.values()),
    }
    try:
        argv = substitute(validate.argv, name=name, paths=paths)
        finished = run_command(argv, env=environment, timeout_s=validate.timeout_s, stop=stop, on_line=told)
    except ValueError as error:
        raise CheckNotRunnable(f"{program} cannot be run: {error}", hint="change `validate`") from None
    except CouldNotStart as error:
        raise CheckNotRunnable(
            f"{program} could not be started: {error}",
            hint="install the checker, or correct `validate`; the files on disk stay as they are until it can run",
        ) from error
    if finished.is_success:
        return
    if finished.how is Ended.TIMED_OUT:
        raise CheckRejected(
            f"{program} gave no answer about the new files: it {finished.describe()}",
            hint="find what it waits for, or give it a longer `timeout`; the files on disk stay as they are",
        )
    raise CheckRejected(
        f"{program} refused the new files: it {finished.describe()}",
        hint="what it printed is in the log (hook.printed); the files on disk stay as they are",
    )
