"""GeoBFN from Python: load a model, sample molecules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ase import Atoms

from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.molecules.requests import for_sizes
from epitaxy.apps.molecules.start import molecule_start
from epitaxy.apps.requests.elements import Words, palette
from epitaxy.apps.requests.request import TargetedRequest
from epitaxy.apps.requests.sizes import named_sizes
from epitaxy.apps.requests.start import Like, StartOptions
from epitaxy.apps.sampling.generator import Generator


@dataclass(frozen=True, slots=True, repr=False)
class GeoBFN(Generator[MoleculeModel, TargetedRequest]):
    """A trained GeoBFN (Song et al., "Unified Generative Modeling of 3D Molecules...", ICLR 2024).

    >>> model = GeoBFN.load("geobfn-qm9-small")  # doctest: +SKIP
    >>> molecules = model.sample(num=20, num_atoms=18, steps=100, seed=0)  # doctest: +SKIP
    """

    kinds: ClassVar[tuple[ModelName, ...]] = ("geobfn",)

    def requests(
        self,
        *,
        num: int,
        seed: int,
        num_atoms: int | Sequence[int] | None = None,
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
    ) -> list[TargetedRequest]:
        """Return one request per molecule to sample, in order.

        Raises:
            UsageError: a number of atoms, a property or elements that the model cannot meet, or guidance
                without a property.
        """
        statistics, targets = self.model.statistics, dict(properties or {})
        self.model.conditions.check(targets, guidance)
        make = partial(molecule_start, hydrogens=self.model.recipe.hydrogens)
        words = StartOptions(like=like, strength=strength, fix=fix, free=free, what=free_what)
        start = words.read(make, num_atoms=num_atoms)
        return for_sizes(
            named_sizes(num_atoms) if start is None else start.batch.segments.counts.tolist(),
            statistics,
            num=num,
            seed=seed,
            targets=targets,
            guidance=guidance,
            start=start,
            palette=palette(
                statistics.vocabulary, elements=elements, chemical_system=chemical_system, without=without
            ),
        )

    def sample(
        self,
        *,
        num: int = 1,
        num_atoms: int | Sequence[int] | None = None,
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
        batch_size: int | None = None,
        device: str = "auto",
    ) -> list[Atoms]:
        """Return sampled molecules as ASE's Atoms.

        Args:
            num: molecules (per number of atoms that is named).
            num_atoms: number(s) of atoms; by default drawn as training molecules have them.
            properties: targets by name, for a model that was trained with them.
            guidance: how far to go beyond what the targets ask; 0 for not at all.
            elements: no others than these, such as ``"Li,Fe,O"`` or a list of symbols.
            chemical_system: exactly these: each of them, at one atom or more, and no others.
            without: none of these.
            like: begin from this structure, or from the one that a file holds, instead of from noise.
            strength: how far to go from it: 0 returns it, 1 leaves nothing of it; 0.3 by default.
            fix: keep this structure, or a file's, to the bit, but for atoms that are ``free``.
            free: their places in it, counted from 1, such as ``"3,4"`` or ``[3, 4]``.
            free_what: what of them is generated: "positions", "elements" or "both".
            steps: network evaluations a molecule; the recipe's number by default.
            seed: the same seed gives the same molecules, whatever the batch size.
            sampler: "bayes" or "end_back"; the recipe's by default.
            temperature: below 1 samples are finer and less various than what was learned, which is 1; the
                recipe's by default.
            batch_size: molecules computed at once.
            device: torch device; "auto" is a GPU where there is one.

        Raises:
            UsageError: a request that the model cannot meet.
        """
        requests = self.requests(
            num=num,
            seed=seed,
            num_atoms=num_atoms,
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
            batch_size=batch_size,
            device=device,
        )
        return [sample.molecule for sample in found if sample.molecule is not None]
