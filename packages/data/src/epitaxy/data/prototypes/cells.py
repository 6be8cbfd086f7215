"""Structure types as functions from bond lengths (angstrom) to a lattice and named sites.

Each function returns lattice rows and, for every role (A, B, C cations or X, Y anions), fractional
coordinates. Free parameters (c/a, u) are those of the type's eponym, as in Strukturbericht and Villars'
handbooks.
"""

import math

import numpy as np

Sites = dict[str, list[tuple[float, float, float]]]
Cell = tuple[np.ndarray, Sites]

_FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
_BCT = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])
_RHOMBOHEDRAL = np.array([[2.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [-1.0, -2.0, 1.0]]) / 3.0

_O = (0.0, 0.0, 0.0)
_HALF = (0.5, 0.5, 0.5)
_QUARTER = (0.25, 0.25, 0.25)
_THREE_QUARTERS = (0.75, 0.75, 0.75)


def _primitive(conventional: np.ndarray, centring: np.ndarray, sites: Sites) -> Cell:
    """Rewrite sites of a conventional cell, one for each set of centred copies, in the primitive cell."""
    change = np.linalg.inv(centring)
    moved = {role: [tuple((np.array(x) @ change).tolist()) for x in points] for role, points in sites.items()}
    return centring @ conventional, moved


def _cubic(a: float) -> np.ndarray:
    return a * np.eye(3)


def _tetragonal(a: float, c: float) -> np.ndarray:
    return np.diag([a, a, c])


def _hexagonal(a: float, c: float) -> np.ndarray:
    return np.array([[a, 0.0, 0.0], [-a / 2, a * math.sqrt(3) / 2, 0.0], [0.0, 0.0, c]])


def _axes(u: float) -> list[tuple[float, float, float]]:
    """Return the six points at distance u along the cubic axes."""
    return [(u, 0.0, 0.0), (-u, 0.0, 0.0), (0.0, u, 0.0), (0.0, -u, 0.0), (0.0, 0.0, u), (0.0, 0.0, -u)]


def rocksalt(d: float) -> Cell:
    """NaCl, B1: A and X six-fold."""
    return _primitive(_cubic(2 * d), _FCC, {"A": [_O], "X": [_HALF]})


def caesium_chloride(d: float) -> Cell:
    """CsCl, B2: A and X eight-fold."""
    return _cubic(2 * d / math.sqrt(3)), {"A": [_O], "X": [_HALF]}


def zincblende(d: float) -> Cell:
    """ZnS, B3: A and X four-fold."""
    return _primitive(_cubic(4 * d / math.sqrt(3)), _FCC, {"A": [_O], "X": [_QUARTER]})


def wurtzite(d: float) -> Cell:
    """ZnS, B4: ideal c/a and u."""
    a = math.sqrt(8 / 3) * d
    sites = {
        "A": [(1 / 3, 2 / 3, 0.0), (2 / 3, 1 / 3, 0.5)],
        "X": [(1 / 3, 2 / 3, 0.375), (2 / 3, 1 / 3, 0.875)],
    }
    return _hexagonal(a, math.sqrt(8 / 3) * a), sites


def nickel_arsenide(d: float) -> Cell:
    """NiAs, B8_1: A in octahedra that share faces."""
    a = math.sqrt(2) * d
    sites = {"A": [_O, (0.0, 0.0, 0.5)], "X": [(1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)]}
    return _hexagonal(a, math.sqrt(8 / 3) * a), sites


def fluorite(d: float) -> Cell:
    """CaF2, C1: A eight-fold, X four-fold."""
    return _primitive(_cubic(4 * d / math.sqrt(3)), _FCC, {"A": [_O], "X": [_QUARTER, _THREE_QUARTERS]})


def antifluorite(d: float) -> Cell:
    """Li2O: fluorite with the roles exchanged."""
    lattice, sites = fluorite(d)
    return lattice, {"A": sites["X"], "X": sites["A"]}


def rutile(d: float) -> Cell:
    """TiO2, C4: u = 0.305, c/a = 0.644."""
    u = 0.305
    a = d / 0.4276  # mean of the apical 0.4313 a and the equatorial 0.4240 a, weighted 1:1
    x = [(u, u, 0.0), (1 - u, 1 - u, 0.0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5)]
    return _tetragonal(a, 0.644 * a), {"A": [_O, _HALF], "X": x}


def anatase(d: float) -> Cell:
    """TiO2, C5: u = 0.208, c/a = 2.514."""
    a, u = 1.943 * d, 0.208
    x = [(0.0, 0.0, u), (0.0, 0.0, -u), (0.0, 0.5, 0.25 + u), (0.0, 0.5, 0.25 - u)]
    return _primitive(_tetragonal(a, 2.514 * a), _BCT, {"A": [_O, (0.0, 0.5, 0.25)], "X": x})


def cadmium_iodide(d: float) -> Cell:
    """CdI2, C6: layers of octahedra; c/a = 1.6, u = 1/4."""
    a = d / math.sqrt(1 / 3 + 0.16)
    return _hexagonal(a, 1.6 * a), {"A": [_O], "X": [(1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)]}


def rhenium_trioxide(d: float) -> Cell:
    """ReO3, D0_9: octahedra that share corners."""
    return _cubic(2 * d), {"A": [_O], "X": [(0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)]}


def lithium_bismuthide(d: float) -> Cell:
    """Li3Bi, D0_3: A in all tetrahedral and octahedral holes of X."""
    sites = {"A": [_HALF, _QUARTER, _THREE_QUARTERS], "X": [_O]}
    return _primitive(_cubic(4 * d / math.sqrt(3)), _FCC, sites)


def corundum(d: float) -> Cell:
    """Al2O3, D5_1: w = 0.352, x = 0.306, c/a = 2.73."""
    a, w, x = 2.488 * d, 0.352, 0.306
    sites = {
        "A": [(0.0, 0.0, w), (0.0, 0.0, -w), (0.0, 0.0, 0.5 + w), (0.0, 0.0, 0.5 - w)],
        "X": [
            *((x, 0.0, 0.25), (0.0, x, 0.25), (-x, -x, 0.25)),
            *((-x, 0.0, 0.75), (0.0, -x, 0.75), (x, x, 0.75)),
        ],
    }
    return _primitive(_hexagonal(a, 2.73 * a), _RHOMBOHEDRAL, sites)


def lanthana(d: float) -> Cell:
    """La2O3, D5_2: A seven-fold; c/a = 1.557."""
    a = 1.55 * d
    sites = {
        "A": [(1 / 3, 2 / 3, 0.245), (2 / 3, 1 / 3, 0.755)],
        "X": [_O, (1 / 3, 2 / 3, 0.645), (2 / 3, 1 / 3, 0.355)],
    }
    return _hexagonal(a, 1.557 * a), sites


def perovskite(d_a: float, d_b: float) -> Cell:
    """CaTiO3's ideal form, E2_1: A twelve-fold, B six-fold; a between what A-X and B-X ask for."""
    a = (math.sqrt(2) * d_a + 2 * d_b) / 2
    return _cubic(a), {"A": [_HALF], "B": [_O], "X": [(0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)]}


def antiperovskite(d_x: float) -> Cell:
    """Na3OCl: X (O) in octahedra of A, Y (Cl) between them."""
    return _cubic(2 * d_x), {
        "A": [(0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)],
        "X": [_O],
        "Y": [_HALF],
    }


def half_heusler(d_a: float, d_b: float) -> Cell:
    """MgAgAs, C1_b: A and B four-fold around X."""
    a = 4 * (d_a + d_b) / (2 * math.sqrt(3))
    return _primitive(_cubic(a), _FCC, {"A": [_HALF], "B": [_O], "X": [_QUARTER]})


def chalcopyrite(d_a: float, d_b: float) -> Cell:
    """CuFeS2, E1_1: zincblende with two cations; c = 2a, x = 1/4."""
    a = 4 * (d_a + d_b) / (2 * math.sqrt(3))
    sites = {
        "A": [_O, (0.0, 0.5, 0.25)],
        "B": [(0.0, 0.0, 0.5), (0.0, 0.5, 0.75)],
        "X": [(0.25, 0.25, 0.125), (0.75, 0.75, 0.125), (0.75, 0.25, 0.875), (0.25, 0.75, 0.875)],
    }
    return _primitive(_tetragonal(a, 2 * a), _BCT, sites)


def layered_rocksalt(d_a: float, d_b: float) -> Cell:
    """alpha-NaFeO2, F5_1: octahedral layers of A and B in turn; heights follow from both bond lengths."""
    a = (d_a + d_b) / math.sqrt(2)
    height_a, height_b = (math.sqrt(d * d - a * a / 3) for d in (d_a, d_b))
    c = 6 * (height_a + height_b)
    z = 1 / 3 - height_b / c
    sites = {"A": [(0.0, 0.0, 0.5)], "B": [_O], "X": [(0.0, 0.0, z), (0.0, 0.0, -z)]}
    return _primitive(_hexagonal(a, c), _RHOMBOHEDRAL, sites)


def matlockite(d: float) -> Cell:
    """PbFCl, E0_1: A-X layers between Y layers; c/a = 1.65, u = 0.205, v = 0.65."""
    u, v, ratio = 0.205, 0.65, 1.65
    a = d / math.sqrt(0.25 + (u * ratio) ** 2)
    sites = {
        "A": [(0.25, 0.25, u), (0.75, 0.75, -u)],
        "X": [(0.75, 0.25, 0.0), (0.25, 0.75, 0.0)],
        "Y": [(0.25, 0.25, v), (0.75, 0.75, -v)],
    }
    return _tetragonal(a, ratio * a), sites


def elpasolite(d_b: float, d_c: float) -> Cell:
    """K2NaAlF6: perovskite with two kinds of octahedra in turn."""
    a = 2 * (d_b + d_c)
    sites = {"A": [_QUARTER, _THREE_QUARTERS], "B": [_O], "C": [_HALF], "X": _axes(d_b / a)}
    return _primitive(_cubic(a), _FCC, sites)


def hexachloroplatinate(d_a: float, d_b: float) -> Cell:
    """K2PtCl6, J1_1: antifluorite of A and isolated BX6 octahedra."""
    a = math.sqrt(8) * d_a
    return _primitive(_cubic(a), _FCC, {"A": [_QUARTER, _THREE_QUARTERS], "B": [_O], "X": _axes(d_b / a)})
