"""Work on one crystal, in the order it goes, whoever computes the forces: a calculator, or many at once."""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias, TypeVar

Result = TypeVar("Result")

Course: TypeAlias = Generator[Any, None, Result]
"""Yields ASE atoms wherever it needs their energy, forces and stress: these have to be in ``atoms.calc`` when
it goes on. Returns what came of it."""

Clock: TypeAlias = Callable[[], float]
"""Tells the seconds of processor time spent on a crystal, from any beginning."""


def followed(course: Course[Result], calculator: Any) -> Result:
    """Follow a course to its end with an ASE calculator."""
    with _gradients():
        while True:
            try:
                next(course).calc = calculator
            except StopIteration as end:
                returned: Result = end.value
                return returned


def _gradients() -> AbstractContextManager[object]:
    """Let torch have gradients, of which potentials make their forces.

    A crystal that was stopped at its limit before, between any two instructions, those of ``no_grad`` among
    them, may have left it without; every later one in the process would fail.
    """
    torch = sys.modules.get("torch")
    return nullcontext() if torch is None else torch.enable_grad()
