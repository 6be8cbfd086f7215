"""SymmBFN from Python: load a model, sample crystals of given symmetry."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pymatgen.core import Structure

from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.requests import WyckoffRequest, for_formulas, for_groups, like_unit
from epitaxy.apps.asymmetric_units.start import wyckoff_start
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.requests.capabilities import advised
from epitaxy.apps.requests.elements import Words, palette, refuse_elements
from epitaxy.apps.requests.request import Request, RequestOptions
from epitaxy.apps.requests.start import Like, StartOptions
from epitaxy.apps.sampling.generator import Generator


@dataclass(frozen=True, slots=True, repr=False)
class SymmBFN(Generator[WyckoffModel, WyckoffRequest]):
    """A trained SymmBFN (Ruple et al., "Symmetry-Aware Bayesian Flow Networks for Crystal Generation").

    Every crystal has the space group that was asked for, or one that contains it. A model that was trained to
    predict structures (``--task csp``) is given elements and Wyckoff positions, and makes points and cell.

    >>> model = SymmBFN.load("symmbfn-mp20-small")  # doctest: +SKIP
    >>> structures = model.sample(spacegroup="Fm-3m", num=20, steps=100, seed=0)  # doctest: +SKIP
    """

    kinds: ClassVar[tuple[ModelName, ...]] = ("symmbfn",)

    def requests(
        self,
        *,
        num: int,
        seed: int,
        spacegroup: int | str | Sequence[int | str] | None = None,
        crystal_system: str | Sequence[str] | None = None,
        formula: str | Sequence[str] | None = None,
        formula_units: int | None = None,
        properties: Mapping[str, float] | None = None,
        guidance: float = 0.0,
        elements: Words = None,
        chemical_system: Words = None,
        without: Words = None,
        like: Like = None,
        strength: float | None = None,
        fix: Like = None,
        free: str | Sequence[int] | None = None,
        free_what: str | None = None,
    ) -> list[WyckoffRequest]:
        """Return one request per structure to sample, in order.

        Raises:
            UsageError: a group, system, formula, property or elements that the model cannot meet, guidance
                without a property, or no formula for a model that predicts structures for one.
        """
        if isinstance(spacegroup, str) or not isinstance(spacegroup, Iterable):
            groups = [] if spacegroup is None else [spacegroup]
        else:
            groups = list(spacegroup)
        systems = [crystal_system] if isinstance(crystal_system, str) else list(crystal_system or ())
        formulas = [formula] if isinstance(formula, str) else list(formula or ())
        csp = self.model.recipe.task == "csp"
        start = StartOptions(like=like, strength=strength, fix=fix, free=free, what=free_what).read(
            partial(wyckoff_start, symprec=self.model.recipe.symprec), given=csp,
            formula=formulas, formula_units=formula_units, spacegroup=groups, crystal_system=systems,
        )  # fmt: skip
        asked = RequestOptions(num=num, seed=seed, targets=dict(properties or {}), guidance=guidance)
        self.model.conditions.check(asked["targets"], guidance)
        symmetry = Symmetry.parse(groups, systems)
        if csp or formulas:
            refuse_elements(
                "--formula gives the composition: leave one of them out"
                if formulas
                else "this model is given its composition; elements are for models trained with --task dng",
                elements=elements, chemical_system=chemical_system, without=without,
            )  # fmt: skip
        statistics = self.model.statistics
        chosen = palette(
            statistics.vocabulary, elements=elements, chemical_system=chemical_system, without=without
        )
        if start is not None:
            return like_unit(start, statistics, **asked, given=csp, palette=chosen)
        if not formulas and csp:
            raise UsageError(
                "this model predicts structures for a composition: name one, as in --formula SrTiO3"
            )
        if not formulas:
            if formula_units:
                raise UsageError("--formula-units needs a --formula")
            return for_groups(symmetry, statistics, **asked, palette=chosen)
        with advised(formulas):
            return for_formulas(formulas, symmetry, statistics, **asked, formula_units=formula_units)

    def sample(
        self,
        *,
        num: int = 1,
        spacegroup: int | str | Sequence[int | str] | None = None,
        crystal_system: str | Sequence[str] | None = None,
        formula: str | Sequence[str] | None = None,
        formula_units: int | None = None,
        properties: Mapping[str, float] | None = None,
        guidance: float = 0.0,
        elements: Words = None,
        chemical_system: Words = None,
        without: Words = None,
        like: Like = None,
        strength: float | None = None,
        fix: Like = None,
        free: str | Sequence[int] | None = None,
        free_what: str | None = None,
        steps: int | None = None,
        seed: int = 0,
        sampler: str | None = None,
        temperature: float | None = None,
        consensus: int = 1,
        batch_size: int | None = None,
        device: str = "auto",
    ) -> list[Structure]:
        """Return sampled conventional cells (those that are crystals at all).

        Each has in its ``properties`` the space group that it was asked to have, and the targets.

        Args:
            num: structures (per space group and formula that is named).
            spacegroup: number(s), 1 to 230, or symbols such as ``"Fm-3m"``; by default drawn as training has
                them.
            crystal_system: draw space groups from these alone, such as ``"cubic"``.
            formula: composition(s); by default the model chooses, unless it predicts structures for one.
            formula_units: formula units in the conventional cell.
            properties: targets by name, for a model that was trained with them.
            guidance: how far to go beyond what the targets ask; 0 for not at all.
            elements: no others than these, such as ``"Li,Fe,O"`` or a list of symbols.
            chemical_system: exactly these: each of them, at one orbit or more, and no others.
            without: none of these.
            like: begin from this structure, or from the one that a file holds, instead of from noise.
            strength: how far to go from it: 0 returns it, 1 leaves nothing of it; 0.3 by default.
            fix: keep this structure, or a file's, but for orbits that are free: in the conventional cell of
                its space group, with its symmetry made exact, cell and kept atoms stay to the bit.
            free: atoms of it, counted from 1 in its own order, such as ``"3,4"`` or ``[3, 4]``: each frees
                its whole orbit.
            free_what: what of them is generated: "positions" (on the Wyckoff positions that they have),
                "elements", or "both", with new Wyckoff positions too.
            steps: network evaluations a structure; the recipe's number by default.
            seed: the same seed gives the same structures, whatever the batch size.
            sampler: "bayes" or "end_back"; the recipe's by default.
            temperature: below 1 samples are finer and less various than what was learned, which is 1; the
                recipe's by default.
            consensus: candidates drawn for each structure of a given composition, of which the one is given
                that most others resemble.
            batch_size: structures computed at once.
            device: torch device; "auto" is a GPU where there is one.

        Raises:
            UsageError: a request that the model cannot meet.
        """
        requests = self.requests(
            num=num,
            seed=seed,
            spacegroup=spacegroup,
            crystal_system=crystal_system,
            formula=formula,
            formula_units=formula_units,
            properties=properties,
            guidance=guidance,
            elements=elements,
            chemical_system=chemical_system,
            without=without,
            like=like,
            strength=strength,
            fix=fix,
            free=free,
            free_what=free_what,
        )
        found = self.samples(
            requests,
            steps=steps,
            sampler=sampler,
            temperature=temperature,
            consensus=consensus,
            batch_size=batch_size,
            device=device,
        )
        return [_noted(sample.crystal, sample.request) for sample in found if sample.crystal is not None]


def _noted(crystal: Structure, request: Request) -> Structure:
    """Write on a crystal what it was asked to be, as its files have it."""
    crystal.properties |= request.notes
    return crystal
