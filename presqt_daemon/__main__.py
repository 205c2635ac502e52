"""The program's entry.

The program itself is loaded within `main`: that takes a tenth of a second and more, and who
presses ^C meanwhile gets a number, as at every later moment, and no traceback.
"""

import importlib
import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""`Exit.INTERRUPTED`, which cannot be loaded yet."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the command."""
    try:
        if "_ARGCOMPLETE" in os.environ and arguments is None:
            # a shell asks; its answer goes through handles that nothing else may take first
            importlib.import_module("presqt_daemon.cli.command_line.completing").complete()
        program = importlib.import_module("presqt_daemon.cli.command_line.program")
        code: int = program.run_command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
