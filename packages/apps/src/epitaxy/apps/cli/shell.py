"""What every command line shares: exit statuses, one sentence for a user's mistake, ``--version``."""

import errno
import logging
import signal
import sys
import traceback
from importlib import metadata
from types import FrameType
from typing import Annotated, NoReturn

import typer

from epitaxy.apps.foundation.errors import UsageError, WorkError

FAILED, WRONG_WORDS, INTERRUPTED, TERMINATED = 1, 2, 130, 143
DEBUG = "--debug"


def new_app(help_text: str) -> typer.Typer:
    """Return an empty command line with ``--version``."""
    app = typer.Typer(
        help=f"{help_text} With {DEBUG} an error shows where it arose.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _root(
        version: Annotated[
            bool | None,
            typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
        ] = None,
    ) -> None:
        pass

    return app


def examples(*lines: str) -> str:
    """Return command lines as what stands below a command's help, each on a line of its own."""
    return "\n\n".join(("Examples:", *lines))


def run(app: typer.Typer) -> NoReturn:
    """Run a command line: status 0 done, 1 the work failed, 2 the words were wrong, 130 Ctrl-C, 143 SIGTERM.

    Whatever goes wrong is said in one sentence; ``--debug``, anywhere among the words, adds the traceback,
    and that of each record that cannot be read.
    """
    received: list[int] = []

    def terminate(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        """Treat SIGTERM as Ctrl-C, so that both leave what a run has written in order."""
        received.append(signum)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    words = sys.argv[1:]
    if DEBUG in words:  # readers log what Python raised for each record that they refuse
        log = logging.getLogger("epitaxy")
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.DEBUG)
    try:
        app([word for word in words if word != DEBUG])
    except SystemExit as end:  # typer's, of a KeyboardInterrupt too
        sys.exit(TERMINATED if received and end.code == INTERRUPTED else end.code)
    except KeyboardInterrupt:
        sys.exit(TERMINATED if received else INTERRUPTED)
    except Exception as error:
        if DEBUG in words:
            traceback.print_exception(error)
        status, sentence = explain(error)
        print(f"error: {sentence}", file=sys.stderr)  # noqa: T201
        sys.exit(status)
    sys.exit(0)


def explain(error: Exception) -> tuple[int, str]:
    """Return (exit status, sentence) for whatever went wrong."""
    if isinstance(error, UsageError):
        return WRONG_WORDS, str(error)
    if isinstance(error, WorkError):
        return FAILED, str(error)
    if isinstance(error, OSError):
        return FAILED, _os_sentence(error)
    if "No space left on device" in str(error):  # torch and safetensors raise their own types on a full disk
        return FAILED, "the disk is full: free some space; what was written before is intact"
    if _out_of_memory(error):
        return FAILED, (
            "one batch does not fit the device's memory: in training, --set training.accumulate=2 works it "
            "off in two parts; in sampling, lower --batch-size"
        )
    if type(error).__name__ == "DataError":  # its module is heavy: who has not imported it cannot raise it
        return WRONG_WORDS, str(error)
    what = (str(error).strip().splitlines() or ["no more is known"])[0]
    return FAILED, f"unexpected, {type(error).__name__}: {what[:300]} ({DEBUG} shows where; please report it)"


def _out_of_memory(error: Exception) -> bool:
    """Return whether torch says so, in its own type for GPUs or in words for the CPU."""
    name = type(error).__name__
    return name == "OutOfMemoryError" or "DefaultCPUAllocator: can't allocate memory" in str(error)


def _os_sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" (writing {error.filename})" if error.filename else ""
        return f"the disk is full{where}: free some space; what was written before is intact"
    sentence = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{sentence}; change its permissions, or name another place"
    return sentence


def _print_version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"epitaxy {metadata.version('epitaxy-apps')}")
        raise typer.Exit
