"""What every command line shares: exit statuses, one sentence for a user's mistake, ``--version``."""

import errno
import signal
import sys
from importlib import metadata
from types import FrameType
from typing import Annotated, NoReturn

import typer

from epitaxy.apps.errors import UsageError, WorkError

FAILED, WRONG_WORDS, INTERRUPTED = 1, 2, 130


def new_app(help_text: str) -> typer.Typer:
    """Return an empty command line with ``--version``."""
    app = typer.Typer(
        help=help_text, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
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


def run(app: typer.Typer) -> NoReturn:
    """Run a command line: status 0 done, 1 the work failed, 2 the words were wrong, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
    except Exception as error:
        outcome = explain(error)
        if outcome is None:
            raise
        status, sentence = outcome
        print(f"error: {sentence}", file=sys.stderr)  # noqa: T201
        sys.exit(status)
    sys.exit(0)


def explain(error: Exception) -> tuple[int, str] | None:
    """Return (exit status, sentence) for a failure that is not a defect of ours, else None."""
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
    from epitaxy.data import DataError

    return (WRONG_WORDS, str(error)) if isinstance(error, DataError) else None


def _out_of_memory(error: Exception) -> bool:
    """Return whether torch says so, in its own type for GPUs or in words for the CPU."""
    name = type(error).__name__
    return name == "OutOfMemoryError" or "DefaultCPUAllocator: can't allocate memory" in str(error)


def _os_sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" (writing {error.filename})" if error.filename else ""
        return f"the disk is full{where}: free some space; what was written before is intact"
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def _print_version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"epitaxy {metadata.version('epitaxy-apps')}")
        raise typer.Exit


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Treat SIGTERM as Ctrl-C, so that both leave what a run has written in order."""
    raise KeyboardInterrupt
