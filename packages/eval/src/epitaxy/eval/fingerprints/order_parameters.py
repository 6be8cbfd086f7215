"""Local structure order parameters of one site: how near its neighbours come to an ideal motif.

The parameters of Zimmermann and Jain, RSC Adv. 10, 6063 (2020), as pymatgen's ``LocalStructOrderParams`` has
them, one at a time; there they are loops over triples of neighbours, here arrays, about ten times as fast.
The tests hold both against each other.

Each parameter but the Steinhardt ones puts one neighbour j at the north pole and another, k, on the prime
meridian, and scores the polar angle of k and, for every other neighbour m, its polar angle and azimuth.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from epitaxy.eval.fingerprints.motifs import Motif

_PARALLEL = 1e-12  # two neighbours closer to parallel than this have no azimuth between them
_MAX = 1e-12  # a score with less weight than this is 0

Pairs = Float[np.ndarray, "n n"]
Triples = Float[np.ndarray, "n n n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Angles between the directions to a site's neighbours.

    Attributes:
        cosine: Cosines between directions j and k.
        polar: The angles themselves, in radians.
        azimuth: Angle (j, k, m) between the planes (j, k) and (j, m), in radians.
        other: Where m is neither j nor k, and k not parallel to j.
        placed: Where, besides, m is not parallel to j: it has an azimuth.

    """

    cosine: Pairs
    polar: Pairs
    azimuth: Triples
    other: Bool[np.ndarray, "n n n"]
    placed: Bool[np.ndarray, "n n n"]

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "n 3"]) -> "Environment":
        """Measure the angles between vectors from a site to its neighbours (angstrom, none of them zero)."""
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosine = np.clip(unit @ unit.T, -1.0, 1.0)
        across = unit[None, :, :] - cosine[:, :, None] * unit[:, None, :]  # the part of k orthogonal to j
        length = np.linalg.norm(across, axis=-1)
        parallel = length < _PARALLEL
        across = across / np.where(parallel, 1.0, length)[:, :, None]
        same = np.eye(len(unit), dtype=bool)
        other = ~(same[:, :, None] | same[:, None, :] | same[None, :, :] | parallel[:, :, None])
        return cls(
            cosine=cosine,
            polar=np.arccos(cosine),
            azimuth=np.arccos(np.clip(np.einsum("jkd,jmd->jkm", across, across), -1.0, 1.0)),
            other=other,
            placed=other & ~parallel[:, None, :],
        )

    def __len__(self) -> int:
        return len(self.cosine)


def order_parameter(motif: Motif, environment: Environment) -> float:
    """Score an environment against a motif: 1 for the ideal one; 0 where the motif has no meaning.

    Raises:
        ValueError: If there is no formula for the motif.

    """
    if motif.kind == "sgl_bd":
        return 1.0 if len(environment) == 1 else 0.0
    if motif.kind in _DEGREES:
        return _steinhardt(environment, _DEGREES[motif.kind])
    if motif.kind not in _SCORES:
        raise ValueError(f"no order parameter is called {motif.kind!r}")
    if len(environment) < 2:
        return 0.0
    score, weight = _SCORES[motif.kind](environment, motif.parameters)
    pairs = ~np.eye(len(environment), dtype=bool)
    if motif.kind == "bent":
        return float(score[pairs].sum() / weight[pairs].sum())
    if motif.kind == "bcc":
        n = len(environment)
        return float(score.sum() / (0.5 * n * (6 + (n - 2) * (n - 3)))) if n > 3 else 0.0
    return float(np.divide(score, weight, out=np.zeros_like(score), where=weight > _MAX)[pairs].max())


_DEGREES = {"q2": 2, "q4": 4, "q6": 6}


def _steinhardt(environment: Environment, degree: int) -> float:
    """Steinhardt's bond order (Phys. Rev. B 28, 784 (1983)), by the addition theorem instead of harmonics."""
    legendre = np.polynomial.legendre.Legendre.basis(degree)
    return float(np.sqrt(max(0.0, float(legendre(environment.cosine).mean()))))


def _gauss(angle: np.ndarray, target: float | np.ndarray, narrowness: float) -> np.ndarray:
    """Score an angle in radians against a target in units of pi."""
    scored: np.ndarray = np.exp(-0.5 * (narrowness * (angle / np.pi - target)) ** 2)
    return scored


def _waves(environment: Environment, p: Mapping[str, float]) -> Triples:
    waves: np.ndarray = np.cos(p["fac_AA"] * environment.azimuth) ** p["exp_cos_AA"]
    return waves


def _summed(
    environment: Environment, first: Pairs, weight: Pairs, triples: Triples, where: np.ndarray
) -> tuple[Pairs, Pairs]:
    """Add to each pair's score that of its triples, each of weight 1."""
    counted = environment.placed & where
    return first + (triples * counted).sum(-1), weight + counted.sum(-1)


