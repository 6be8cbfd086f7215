"""What energies are compared with: known phases, or what was found itself."""

from collections.abc import Mapping
from pathlib import Path

from epitaxy.apps.discovery.question import Question
from epitaxy.apps.discovery.reference import Reference, load_reference
from epitaxy.apps.evaluation.crystals import divide
from epitaxy.apps.foundation.checks import check_there
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.data import DATASETS
from epitaxy.eval.stability import (
    NO_HULL,
    PBE_RAW,
    Hull,
    HullEntry,
    Potential,
    References,
    Relaxed,
    RelaxSettings,
    check_energies,
    method_of,
    read_entries,
)


def known_hull(
    word: str | None,
    question: Question,
    potential: Potential,
    settings: RelaxSettings,
    reference: Reference,
    root: Path | None,
) -> Hull | References:
    """Return the phases of a file of entries, or known crystals of which a hull can be built.

    Args:
        word: as typed: a dataset's name, a path, or None for nothing.
        question: whose elements must all be among them.
        potential: with which their energies must agree.
        settings: of the fine relaxation.
        reference: known crystals that are loaded already; used if the word names them.
        root: where datasets lie.

    Raises:
        UsageError: not there, energies of another method, or no pure phase of an element.
    """
    if word is None:
        return NO_HULL
    name, _ = divide(word, "train")
    check_there(name)
    if name not in DATASETS and Path(name).name.endswith((".json", ".json.gz")):
        try:
            hull = read_entries(Path(name), corrected=method_of(potential) != PBE_RAW)
            check_energies(hull, potential, settings)
        except ValueError as error:
            raise UsageError(f"--hull {error}") from error
        _check_pure(word, question, {s for entry in hull.entries if len(s := entry.system) == 1})
        return hull
    known = reference if reference.source == word else load_reference(word, root)
    chosen = list(known.within(question.elements))
    _check_pure(word, question, {frozenset(known.amounts[n]) for n in chosen if len(known.amounts[n]) == 1})
    return References(source=word, structures={known.ids[n]: known.make(n) for n in chosen})


def _check_pure(word: str, question: Question, pure: set[frozenset[str]]) -> None:
    missing = [symbol for symbol in question.elements if frozenset([symbol]) not in pure]
    if missing:
        raise UsageError(
            f"--hull {word} has no pure {', '.join(missing)}, and without it no energy above a hull of "
            f"{question.text}: name other known crystals, or leave --hull out"
        )


def hull_of_found(relaxed: Mapping[str, Relaxed]) -> Hull:
    """Return the hull of what was found itself."""
    if not relaxed:
        return NO_HULL
    entries = tuple(
        HullEntry(id=name, composition=one.structure.composition, energy=one.enthalpy)
        for name, one in relaxed.items()
    )
    return Hull(
        source="this search",
        statement=(
            "No --hull was given: energies are above the hull of what this search itself found. Phases that "
            "it did not find may lie lower."
        ),
        entries=entries,
    )
