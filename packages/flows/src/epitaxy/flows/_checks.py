"""Checks of parameters, made when a flow or a schedule is."""

import math
from collections.abc import Collection


def check_number(name: str, value: object, *, least: float | None = None, below: float = math.inf) -> None:
    """Refuse what is no number of at least `least` (None: positive) and less than `below`; NaN too.

    Raises:
        ValueError: naming the parameter and its range.

    """
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (value > 0.0 if least is None else value >= least)
        and value < below
    ):
        return
    low = "positive" if least is None else f"at least {least:g}"
    high = "finite" if below == math.inf else f"less than {below:g}"
    raise ValueError(f"{name} must be {low} and {high}, not {value!r}")


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Refuse what is no whole number of at least `least`.

    Raises:
        ValueError: naming the parameter.

    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        low = "positive" if least == 1 else f"at least {least}"
        raise ValueError(f"{name} must be {low} and a whole number, not {value!r}")


def check_grid(grid: int | None) -> None:
    """Refuse a grid that is no positive number of steps; None, for continuous time, is fine.

    Raises:
        ValueError: if it is refused.

    """
    if grid is not None:
        check_count("grid", grid)


def check_option(name: str, value: str | None, options: Collection[str | None]) -> None:
    """Refuse a value that is no option.

    Raises:
        ValueError: naming the options.

    """
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(str, options))}, not {value!r}")
