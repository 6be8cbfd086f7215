"""What a search is told, and what is wrong with it before anything heavy is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from epitaxy.apps.foundation.checks import check_group, check_known, check_potential
from epitaxy.apps.foundation.elements import check_formula, system_of
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import locate
from epitaxy.apps.foundation.names import DEVICES, FORMAT_NAMES
from epitaxy.apps.foundation.suggest import suggest

SOURCES = ("models", "prototypes", "random")
ORDERS = ("probability", "energy")
BUDGET = 600.0
"""Seconds of wall-clock time unless told otherwise."""
LEAST_BUDGET = 5.0
"""Seconds below which nothing comes of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """The words of a search, in Python and on the command line alike.

    Attributes:
        question: a formula, ``SrTiO3``, or a chemical system, ``Li-Fe-O``.
        spacegroup: number or symbol of the one space group that candidates may have; None for any.
        out: the folder of the results, and of what is needed to go on.
        budget: seconds of wall-clock time, all starts together.
        num: candidates after which no more are proposed; None for as many as the time allows.
        proposals: of :data:`SOURCES`; empty for all that are available.
        models: which ones; empty for all shipped ones that can serve.
        reference: known crystals, for prototypes and comparison; None for mp_20 if it is here, else the
            embedded structure types.
        leave_out_known: whether known crystals of just these elements are hidden from the search.
        hull: known crystals or a file of entries to tell energies above the hull by; None for none.
        potential: whose energy is lowered.
        formats: of the shortlist.
        window: eV/atom above the best, or above the hull, within which a candidate is listed.
        rank_by: of :data:`ORDERS`; a chemical system's candidates are always ranked by energy.
        fmax: largest force, eV/angstrom, at which a candidate has converged.
        max_steps: steps after which a relaxation ends unconverged.
        pressure: GPa.
        max_atoms: atoms of the largest random cell.
        seed: the same seed proposes the same candidates.
        steps: network evaluations a sampled structure; None for 20, or the recipe's number if lower.
        workers: processes that relax; None for one a core, 0 for this one.
        device: where models sample.
        root: where datasets lie.
    """

    question: str
    out: Path
    spacegroup: int | str | None = None
    budget: float = BUDGET
    num: int | None = None
    proposals: Sequence[str] = ()
    models: Sequence[str] = ()
    reference: str | None = None
    leave_out_known: bool = False
    hull: str | None = None
    potential: str = "chgnet"
    formats: Sequence[str] = ("cif",)
    window: float = 0.1
    rank_by: str = "probability"
    fmax: float = 0.025
    max_steps: int = 300
    pressure: float = 0.0
    max_atoms: int = 20
    seed: int = 0
    steps: int | None = None
    workers: int | None = None
    device: str = "auto"
    root: Path | None = None

    def check(self) -> None:
        """Refuse words that no search can follow.

        Raises:
            UsageError: naming the first of them.
        """
        if not isfinite(self.budget) or self.budget < LEAST_BUDGET:
            raise UsageError(
                f"--budget: {self.budget:g} seconds is too little for anything; give at least 00:00:05, "
                "better 00:10:00"
            )
        for name, words, known in (
            ("--proposals", self.proposals, SOURCES),
            ("--format", self.formats, FORMAT_NAMES),
            ("--rank-by", (self.rank_by,), ORDERS),
            ("--device", (self.device,), DEVICES),
        ):
            for word in words:
                if word not in known:
                    raise UsageError(f"{name} {word}: there is no such choice{suggest(word, known)}")
        if not self.formats:
            raise UsageError("--format: name cif, poscar or both")
        if self.models and self.proposals and "models" not in self.proposals:
            raise UsageError("--model goes with --proposals models: name it, or leave --proposals out")
        if system_of(self.question) is None:
            check_formula(self.question)
        if self.spacegroup is not None:
            check_group(self.spacegroup)
        for model in self.models:
            locate(model)
        check_potential(self.potential)
        check_known(self.reference, self.hull)
        self._check_numbers()
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"--out {self.out} is a file: name a folder")

    def _check_numbers(self) -> None:
        least = {
            "--num": (self.num, 1), "--max-atoms": (self.max_atoms, 1), "--steps": (self.steps, 1),
            "--seed": (self.seed, 0), "--workers": (self.workers, 0), "--max-steps": (self.max_steps, 1),
        }  # fmt: skip
        for name, (value, low) in least.items():
            if value is not None and value < low:
                raise UsageError(f"{name} {value}: give {low} or more")
        if not (isfinite(self.window) and self.window >= 0):
            raise UsageError(f"--window {self.window:g}: give eV/atom, 0 or more")
        if not (isfinite(self.fmax) and self.fmax > 0):
            raise UsageError(f"--fmax {self.fmax:g}: give eV/angstrom, more than 0")
        if not isfinite(self.pressure):
            raise UsageError(f"--pressure {self.pressure:g}: give a finite number of GPa")
