"""The base of every configuration model: frozen, unknown keys refused, errors a person can read."""

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from epitaxy.apps.errors import UsageError

C = TypeVar("C", bound="Config")


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
            raise UsageError(f"{source}: {explain(error)}") from None


def explain(error: ValidationError) -> str:
    """Say the first of pydantic's complaints in one sentence."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    value = first.get("input")
    shown = "" if isinstance(value, dict) else f" (got {value!r})"
    return f"{key or 'the value'}: {first['msg'][:1].lower()}{first['msg'][1:]}{shown}"


def suggest(word: str, known: Sequence[str]) -> str:
    """``"; did you mean 'x'?"`` or the list of what is known, to end a sentence about an unknown word."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(known))}"
