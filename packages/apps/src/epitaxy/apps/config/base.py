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
            raise UsageError(f"{source}: {explain(error, values)}") from None


def explain(error: ValidationError, values: Any) -> str:
    """Say the first of pydantic's complaints about ``values`` in one sentence."""
    first = error.errors()[0]
    key = _dotted(first["loc"], values)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    value = first.get("input")
    shown = "" if isinstance(value, dict) else f" (got {value!r})"
    return f"{key or 'the value'}: {first['msg'][:1].lower()}{first['msg'][1:]}{shown}"


def _dotted(place: Sequence[str | int], values: Any) -> str:
    """Join a place in ``values``, without the words that only say which member of a union was tried."""
    keys: list[str] = []
    for part in place:
        if isinstance(values, dict) and values.get("kind") == part:
            continue
        keys.append(str(part))
        values = values.get(part) if isinstance(values, dict) else None
    return ".".join(keys)


def suggest(word: str, known: Sequence[str]) -> str:
    """``"; did you mean 'x'?"`` or the list of what is known, to end a sentence about an unknown word."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(known))}"
