"""Models of crystals from Python: load one, sample structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pymatgen.core import Structure

from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.requests import (
    CrystalRequest,
    check_composition_guidance,
    de_novo,
    for_formulas,
    like_crystal,
    with_composition_guidance,
)
from epitaxy.apps.crystals.start import crystal_start
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.requests.capabilities import advised
from epitaxy.apps.requests.elements import Words, palette, refuse_elements
from epitaxy.apps.requests.request import RequestOptions
from epitaxy.apps.requests.sizes import named_sizes
from epitaxy.apps.requests.start import Like, StartOptions
from epitaxy.apps.sampling.generator import Generator


@dataclass(frozen=True, slots=True, repr=False)
class CrystalGenerator(Generator[CrystalModel, CrystalRequest]):
    """A trained model of the atoms of crystals, of any kind.

    >>> model = CrystalGenerator.load("kldm-perov-small")  # doctest: +SKIP
    >>> structures = model.sample(formula="SrTiO3", num=20, steps=50, seed=0)  # doctest: +SKIP
    """

    kinds: ClassVar[tuple[ModelName, ...]] = ("crysbfn", "kldm")

    def requests(
        self,
        *,
        formula: str | Sequence[str] | None = None,
        num: int,
        seed: int,
        formula_units: int | None = None,
        num_atoms: int | Sequence[int] | None = None,
        properties: Mapping[str, float] | None = None,
        guidance: float = 0.0,
        composition_guidance: float | None = None,
        elements: Words = None,
        chemical_system: Words = None,
        without: Words = None,
        like: Like = None,
        strength: float | None = None,
        fix: Like = None,
        free: str | Sequence[int] | None = None,
        free_what: str | None = None,
    ) -> list[CrystalRequest]:
        """Return one request per structure to sample, in order.

        Raises:
            UsageError: a formula for a de novo model, none for one that needs it, or one that does not fit;
                numbers of atoms or elements for a model that is given its composition, or that a de novo one
                cannot meet; a property that the model is not told, or guidance without one; guidance by the
                composition of a model that chooses it, or whose training hid none.
        """
        statistics = self.model.statistics
        targets = dict(properties or {})
        self.model.conditions.check(targets, guidance)
        asked = RequestOptions(num=num, seed=seed, targets=targets, guidance=guidance)
        start = StartOptions(like=like, strength=strength, fix=fix, free=free, what=free_what).read(
            crystal_start,
            given=self.model.recipe.task == "csp",
            formula=formula or None,
            formula_units=formula_units,
            num_atoms=num_atoms,
        )
        if self.model.recipe.task == "dng":
            check_composition_guidance(self.model.recipe, composition_guidance)
            if formula:
                raise UsageError(
                    "this model was trained de novo and chooses its own composition: leave --formula out, or "
                    "name its elements with --chemical-system Sr-Ti-O"
                )
            chosen = palette(
                statistics.vocabulary, elements=elements, chemical_system=chemical_system, without=without
            )
            if start is not None:
                return like_crystal(start, statistics, **asked, given=False, palette=chosen)
            sizes = named_sizes(num_atoms)
            return de_novo(statistics, **asked, sizes=sizes, palette=chosen)
        self._refuse_choices(num_atoms, elements, chemical_system, without)
        if start is not None:
            requests = like_crystal(start, statistics, **asked, given=True)
        elif formula:
            formulas = [formula] if isinstance(formula, str) else list(formula)
            with advised(formulas):
                requests = for_formulas(formulas, statistics, **asked, formula_units=formula_units)
        else:
            raise UsageError(
                "this model predicts structures for a composition: name one, as in --formula SrTiO3"
            )
        return with_composition_guidance(requests, self.model.recipe, composition_guidance)

    def _refuse_choices(
        self, num_atoms: int | Sequence[int] | None, elements: Words, chemical_system: Words, without: Words
    ) -> None:
        """Refuse what is for models that choose their composition.

        Raises:
            UsageError: if it is asked for.
        """
        refuse_elements(
            "this model is given its composition; elements are for models trained with --task dng",
            elements=elements, chemical_system=chemical_system, without=without,
        )  # fmt: skip
        if named_sizes(num_atoms):
            raise UsageError("--num-atoms: the formula says how many atoms; --formula-units multiplies it")

    def sample(
        self,
        *,
        formula: str | Sequence[str] | None = None,
        num: int = 1,
        steps: int | None = None,
        seed: int = 0,
        formula_units: int | None = None,
        num_atoms: int | Sequence[int] | None = None,
        properties: Mapping[str, float] | None = None,
        guidance: float = 0.0,
        composition_guidance: float | None = None,
        elements: Words = None,
        chemical_system: Words = None,
        without: Words = None,
        like: Like = None,
        strength: float | None = None,
        fix: Like = None,
        free: str | Sequence[int] | None = None,
        free_what: str | None = None,
        sampler: str | None = None,
        temperature: float | None = None,
        consensus: int = 1,
        batch_size: int | None = None,
        device: str = "auto",
    ) -> list[Structure]:
        """Return sampled structures (those that are crystals at all; use :meth:`samples` to see the rest).

        Args:
            formula: composition(s) to predict structures for; None for a de novo model.
            num: structures (per formula or number of atoms).
            steps: network evaluations a structure; the recipe's number by default.
            seed: the same seed gives the same structures, whatever the batch size.
            formula_units: formula units a cell; by default drawn as training cells had them.
            num_atoms: number(s) of atoms of the cell, de novo; by default drawn as training cells had them.
            properties: targets by name, for a model that was trained with them.
            guidance: how far to go beyond what the targets ask; 0 for not at all.
            composition_guidance: how far what a given composition changes is exaggerated, for a model whose
                training hid some; the recipe's by default.
            elements: de novo, no others than these, such as ``"Li,Fe,O"`` or a list of symbols.
            chemical_system: exactly these: each of them, at one atom or more, and no others.
            without: none of these.
            like: begin from this structure, or from the one that a file holds, instead of from noise.
            strength: how far to go from it: 0 returns it, 1 leaves nothing of it; 0.3 by default.
            fix: keep this structure, or a file's, to the bit, but for atoms that are ``free``.
            free: their places in it, counted from 1, such as ``"3,4"`` or ``[3, 4]``.
            free_what: what of them is generated: "positions", "elements" or "both".
            sampler: one that the model's flows have, such as ``end_back`` or ``predictor_corrector``; the
                recipe's by default.
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
            formula=formula,
            num=num,
            seed=seed,
            formula_units=formula_units,
            num_atoms=num_atoms,
            properties=properties,
            guidance=guidance,
            composition_guidance=composition_guidance,
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
        return [sample.crystal for sample in found if sample.crystal is not None]


@dataclass(frozen=True, slots=True, repr=False)
class CrysBFN(CrystalGenerator):
    """A trained CrysBFN (Wu et al., "A Periodic Bayesian Flow for Material Generation")."""

    kinds: ClassVar[tuple[ModelName, ...]] = ("crysbfn",)


@dataclass(frozen=True, slots=True, repr=False)
class KLDM(CrystalGenerator):
    """A trained KLDM (Cornet et al., "Kinetic Langevin Diffusion for Crystalline Materials Generation")."""

    kinds: ClassVar[tuple[ModelName, ...]] = ("kldm",)