_EVERYWHERE = np.array(True)


def _bent(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    return _gauss(e.polar, p["TA"], p["IGW_TA"]), np.ones_like(e.polar)


def _angular(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    """All neighbours at one angle from each other: triangles and tetrahedra."""
    score = _gauss(e.polar, p["TA"], p["IGW_TA"])
    return _summed(e, score, np.ones_like(score), score[:, None, :] * _waves(e, p), _EVERYWHERE)


def _pentagon(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    target = np.where(e.polar <= p["TA"] * np.pi, 0.4, 0.8)
    score = _gauss(e.polar, target, p["IGW_TA"])
    return _summed(e, score, np.ones_like(score), score[:, None, :] * np.cos(e.azimuth) ** 2, _EVERYWHERE)


def _pyramid(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    """One neighbour at the pole, the others on the equator."""
    score = _gauss(e.polar, 0.5, p["IGW_EP"])
    return _summed(e, score, np.ones_like(score), score[:, None, :] * _waves(e, p), _EVERYWHERE)


def _bipyramid(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    return _two_poles(e, p, _gauss(e.polar, 0.5, p["IGW_EP"]), _EVERYWHERE)


def _see_saw(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    return _two_poles(e, p, _gauss(e.polar, 0.5, p["IGW_EP"]), e.azimuth < 0.75 * np.pi)


def _hexagon(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    off_equator = np.abs(e.polar / np.pi - 0.5) * np.pi
    return _two_poles(e, p, _gauss(off_equator, p["TA"], p["IGW_TA"]), _EVERYWHERE)


def _two_poles(
    e: Environment, p: Mapping[str, float], score: Pairs, where: np.ndarray
) -> tuple[Pairs, Pairs]:
    """Neighbours at both poles and on the equator; what is near the south pole is scored by that alone."""
    north = e.polar < p["min_SPP"]
    equator = north[:, :, None] & north[:, None, :]
    total, weight = _summed(
        e, score * north, north.astype(float), score[:, None, :] * _waves(e, p), equator & where
    )
    south = e.other & ~north[:, None, :]
    pole = _gauss(e.polar, 1.0, p["IGW_SPP"])
    return total + (pole[:, None, :] * south).sum(-1), weight + south.sum(-1)


def _bcc(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    south = e.polar >= p["min_SPP"]
    first = p["w_SPP"] * _gauss(e.polar, 1.0, p["IGW_SPP"]) * south
    tilt = (e.polar - np.pi / 2) / np.arcsin(1 / 3)
    wave = np.where(e.polar > np.pi / 2, 1.0, -1.0)[:, :, None] * np.cos(3 * e.azimuth) * np.exp(0.5)
    triples = wave * (tilt * np.exp(-0.5 * tilt**2))[:, None, :]
    score, weight = _summed(e, first, p["w_SPP"] * south, triples, ~south[:, :, None])
    upper = np.triu(np.ones_like(score), 1)  # each pair once
    return score * upper, weight * upper


def _cuboctahedron(e: Environment, p: Mapping[str, float]) -> tuple[Pairs, Pairs]:
    low, high = p["4"], p["2"]
    south = e.polar >= p["min_SPP"]
    first = p["w_SPP"] * _gauss(e.polar, 1.0, p["IGW_SPP"]) * south
    meridian = ((e.polar > low) & (e.polar < high))[:, :, None]
    off = 0.0556 * (np.cos(e.azimuth - 0.5 * np.pi) - 0.81649658)
    beside = np.exp(-0.5 * off**2)
    theta = e.polar[:, None, :]
    triples = np.where(
        (theta > low) & (theta < high),
        np.cos(e.azimuth) ** 2 * _gauss(theta, 0.5, p["5"]),
        beside * np.where(theta < low, _gauss(theta, 1 / 3, p["6"]), _gauss(theta, 2 / 3, p["6"])),
    )
    edge = (theta == low) | (theta == high)  # pymatgen counts these in neither band
    return _summed(e, first, p["w_SPP"] * south, triples, meridian & ~south[:, None, :] & ~edge)


_SCORES = {
    "bent": _bent,
    "tri_plan_max": _angular,
    "tet_max": _angular,
    "pent_plan_max": _pentagon,
    "T": _pyramid,
    "tri_pyr": _pyramid,
    "sq_pyr": _pyramid,
    "pent_pyr": _pyramid,
    "hex_pyr": _pyramid,
    "sq_plan_max": _bipyramid,
    "oct_max": _bipyramid,
    "tri_bipyr": _bipyramid,
    "pent_bipyr": _bipyramid,
    "hex_bipyr": _bipyramid,
    "see_saw_rect": _see_saw,
    "hex_plan_max": _hexagon,
    "bcc": _bcc,
    "cuboct_max": _cuboctahedron,
}
