"""Compositions of known crystals, which say already what other words would."""

from collections.abc import Mapping

from epitaxy.apps.foundation.errors import UsageError

_START = ("like", "strength", "fix", "free", "free_what")
_TOLD = ("properties", "guidance")
_EXCLUDED: Mapping[tuple[str, ...], str] = {
    ("formula",): "--formula and --compositions exclude each other: give one of them",
    _TOLD: "--property does not go with --compositions: take --formula for each composition",
    _START: "--compositions does not go with --like, --fix and their words: give one of them",
    ("formula_units", "num_atoms", "elements", "chemical_system", "without"): (
        "--compositions says which atoms: leave out --formula-units, --num-atoms and elements"
    ),
}


def refuse_beside_compositions(words: Mapping[str, object]) -> None:
    """Refuse what does not go with ``--compositions``.

    Args:
        words: all others that were said, by the names that ``requests`` of the Python classes has for them.

    Raises:
        UsageError: for the first that was.
    """
    said = {word for word, value in words.items() if value or (word == "strength" and value is not None)}
    for names, sentence in _EXCLUDED.items():
        if said.intersection(names):
            raise UsageError(sentence)
