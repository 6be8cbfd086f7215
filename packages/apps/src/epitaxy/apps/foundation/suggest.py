"""How a sentence about an unknown word ends; cheap to import."""

import difflib
from collections.abc import Sequence


def suggest(word: str, known: Sequence[str]) -> str:
    """``"; did you mean 'x'?"`` or the list of what is known, to end a sentence about an unknown word."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(known))}"
