"""Optimisers of ASE against FIRE on samples of the shipped models: calls for forces, and where they end.

python benchmarks/relaxers.py [--num 12] [--fmax 0.05] [--max-steps 500] [--only FIRE LBFGS ...]

Samples of the shipped models of crystals, in cells of at most ten atoms, are relaxed by CHGNet, atoms and
cell, by each optimiser from the same start. A call is one evaluation of energy, forces and stress. ``same``
counts the samples whose final energy is within 1 meV/atom of FIRE's, ``lower`` and ``higher`` the others; an
optimiser that is as good as FIRE has about as many lower as higher. Two stages: all coarsely
(``--coarse``), then those finely that lie within ``--window`` eV/atom of the best of their composition; of
these alone energies are compared.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import ase.filters
import ase.optimize
from ase import Atoms
from ase.optimize.cellawarebfgs import CellAwareBFGS
from ase.optimize.precon import PreconLBFGS
from pymatgen.core import Structure

from epitaxy.apps import SymmBFN
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.eval.stability.chgnet_potential import _calculator
from epitaxy.eval.stability.engine import to_atoms

# ASE's annotations are partial, and refuse its own filters.
filters: Any = ase.filters
optimize: Any = ase.optimize
cell_aware_bfgs: Any = CellAwareBFGS
precon_lbfgs: Any = PreconLBFGS

SAME = 0.001
"""eV/atom."""

FAR = 50
"""Calls of FIRE above which a sample counts as far from its minimum."""

LARGEST = 10
"""Atoms of a cell."""

Descent = Callable[[Atoms, float, int], bool]


@dataclass(frozen=True, slots=True)
class End:
    """Where one relaxation ended."""

    calls: int
    energy: float | None
    converged: bool
    fault: str = ""


class Counted:
    """A calculator that counts how often it computed."""

    def __init__(self, calculator: Any) -> None:
        self.calls = 0
        self._calculate = calculator.calculate
        calculator.calculate = self

    def __call__(self, *words: Any, **more: Any) -> None:
        """Compute, and count it."""
        self.calls += 1
        self._calculate(*words, **more)


def with_frechet(optimizer: Any, **words: Any) -> Descent:
    """Descend by an optimiser with the cell as the logarithm of its deformation."""

    def descend(atoms: Atoms, fmax: float, steps: int) -> bool:
        free = filters.FrechetCellFilter(atoms)
        return bool(optimizer(free, logfile=None, **words).run(fmax=fmax, steps=steps))

    return descend


def cell_aware(atoms: Atoms, fmax: float, steps: int) -> bool:
    """Descend by BFGS with a guess of the crystal's elasticity, to the filter's threshold of stress."""
    free = filters.FrechetCellFilter(atoms, exp_cell_factor=1.0)
    smax = fmax * len(atoms) / float(atoms.cell.volume)
    return bool(cell_aware_bfgs(free, logfile=None, long_output=False).run(fmax=fmax, smax=smax, steps=steps))


def preconditioned(atoms: Atoms, fmax: float, steps: int) -> bool:
    """Descend by the preconditioned LBFGS, which takes its own cell filter."""
    return bool(precon_lbfgs(filters.UnitCellFilter(atoms), logfile=None).run(fmax=fmax, steps=steps))


def fire_first(atoms: Atoms, fmax: float, steps: int) -> bool:
    """Descend by FIRE until forces are small, then by LBFGS."""
    free = filters.FrechetCellFilter(atoms)
    first = optimize.FIRE(free, logfile=None)
    first.run(fmax=1.0, steps=steps)
    return bool(optimize.LBFGS(free, logfile=None).run(fmax=fmax, steps=max(steps - first.nsteps, 0)))


DESCENTS: Mapping[str, Descent] = {
    "FIRE": with_frechet(optimize.FIRE),
    "FIRE2": with_frechet(optimize.FIRE2),
    "LBFGS": with_frechet(optimize.LBFGS),
    "LBFGSLineSearch": with_frechet(optimize.LBFGSLineSearch),
    "BFGSLineSearch": with_frechet(optimize.BFGSLineSearch),
    "CellAwareBFGS": cell_aware,
    "PreconLBFGS": preconditioned,
    "FIRE, then LBFGS": fire_first,
}


def relaxed(structure: Structure, descend: Descent, fmax: float, steps: int) -> tuple[End, Structure]:
    """Relax one structure; return where it ended."""
    calculator = _calculator("0.3.0", "cpu", "efs")
    counter = Counted(calculator)
    atoms: Any = to_atoms(structure)
    atoms.calc = calculator
    try:
        converged = descend(atoms, fmax, steps)
        energy = float(atoms.get_potential_energy()) / len(atoms)
    except Exception as error:  # an optimiser that fails is a finding
        return End(counter.calls, None, False, f"{type(error).__name__}: {error}"), structure
    end = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
    return End(counter.calls, energy, converged), end


def two_stages(
    structures: Sequence[Structure],
    descend: Descent,
    *,
    coarse: float,
    fmax: float,
    steps: int,
    window: float,
) -> list[End | None]:
    """Relax all coarsely, those within the window of their composition's best finely; None for the others."""
    first = [relaxed(s, descend, coarse, steps) for s in structures]
    best: dict[str, float] = {}
    for structure, (end, _) in zip(structures, first, strict=True):
        if end.energy is not None:
            formula = structure.composition.reduced_formula
            best[formula] = min(best.get(formula, end.energy), end.energy)
    ends: list[End | None] = []
    for structure, (end, reached) in zip(structures, first, strict=True):
        if end.energy is None or end.energy > best[structure.composition.reduced_formula] + window:
            ends.append(End(end.calls, None, end.converged))
            continue
        last, _ = relaxed(reached, descend, fmax, steps)
        ends.append(End(end.calls + last.calls, last.energy, last.converged))
    return ends


