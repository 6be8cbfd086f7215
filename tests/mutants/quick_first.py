"""The order and the settings in which a mutant is soonest found out: quick tests first, and no shrinking."""

import contextlib
import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import Phase, settings

_PHASES = (Phase.explicit, Phase.generate)
"""A test that fails has said enough: the smallest input that it fails for is nobody's question here."""


class QuickFirst:
    """A pytest plugin that notes what each test takes, and runs tests in the order of what they took.

    Args:
        seconds: the file of what tests took without a mutant; made by a run that passes, where it is missing.

    """

    def __init__(self, seconds: Path) -> None:
        self._path, self._taken = seconds, defaultdict[str, float](float)

    def pytest_sessionstart(self) -> None:
        """Set hypothesis, before test files are imported."""
        settings.register_profile("mutants", settings(), phases=_PHASES)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Put the tests in order; pytest runs them."""
        known = self._known()
        session.items.sort(key=lambda item: known.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up a test's set-up, call and tear-down."""
        self._taken[report.nodeid] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write down what tests took that nobody knows of yet."""
        known = self._known()
        if not session.testsfailed and not self._taken.keys() <= known.keys():
            self._path.write_text(json.dumps(known | self._taken))

    def _known(self) -> dict[str, float]:
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self._path.read_text()))
        return {}
