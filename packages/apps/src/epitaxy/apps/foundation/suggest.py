"""Words that are unknown or empty; cheap to import."""

import difflib
from collections.abc import Sequence

from epitaxy.apps.foundation.errors import UsageError


def suggest(word: str, known: Sequence[str]) -> str:
    """``"; did you mean 'x'?"`` or the list of what is known, to end a sentence about an unknown word."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(known))}"


def check_named(word: str, wanted: str) -> None:
    """Refuse the empty name, which a variable that is not set leaves behind.

    Raises:
        UsageError: saying what is wanted.
    """
    if not word.strip():
        raise UsageError(f"the name is empty: name {wanted}")
