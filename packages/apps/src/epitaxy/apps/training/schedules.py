"""The learning rate as a function of the step."""

import math
from collections.abc import Callable

from epitaxy.apps.config import CosineSchedule, TrapezoidSchedule


def rate_factor(
    schedule: CosineSchedule | TrapezoidSchedule, total_steps: int, learning_rate: float
) -> Callable[[int], float]:
    """Return the factor on the learning rate at each step."""
    match schedule:
        case CosineSchedule():
            return cosine_factor(schedule, total_steps, learning_rate)
        case TrapezoidSchedule():
            return trapezoid_factor(schedule, total_steps, learning_rate)


def cosine_factor(schedule: CosineSchedule, total_steps: int, learning_rate: float) -> Callable[[int], float]:
    """Return the factor on the learning rate at each step: warm-up, then half a cosine."""
    floor = schedule.minimum / learning_rate

    def factor(step: int) -> float:
        if step < schedule.warmup_steps:
            return (step + 1) / schedule.warmup_steps
        done = (step - schedule.warmup_steps) / max(total_steps - schedule.warmup_steps, 1)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return factor


def trapezoid_factor(
    schedule: TrapezoidSchedule, total_steps: int, learning_rate: float
) -> Callable[[int], float]:
    """Return the factor on the learning rate at each step: warm-up, 1, and down over the last steps."""
    floor = schedule.minimum / learning_rate
    down = max(schedule.cooldown * total_steps, 1.0)

    def factor(step: int) -> float:
        done = min(max((step - (total_steps - down)) / down, 0.0), 1.0)
        fall = math.sqrt(done) if schedule.shape == "sqrt" else done
        rise = min((step + 1) / schedule.warmup_steps, 1.0) if schedule.warmup_steps else 1.0
        return rise * (floor + (1 - floor) * (1 - fall))

    return factor
