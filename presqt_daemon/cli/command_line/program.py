"""The program: finds the command, and turns every error into one line and a number."""

import importlib
import os
import sys
from collections.abc import Sequence

from presqt_daemon.cli.command_line.commands import COMMANDS
from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.command_line.parser import parse
from presqt_daemon.cli.output.show import complain, shown
from presqt_daemon.errors import ConfigError, PresqtError
from presqt_daemon.system.standard_streams import open_missing_streams, start_again_in_utf8
from presqt_daemon.tickets.process_info import NewerInfoError


def run_command(arguments: Sequence[str] | None = None) -> int:
    """The exit code of the command."""
    open_missing_streams()
    if arguments is None:
        start_again_in_utf8()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    is_verbose = False
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        is_verbose = options.verbose
        module = importlib.import_module(f"presqt_daemon.cli.{COMMANDS[options.command].module}")
        code: int = module.main(Context(options, os.environ))
        sys.stdout.flush()
        return int(code)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # what is left in the buffer must not fail again when Python closes it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except ConfigError as error:
        for problem in error.problems:
            complain(shown(problem))
        return Exit.CONFIG
    except CommandRefusal as error:
        complain(shown(error.message))
        return error.code
    except NewerInfoError as error:
        complain(
            f"these folders were written by a newer version ({shown(str(error))}); install that one"
        )
        return Exit.CONFIG
    except PresqtError as error:
        complain(f"{shown(error.message)} [{error.code}]")
        return Exit.FAILED
    except OSError as error:
        _explain(is_verbose=is_verbose)
        complain(_text_from_os_error(error))
        return Exit.FILES
    except Exception as error:  # noqa: BLE001  (the last resort: one line instead of a traceback)
        _explain(is_verbose=is_verbose)
        complain(f"internal error, please report it: {shown(repr(error))} (-v shows more)")
        return Exit.INTERNAL


def _explain(*, is_verbose: bool) -> None:
    if is_verbose:
        sys.__excepthook__(*sys.exc_info())


def _text_from_os_error(error: OSError) -> str:
    reason = error.strerror or repr(error)
    if error.filename is not None:
        return shown(f"{os.fsdecode(error.filename)}: {reason}")
    return f"standard output: {reason}" if _output_is_stuck() else shown(reason)


def _output_is_stuck() -> bool:
    """Whether what was printed cannot be written; what failed stays in the buffer for now."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
