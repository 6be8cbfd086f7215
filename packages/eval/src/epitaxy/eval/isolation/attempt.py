"""What became of one item, and the one place where its failure is caught."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from epitaxy.eval.isolation.time_limit import TimeLimitReached, time_limit

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[Result]):
    """The task returned.

    Attributes:
        value: What it returned.

    """

    value: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The task did not return; every other item is unharmed.

    Attributes:
        kind: ``time`` (over its limit), ``error`` (it raised), ``crash`` (its worker process died, twice).
        reason: One clause for a person.

    """

    kind: Literal["time", "error", "crash"]
    reason: str


def attempt(task: Callable[[Item], Result], item: Item, limit: float | None) -> Done[Result] | Failed:
    """Run the task on one item in this process, under a limit in seconds of processor time."""
    try:
        with time_limit(limit):
            return Done(value=task(item))
    except TimeLimitReached as reached:
        return Failed(kind="time", reason=stopped(limit, idle=reached.idle))
    except Exception as error:  # whatever one structure makes a library raise concerns that structure alone
        return Failed(kind="error", reason=_reason(error))


def _reason(error: Exception) -> str:
    """Say what went wrong: a ValueError is a refusal in words, any other needs its kind."""
    words = str(error).strip()
    return words if words and isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def stopped(limit: float | None, *, idle: bool) -> str:
    """Say that something was stopped at its limit: of processor time or, idle, of the wall clock."""
    return f"stopped after {limit:g} s" + ("" if idle else " of processor time")
