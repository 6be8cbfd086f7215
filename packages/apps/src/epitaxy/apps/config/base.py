"""The base of every configuration model: frozen, unknown keys refused, errors a person can read."""

import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.suggest import suggest as suggest

C = TypeVar("C", bound="Config")

_LONGEST = 500
"""Of what pydantic says, which repeats the input; in characters."""


class Config(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls: type[C], values: Any, *, source: str) -> C:
        """Validate ``values``; on failure raise one sentence that names ``source`` and the key.

        Raises:
            UsageError: the first thing wrong with the values, with the keys that exist where one is unknown.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UsageError(f"{source}: {explain(error, values)}") from error
        except Exception as error:  # a validator that met what it did not expect
            raise UsageError(f"{source}: these values are of no use ({error})") from error


def explain(error: ValidationError, values: Any) -> str:
    """Say the first of pydantic's complaints about ``values`` in one sentence."""
    first = error.errors()[0]
    key = _dotted(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    value = first.get("input")
    shown = "" if isinstance(value, dict) else f" (got {reprlib.repr(value)})"
    said = first["msg"].removeprefix("Value error, ")
    message = said if len(said) < _LONGEST else f"{said[:_LONGEST]}..."
    place = f"{key}: " if key else "" if first["type"] == "value_error" else "the value: "
    return f"{place}{message[:1].lower()}{message[1:]}{shown}"


def _dotted(place: Sequence[str | int], values: Any) -> str:
    """Join a place in ``values``, without the words that only say which member of a union was tried."""
    keys: list[str] = []
    for part in place:
        if isinstance(values, dict) and values.get("kind") == part:
            continue
        keys.append(str(part))
        values = values.get(part) if isinstance(values, dict) else None
    return ".".join(keys)
