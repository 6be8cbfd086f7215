"""Named protocols of crystal structure prediction: what must hold before a match counts.

The field's tables all use pymatgen's StructureMatcher at the same tolerances but ask for different kinds of
validity first, so figures compare only under one protocol. Where a protocol here decides otherwise than the
code of the same name, it is because that code's decision is an accident of computing:

- DiffCSP calls a composition with more than 1e7 combinations of oxidation states invalid; here it is decided.
- CDVAE, DiffCSP and CrysBFN also call a crystal invalid when matminer's CrystalNN fingerprint fails on it;
  here not.
- CrysBFN pairs by row, after dropping rows, and its mp_20 script stops after 2,560 crystals; here pairs are
  by id.

``strict`` is no paper's: at these tolerances the matcher takes a distorted crystal for its symmetric parent,
and the space groups tell them apart.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from epitaxy.eval.validity import Validity, compositional_validity, structural_validity


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityRule:
    """What one side of a pair must satisfy.

    Attributes:
        structural: Whether it must be structurally valid.
        oxidation_table: The table under which it must be compositionally valid; None if it need not be.
        max_length: Largest allowed a, b or c in angstrom; None for any. Checked only if ``structural``.

    """

    structural: bool = False
    oxidation_table: str | None = None
    max_length: float | None = None

    def check(self, structure: Structure) -> Validity:
        """Name the first rule that the crystal breaks, or give a positive verdict."""
        verdict = Validity(True)
        if self.structural:
            verdict = structural_validity(structure, max_length=self.max_length)
        if verdict and self.oxidation_table is not None:
            verdict = compositional_validity(structure.composition, table=self.oxidation_table)
        return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CSPProtocol:
    """How predictions are scored against references.

    Attributes:
        name: What it is called in tables.
        definition: It in one line, for a reader of the figures.
        prediction: What a prediction must satisfy; one that does not is unmatched.
        reference: What a reference must satisfy; one that does not is unmatched, and the rate is over all
            references.
        ltol: StructureMatcher's fractional length tolerance.
        stol: StructureMatcher's site tolerance, as a fraction of (volume per atom)^(1/3).
        angle_tol: StructureMatcher's angle tolerance, in degrees.
        symprec: Tolerance in angstrom at which both must have the same space group; None if they need not.

    """

    name: str
    definition: str
    prediction: ValidityRule = ValidityRule()
    reference: ValidityRule = ValidityRule()
    ltol: float = 0.3
    stol: float = 0.5
    angle_tol: float = 10.0
    symprec: float | None = None

    def matcher(self) -> StructureMatcher:
        """Make pymatgen's matcher; but for the tolerances, as it is (primitive Niggli cells, scaled)."""
        return StructureMatcher(ltol=self.ltol, stol=self.stol, angle_tol=self.angle_tol)

    def describe(self) -> dict[str, object]:
        """``name``, ``definition`` and ``parameters``, as a report has them."""
        parameters = asdict(self)
        return {
            "name": parameters.pop("name"),
            "definition": parameters.pop("definition"),
            "parameters": parameters,
        }


_STRUCTURE = ValidityRule(structural=True)
_STRUCTURE_AND_SMACT = ValidityRule(structural=True, oxidation_table="smact14")

_CDVAE = CSPProtocol(
    name="cdvae",
    definition=(
        "Matched if prediction and reference are both structurally valid (distances >= 0.5 A, volume "
        ">= 0.1 A^3) and SMACT-valid (SMACT14 states) and StructureMatcher(0.3, 0.5, 10) matches them; "
        "rate over all references."
    ),
    prediction=_STRUCTURE_AND_SMACT,
    reference=_STRUCTURE_AND_SMACT,
)
_CRYSBFN = CSPProtocol(
    name="crysbfn",
    definition=(
        "Matched if the prediction is structurally valid (distances >= 0.5 A, volume >= 0.1 A^3) and "
        "StructureMatcher(0.3, 0.5, 10) matches it; no SMACT test; rate over all references."
    ),
    prediction=_STRUCTURE,
)
_KLDM = CSPProtocol(
    name="kldm",
    definition=(
        "Matched if the prediction is structurally valid (distances >= 0.5 A, volume >= 0.1 A^3), its a, "
        "b, c are at most 40 A and StructureMatcher(0.3, 0.5, 10) matches it; no SMACT test; rate over all "
        "references."
    ),
    prediction=replace(_STRUCTURE, max_length=40.0),
)
_LOOSE = CSPProtocol(
    name="loose",
    definition=(
        "Matched if StructureMatcher(0.3, 0.5, 10) matches; no validity is asked; rate over all references."
    ),
)
_STRICT = CSPProtocol(
    name="strict",
    definition=(
        "Matched if StructureMatcher(0.3, 0.5, 10) matches and both have the same space group (spglib by "
        "pymatgen's SpacegroupAnalyzer, 0.1 A, 5 degrees); no validity is asked; rate over all references."
    ),
    symprec=0.1,
)

PROTOCOLS: Mapping[str, CSPProtocol] = MappingProxyType(
    {p.name: p for p in (_CDVAE, replace(_CDVAE, name="diffcsp"), _CRYSBFN, _KLDM, _LOOSE, _STRICT)}
)
"""The protocols by name. ``diffcsp`` is ``cdvae`` under the name that its tables know."""


def csp_protocol(name: str | CSPProtocol) -> CSPProtocol:
    """Look up a protocol by name; a protocol is returned as it is.

    Raises:
        ValueError: If there is none of that name.

    """
    if isinstance(name, CSPProtocol):
        return name
    if name not in PROTOCOLS:
        raise ValueError(f"no protocol is called {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
