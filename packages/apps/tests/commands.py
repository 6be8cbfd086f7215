"""Run a command line in this process, and what a refusal looks like."""

import importlib
import io
import signal
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock


@dataclass(frozen=True)
class Answer:
    """As of `subprocess.run`."""

    returncode: int
    stdout: str
    stderr: str


def entry(app: str) -> str:
    """Return the module of a command."""
    return f"epitaxy.apps.cli.{'main' if app == 'epitaxy' else app}"


def call(app: str, *words: str) -> Answer:
    """Run a command, as its entry point would."""
    out, err = io.StringIO(), io.StringIO()
    module = importlib.import_module(entry(app))
    before = signal.getsignal(signal.SIGTERM)
    with mock.patch("sys.argv", [app, *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            module.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    signal.signal(signal.SIGTERM, before)
    return Answer(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def refused(answer: Answer, *parts: str, status: int = 2) -> None:
    """One sentence, the right status, no traceback."""
    assert answer.returncode == status, answer.stderr
    assert "Traceback" not in answer.stderr
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, answer.stderr
    for part in parts:
        assert part in errors[0]
