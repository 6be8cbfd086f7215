"""Rules for one crystal: whether it is geometrically and chemically possible."""

from epitaxy.eval.validity.compositional import compositional_validity
from epitaxy.eval.validity.structural import structural_validity
from epitaxy.eval.validity.tables import TABLE_NAMES, OxidationTable, oxidation_table
from epitaxy.eval.validity.verdict import Validity

__all__ = [
    "TABLE_NAMES",
    "OxidationTable",
    "Validity",
    "compositional_validity",
    "oxidation_table",
    "structural_validity",
]
