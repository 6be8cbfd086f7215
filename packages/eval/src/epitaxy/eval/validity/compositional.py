"""Compositional validity: CDVAE's SMACT rule, decided exactly and without enumeration.

The rule (Xie et al., arXiv:2110.06197, after Davies et al., Chem 1, 617 (2016)): reduce the counts by their
greatest common divisor; one element alone is valid; metals alone are valid; else valid when the elements,
each in one of its oxidation states, can be neutral at these counts with every cation less electronegative
than every anion.

The published code walks through all combinations of states, which explodes; so DiffCSP calls a composition
with more than 1e7 combinations invalid and others stop after a time. Here it is decided exactly for any
composition, in two steps. "Every cation is less electronegative than every anion" says that some
electronegativity divides the
elements: none above it is a cation, none below an anion. There are no more such divisions than elements, and
    for
each the reachable total charges are the set bits of one integer, shifted and joined once per state.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import gcd, inf

from pymatgen.core.composition import Composition

from epitaxy.eval.validity.tables import OxidationTable, oxidation_table
from epitaxy.eval.validity.verdict import VALID, Validity, invalid

Counts = tuple[tuple[str, int], ...]


def compositional_validity(composition: Composition | str | None, *, table: str = "smact14") -> Validity:
    """Whether a composition is chemically possible under the SMACT rule.

    An element without a known electronegativity passes the electronegativity test, as the rule says. (CDVAE's
    code means that too, but it catches an exception of smact 2.2.1 that the order of the elements decides:
    its verdict can differ for compounds of Pm, Rn and Lr, which alone have states and no electronegativity.)

    Args:
        composition: The composition or a formula; charges on its species are ignored; None stands for a
            record that could not be read.
        table: The frozen oxidation-state table, one of ``TABLE_NAMES``.

    Returns:
        The verdict, with the reason when it is negative. Partial occupancies and unknown elements are
        negative.

    Raises:
        ValueError: If no table has that name, or a formula cannot be parsed.

    """
    states = oxidation_table(table)
    if composition is None:
        return invalid("no composition: it could not be read")
    amounts = Composition(composition).element_composition.get_el_amt_dict()
    if not amounts:
        return invalid("no atoms")
    if any(amount != round(amount) for amount in amounts.values()):
        return invalid("the amounts are not whole numbers")
    return _decide(_reduced(amounts), states.name)


def _reduced(amounts: Mapping[str, float]) -> Counts:
    counts = {symbol: round(amount) for symbol, amount in amounts.items()}
    divisor = gcd(*counts.values())
    return tuple(sorted((symbol, count // divisor) for symbol, count in counts.items()))


@lru_cache(maxsize=1 << 16)
def _decide(counts: Counts, name: str) -> Validity:
    table = oxidation_table(name)
    symbols = [symbol for symbol, _ in counts]
    if len(symbols) == 1 or table.metals.issuperset(symbols):
        return VALID
    stateless = [symbol for symbol in symbols if symbol not in table.oxidation_states]
    if stateless:
        return invalid(f"{', '.join(stateless)} has no oxidation state in {name}")
    if any(_can_be_neutral(choice) for choice in _divisions(counts, table)):
        return VALID
    if _can_be_neutral([(count, table.oxidation_states[symbol]) for symbol, count in counts]):
        return invalid(f"neutral only with a cation more electronegative than an anion ({name})")
    return invalid(f"no oxidation states of {name} make it neutral")


def _divisions(counts: Counts, table: OxidationTable) -> Iterable[list[tuple[int, list[int]]]]:
    """List, for each dividing electronegativity, every element's count and the states left to it."""
    known = table.electronegativities
    for divide in sorted({-inf, *(known[symbol] for symbol, _ in counts if symbol in known)}):
        yield [
            (count, [s for s in table.oxidation_states[symbol] if _on_its_side(s, known.get(symbol), divide)])
            for symbol, count in counts
        ]


def _on_its_side(state: int, electronegativity: float | None, divide: float) -> bool:
    if electronegativity is None or state == 0:
        return True
    return (state > 0) == (electronegativity <= divide)


def _can_be_neutral(choices: Iterable[tuple[int, Sequence[int]]]) -> bool:
    """Whether one state for each element can sum to zero."""
    reachable, lowest = 1, 0  # bit n of reachable: a total charge of lowest + n can be made
    for count, states in choices:
        if not states:
            return False
        least, before = min(states), reachable
        reachable = 0
        for state in states:
            reachable |= before << (count * (state - least))
        lowest += count * least
    return lowest <= 0 and bool(reachable >> -lowest & 1)
