"""Words that name elements and formulas; cheap to import."""

import re
from collections.abc import Sequence

from epitaxy.apps.foundation.errors import UsageError

_TABLE = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm "
    "Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No "
    "Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS = tuple(_TABLE.split())
"""The elements by atomic number, from hydrogen's 1; pymatgen, which knows them too, is heavy to ask."""

LARGEST_SYSTEM = 5
"""Elements of a chemical system to search: of more there are too many stoichiometries to look at closely."""
_EXAMPLES = {"--elements": "Li,Fe,O", "--chemical-system": "Li-Fe-O", "--without": "Pb,Hg"}
_SYSTEM = re.compile(r"\s*[A-Za-z]{1,3}(\s*[-–]\s*[A-Za-z]{1,3})+\s*")


def no_formula(word: str) -> UsageError:
    """Return what is said of a word that is no formula."""
    return UsageError(f"'{word}' is not a chemical formula: write it like SrTiO3 or Mg2SiO4")


def check_formula(word: str) -> None:
    """Refuse what is no formula for the words in it; brackets and counts are looked at when it is read.

    Raises:
        UsageError: a word that is no element, or none at all.
    """
    words = re.findall(r"[A-Z][a-z]*", word)
    if word.isascii() and (not words or not {*SYMBOLS, "D", "T"}.issuperset(words)):
        raise no_formula(word)


def listed_symbols(option: str, words: str | Sequence[str]) -> list[str]:
    """Return the symbols of one word such as ``Li,Fe,O`` or ``Li-Fe-O``, or of several.

    Raises:
        UsageError: a word that is no element, or none at all.
    """
    joined = words if isinstance(words, str) else " ".join(words)
    symbols = joined.replace("-", " ").replace(",", " ").split()
    if not symbols:
        raise UsageError(f"{option} names no element: write symbols, as in {option} {_EXAMPLES[option]}")
    for symbol in symbols:
        if symbol not in SYMBOLS:
            raise UsageError(f"{option} {symbol[:40]}: there is no such element")
    return symbols


def system_of(word: str) -> tuple[str, ...] | None:
    """Return the elements of a chemical system such as ``Li-Fe-O``; None if the word does not read as one.

    Raises:
        UsageError: it does, with a word in it that is no element, one twice, or too many.
    """
    if not _SYSTEM.fullmatch(word):
        return None
    symbols = [part.strip() for part in re.split("[-–]", word)]
    for symbol in symbols:
        if symbol not in SYMBOLS:
            meant = symbol.capitalize()
            hint = f"; did you mean {meant}?" if meant in SYMBOLS else ": write a system like Li-Fe-O"
            raise UsageError(f"'{word}': {symbol} is no element{hint}")
    if len(set(symbols)) < len(symbols):
        raise UsageError(f"'{word}' names an element twice: name each once, as in Li-Fe-O")
    if len(symbols) > LARGEST_SYSTEM:
        raise UsageError(
            f"'{word}' has {len(symbols)} elements, and at most {LARGEST_SYSTEM} are searched together: name "
            "a formula, or fewer elements"
        )
    return tuple(sorted(symbols))
