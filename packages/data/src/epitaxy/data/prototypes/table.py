"""Which ions go into which structure type.

A prototype names each role's ions and coordination number, which bond lengths its cell function takes, and
the ranges of radius ratios within which such compounds occur (Pauling's rules; Goldschmidt's tolerance factor
for perovskites).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from epitaxy.data.prototypes import cells
from epitaxy.data.prototypes.cells import Cell
from epitaxy.data.prototypes.radii import Ion, ions

Range = tuple[float, float]
Pair = tuple[str, str]

AX, BX, CX, XY = ("A", "X"), ("B", "X"), ("C", "X"), ("X", "Y")
BA, CB = ("B", "A"), ("C", "B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prototype:
    """A structure type and what may occupy it.

    Attributes:
        name: the first part of the ids.
        cell: bond lengths, in the order of `bonds`, to lattice and sites.
        bonds: pairs of roles whose radii sum to a bond length.
        roles: ions by role.
        coordination: coordination number by role.
        ratios: allowed radius ratios of a pair of roles.
        tolerance: allowed Goldschmidt factor (r_A + r_X) / (sqrt(2) (r_B + r_X)).

    """

    name: str
    cell: Callable[..., Cell]
    bonds: tuple[Pair, ...]
    roles: Mapping[str, tuple[Ion, ...]]
    coordination: Mapping[str, int]
    ratios: Mapping[Pair, Range] = field(default_factory=dict)
    tolerance: Range | None = None


ALKALI = ions("Li Na K Rb Cs", 1)
MONO = ALKALI + ions("Ag Tl", 1)
ALKALINE_EARTH = ions("Mg Ca Sr Ba", 2)
TRANSITION_2 = ions("Mn Fe Co Ni", 2)
DIVALENT = ALKALINE_EARTH + TRANSITION_2 + ions("Zn Cd Pb Eu", 2)
EARTH_3 = ions("Al Ga In Sc Y", 3)
TRANSITION_3 = ions("Ti V Cr Mn Fe Co", 3)
LANTHANIDE = ions("La Ce Pr Nd Sm Gd Dy Er Yb", 3)
TETRAVALENT = ions("Ti Zr Hf Sn Ge Mn V Nb Mo Ru Ir Pb Ce Th U", 4)
HALIDE = ions("F Cl Br I", -1)
CHALCOGENIDE = ions("O S Se Te", -2)
PNICTIDE = ions("N P As", -3)

_SIX = {"A": 6, "X": 6}
_FOUR = {"A": 4, "X": 4}
_OCTAHEDRON: Range = (0.38, 0.75)

PROTOTYPES: tuple[Prototype, ...] = (
    Prototype(
        name="rocksalt",
        cell=cells.rocksalt,
        bonds=(AX,),
        coordination=_SIX,
        ratios={AX: (0.38, 1.0)},
        roles={
            "A": MONO + DIVALENT + ions("Sc Y La Ce Nd Gd Ti V Cr", 3),
            "X": HALIDE + CHALCOGENIDE + PNICTIDE,
        },
    ),
    Prototype(
        name="cscl",
        cell=cells.caesium_chloride,
        bonds=(AX,),
        coordination={"A": 8, "X": 8},
        ratios={AX: (0.73, 1.3)},
        roles={"A": ions("K Rb Cs Tl", 1), "X": HALIDE},
    ),
    Prototype(
        name="zincblende",
        cell=cells.zincblende,
        bonds=(AX,),
        coordination=_FOUR,
        ratios={AX: (0.1, 0.46)},
        roles={
            "A": ions("Cu Ag", 1) + ions("Be Mg Zn Cd Hg Mn", 2) + ions("B Al Ga In", 3),
            "X": HALIDE + CHALCOGENIDE + PNICTIDE,
        },
    ),
    Prototype(
        name="wurtzite",
        cell=cells.wurtzite,
        bonds=(AX,),
        coordination=_FOUR,
        ratios={AX: (0.15, 0.48)},
        roles={"A": ions("Be Mg Zn Cd Mn", 2) + ions("Al Ga In", 3), "X": CHALCOGENIDE + ions("N", -3)},
    ),
    Prototype(
        name="nias",
        cell=cells.nickel_arsenide,
        bonds=(AX,),
        coordination=_SIX,
        roles={"A": ions("V Cr", 2) + TRANSITION_2, "X": ions("S Se Te", -2)},
    ),
    Prototype(
        name="fluorite",
        cell=cells.fluorite,
        bonds=(AX,),
        coordination={"A": 8, "X": 4},
        ratios={AX: (0.6, 1.15)},
        roles={"A": DIVALENT + TETRAVALENT, "X": HALIDE + CHALCOGENIDE},
    ),
    Prototype(
        name="antifluorite",
        cell=cells.antifluorite,
        bonds=(AX,),
        coordination={"A": 4, "X": 8},
        ratios={AX: (0.2, 0.9)},
        roles={"A": ions("Li Na K Rb Cu", 1) + ions("Be Mg", 2), "X": CHALCOGENIDE},
    ),
    Prototype(
        name="rutile",
        cell=cells.rutile,
        bonds=(AX,),
        coordination={"A": 6, "X": 3},
        ratios={AX: (0.38, 0.68)},
        roles={"A": DIVALENT + TETRAVALENT, "X": ions("F", -1) + ions("O", -2)},
    ),
    Prototype(
        name="anatase",
        cell=cells.anatase,
        bonds=(AX,),
        coordination={"A": 6, "X": 3},
        ratios={AX: (0.38, 0.56)},
        roles={"A": TETRAVALENT, "X": ions("O", -2)},
    ),
    Prototype(
        name="cdi2",
        cell=cells.cadmium_iodide,
        bonds=(AX,),
        coordination={"A": 6, "X": 3},
        ratios={AX: (0.3, 0.62)},
        roles={"A": DIVALENT + TETRAVALENT, "X": HALIDE[1:] + CHALCOGENIDE[1:]},
    ),
    Prototype(
        name="reo3",
        cell=cells.rhenium_trioxide,
        bonds=(AX,),
        coordination={"A": 6, "X": 2},
        ratios={AX: (0.38, 0.7)},
        roles={"A": EARTH_3 + TRANSITION_3 + ions("W Mo Re", 6), "X": ions("F", -1) + ions("O", -2)},
    ),
    Prototype(
        name="li3bi",
        cell=cells.lithium_bismuthide,
        bonds=(AX,),
        coordination={"A": 4, "X": 8},
        roles={"A": ALKALI, "X": PNICTIDE[1:] + ions("Sb", -3)},
    ),
    Prototype(
        name="corundum",
        cell=cells.corundum,
        bonds=(AX,),
        coordination={"A": 6, "X": 4},
        ratios={AX: (0.36, 0.62)},
        roles={"A": EARTH_3 + TRANSITION_3, "X": ions("O S", -2)},
    ),
    Prototype(
        name="lanthana",
        cell=cells.lanthana,
        bonds=(AX,),
        coordination={"A": 7, "X": 5},
        roles={"A": LANTHANIDE, "X": ions("O", -2)},
    ),
    Prototype(
        name="perovskite",
        cell=cells.perovskite,
        bonds=(
            AX,
            BX,
        ),
        coordination={"A": 12, "B": 6, "X": 6},
        ratios={BX: _OCTAHEDRON},
        tolerance=(0.87, 1.06),
        roles={
            "A": ions("Na K Rb Cs Tl", 1) + ions("Ca Sr Ba Pb Eu", 2) + LANTHANIDE[:6],
            "B": DIVALENT + EARTH_3 + TRANSITION_3 + TETRAVALENT + ions("Nb Ta", 5),
            "X": HALIDE + CHALCOGENIDE,
        },
    ),
    Prototype(
        name="antiperovskite",
        cell=cells.antiperovskite,
        bonds=(AX,),
        coordination={"A": 6, "X": 6, "Y": 12},
        ratios={AX: (0.4, 1.0), XY: (0.5, 0.95)},
        roles={
            "A": ALKALI[:3] + ALKALINE_EARTH,
            "X": ions("O S", -2) + ions("N", -3),
            "Y": HALIDE[1:] + PNICTIDE[1:],
        },
    ),
    Prototype(
        name="half_heusler",
        cell=cells.half_heusler,
        bonds=(
            AX,
            BX,
        ),
        coordination={"A": 4, "B": 4, "X": 8},
        ratios={AX: (0.2, 0.7), BX: (0.2, 0.5)},
        roles={"A": ions("Li Na Cu Ag", 1), "B": ions("Be Mg Zn Cd Mn", 2), "X": PNICTIDE},
    ),
    Prototype(
        name="chalcopyrite",
        cell=cells.chalcopyrite,
        bonds=(
            AX,
            BX,
        ),
        coordination={"A": 4, "B": 4, "X": 4},
        ratios={AX: (0.2, 0.6), BX: (0.1, 0.45)},
        roles={
            "A": ions("Li Cu Ag", 1) + ions("Mg Zn Cd", 2),
            "B": ions("Al Ga In Fe", 3) + ions("Si Ge Sn", 4),
            "X": CHALCOGENIDE[1:] + PNICTIDE,
        },
    ),
    Prototype(
        name="layered",
        cell=cells.layered_rocksalt,
        bonds=(
            AX,
            BX,
        ),
        coordination={"A": 6, "B": 6, "X": 6},
        ratios={AX: (0.4, 1.0), BX: (0.3, 0.7), BA: (0.5, 0.95)},
        roles={
            "A": ALKALI[:4] + ions("Ag", 1),
            "B": EARTH_3 + TRANSITION_3 + LANTHANIDE[:7],
            "X": CHALCOGENIDE[:3],
        },
    ),
    Prototype(
        name="matlockite",
        cell=cells.matlockite,
        bonds=(AX,),
        coordination={"A": 9, "X": 4, "Y": 5},
        ratios={AX: (0.6, 1.2), XY: (0.5, 0.85)},
        roles={
            "A": ions("Ca Sr Ba Pb Eu", 2) + LANTHANIDE + ions("Bi Y", 3),
            "X": ions("F", -1) + ions("O", -2),
            "Y": HALIDE[1:],
        },
    ),
    Prototype(
        name="elpasolite",
        cell=cells.elpasolite,
        bonds=(
            BX,
            CX,
        ),
        coordination={"A": 12, "B": 6, "C": 6, "X": 6},
        ratios={BX: (0.45, 0.95), CX: (0.33, 0.7), CB: (0.4, 0.9)},
        tolerance=(0.88, 1.06),
        roles={
            "A": ions("K Rb Cs", 1) + ions("Sr Ba", 2),
            "B": ions("Li Na K Ag", 1) + ions("Mg Ca Fe Ni", 2),
            "C": ions("Al Ga In Sc Y Cr Fe La Bi", 3) + ions("W Mo Te", 6),
            "X": HALIDE[:3] + ions("O", -2),
        },
    ),
    Prototype(
        name="k2ptcl6",
        cell=cells.hexachloroplatinate,
        bonds=(
            AX,
            BX,
        ),
        coordination={"A": 12, "B": 6, "X": 6},
        ratios={AX: (0.7, 1.5), BX: (0.28, 0.55)},
        roles={"A": ions("K Rb Cs Tl", 1), "B": ions("Ti Zr Hf Sn Ge Mn Pt Pd Te Re Os Ir", 4), "X": HALIDE},
    ),
)
