"""The command. Its first statement makes a HUP harmless: the imports that follow take a quarter of a second."""

import _signal  # type: ignore[import-not-found]  # `signal` imports enum first: the handler must stand before that

_signal.signal(_signal.SIGHUP, lambda _number, _frame: None)  # a handler, never SIG_IGN: children would inherit that

import sys  # noqa: E402

from config_sync.cli import main  # noqa: E402

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