def samples(num: int) -> list[Structure]:
    """Sample small cells from the shipped models, a third each."""
    each = -(-num // 3)
    found = [
        *CrystalGenerator.load("crysbfn-perov-small").sample(formula="SrTiO3", num=each, steps=50, seed=1),
        *CrystalGenerator.load("kldm-perov-small").sample(formula="SrTiO3", num=each, steps=50, seed=1),
    ]
    free = SymmBFN.load("symmbfn-mp20-small").sample(num=12 * each, steps=50, seed=1)
    return found + [s for s in free if len(s) <= LARGEST and s.is_valid(0.7)][:each]


def line(name: str, ends: Sequence[End | None], fire: Sequence[End], seconds: float) -> str:
    """Return a row of the table."""
    calls = [end.calls for end in ends if end is not None]
    gaps = [
        end.energy - other.energy
        for end, other in zip(ends, fire, strict=True)
        if end is not None and end.energy is not None and other.energy is not None
    ]
    same = sum(abs(gap) <= SAME for gap in gaps)
    lower, higher = sum(gap < -SAME for gap in gaps), sum(gap > SAME for gap in gaps)
    done = sum(end is not None and end.converged for end in ends)
    failed = sum(end is not None and bool(end.fault) for end in ends)
    far = [end.calls for end, other in zip(ends, fire, strict=True) if end is not None and other.calls > FAR]
    return (
        f"| {name} | {median(calls):g} | {median(far) if far else 0:g} | {sum(calls)} | {done}/{len(ends)} "
        f"| {same} | {lower} | {higher} | "
        f"{failed} | {seconds:.0f} |"
    )


def main() -> None:
    """Parse the words, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num", type=int, default=12)
    parser.add_argument("--fmax", type=float, default=0.05)
    parser.add_argument("--coarse", type=float, default=0.3)
    parser.add_argument("--window", type=float, default=0.1)
    parser.add_argument("--max-steps", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=list(DESCENTS))
    parser.add_argument("--two-stages", nargs="*", default=["LBFGS"])
    words = parser.parse_args()
    warnings.simplefilter("ignore")
    structures = samples(words.num)
    print(f"{len(structures)} samples, fmax {words.fmax:g} eV/angstrom, at most {words.max_steps} steps\n")
    print(
        "| optimiser | median calls | of those far off | all calls | converged | same | lower | higher | "
        "failed | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    fire: list[End] = []
    for name in dict.fromkeys(["FIRE", *words.only]):
        started = time.process_time()
        ends = [relaxed(s, DESCENTS[name], words.fmax, words.max_steps)[0] for s in structures]
        fire = fire or ends
        print(line(name, ends, fire, time.process_time() - started), flush=True)
        for fault in sorted({end.fault for end in ends if end.fault}):
            print(f"<!-- {name}: {fault} -->", flush=True)
    for name in words.two_stages:
        started = time.process_time()
        both = two_stages(
            structures, DESCENTS[name], coarse=words.coarse, fmax=words.fmax, steps=words.max_steps,
            window=words.window,
        )  # fmt: skip
        print(line(f"{name}, two stages", both, fire, time.process_time() - started), flush=True)


if __name__ == "__main__":
    main()
