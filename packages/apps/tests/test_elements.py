"""Elements asked for by words: every model, treatment of types and sampler obeys; refused in a sentence."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase.io import read
from pymatgen.core import Lattice, Structure
from torch import Tensor

from epitaxy.apps import UsageError
from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.molecules.generator import GeoBFN
from epitaxy.apps.sampling.generate import generate

MODELS: list[tuple[ModelName, str]] = [
    *(("crysbfn", f"species.kind={kind}") for kind in ("categorical_bfn", "absorbing")),
    *(
        ("kldm", f"species.kind={kind}")
        for kind in ("one_hot", "analog_bits", "absorbing", "categorical_bfn")
    ),
    *(("symmbfn", f"species.{word}") for word in ("kind=categorical_bfn", "remasking=0", "remasking=0.9")),
    *(
        ("geobfn", f"atoms.kind={kind}")
        for kind in (
            "discretised_basis",
            "continuous_basis",
            "discrete",
            "discrete_continuous",
            "discrete_discretised",
        )
    ),
]


@cache
def built(name: ModelName, word: str = "", task: Task = "dng") -> AnyModel:
    """Return a model that has learnt nothing."""
    data = "g2" if name == "geobfn" else "prototypes"
    recipe = preset("small", model=name, task=task, dataset=data)
    words = ["network.hidden=24", "network.layers=1", "network.time_dim=8", *([word] if word else [])]
    recipe = apply_overrides(recipe, words)
    family = kind_of(name)
    torch.manual_seed(0)
    model = family.build(recipe, family.summarise(family.load(recipe, "val", None)))
    if model.flow.grid is not None:
        model.flow = model.flow.with_steps(6)
    return model


def generator(name: ModelName, word: str = "") -> Any:
    model: Any = built(name, word)
    return {"symmbfn": SymmBFN, "geobfn": GeoBFN}.get(name, CrystalGenerator)(model)


def numbers(model: AnyModel, requests: Any, *, sampler: str | None, batch_size: int = 4) -> list[list[int]]:
    """Return the elements of each sample, whether it is a sound structure or not."""
    found: list[list[int]] = []
    made, name = model.samples, model.recipe.model

    def samples(targets: Mapping[str, Tensor], outputs: Any, given: Any, asked: Any) -> Any:
        of: Any = model
        elements = (
            of._numbers(targets) if name == "geobfn" else of.statistics.vocabulary.decode(targets["species"])
        )
        found.extend(part.tolist() for part in torch.split(elements, given.segments.counts.tolist()))
        return made(targets, outputs, given, asked)

    model.samples = samples  # type: ignore[method-assign]
    try:
        list(generate(model, requests, steps=3, sampler=sampler, batch_size=batch_size, redraws=0))
    finally:
        del model.samples
    return found


@pytest.mark.parametrize(("name", "word"), MODELS)
def test_the_elements_that_are_asked_for(name: ModelName, word: str) -> None:
    """All that must be there are, none that must not be is: of models that have learnt nothing, too."""
    of = generator(name, word)
    system = {1, 6, 8} if name == "geobfn" else {11, 17, 8}
    symbols = ["H", "C", "O"] if name == "geobfn" else ["Na", "Cl", "O"]
    sized = {} if name == "symmbfn" else {"num_atoms": [3, 7]}
    exactly = of.requests(num=3, seed=0, chemical_system="-".join(symbols), **sized)
    among = of.requests(num=3, seed=1, elements=symbols, **sized)
    barred = of.requests(num=3, seed=2, without=",".join(symbols), **sized)
    n, flows = len(exactly), of.model.flow.flows.values()
    for sampler in dict.fromkeys(name for flow in flows for name in flow.samplers):
        found = numbers(of.model, [*exactly, *among, *barred], sampler=sampler)
        assert all(set(atoms) == system for atoms in found[:n])
        assert all(set(atoms) <= system for atoms in found[n : 2 * n])
        assert not any(set(atoms) & system for atoms in found[2 * n :])
        assert numbers(of.model, exactly[-2:], sampler=sampler, batch_size=1) == found[n - 2 : n]


@pytest.mark.parametrize(("name", "word"), [case for case in MODELS if case[0] in ("crysbfn", "kldm")])
@pytest.mark.parametrize("what", ["elements", "both"])
def test_kept_atoms_among_the_elements_that_are_asked_for(name: ModelName, word: str, what: str) -> None:
    """Kept elements stay, and count; the free atoms supply what is missing."""
    of = generator(name, word)
    salt = Structure(Lattice.cubic(4.0), ["Na", "Cl", "Na", "Cl"], [[0, 0, k / 4] for k in range(4)])
    words: dict[str, Any] = {"fix": salt, "free": "2,4", "free_what": what, "chemical_system": "Na-O-Cl"}
    flows = of.model.flow.flows.values()
    for sampler in dict.fromkeys(name for flow in flows for name in flow.samplers):
        requests = of.requests(num=3, seed=0, **words)
        for atoms in numbers(of.model, requests, sampler=sampler):
            assert (atoms[0], atoms[2]) == (11, 11)
            assert {atoms[1], atoms[3]} == {8, 17}
        for sample in of.samples(requests, sampler=sampler, steps=3, redraws=0):
            if sample.crystal is not None:
                assert sample.crystal.lattice == salt.lattice
                kept = slice(None) if what == "elements" else [0, 2]
                assert np.array_equal(sample.crystal.frac_coords[kept], salt.frac_coords[kept])


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("crysbfn", {"elements": "Xx,O"}, "--elements Xx: there is no such element"),
        ("kldm", {"elements": "Og"}, "--elements: the model was not trained on Og; it knows "),
        ("geobfn", {"chemical_system": "C-U"}, "--chemical-system: the model was not trained on U"),
        ("symmbfn", {"elements": ","}, "--elements names no element: write symbols"),
        ("kldm", {"elements": "O", "chemical_system": "O"}, "exclude each other"),
        ("kldm", {"elements": "O", "without": "O"}, "--without leaves no element"),
        ("kldm", {"chemical_system": "Na-O", "without": "O"}, "--without O: --chemical-system asks for it"),
        ("crysbfn", {"chemical_system": "Na-Cl-O", "num_atoms": 2}, "2 atoms are fewer than the 3 elements"),
        ("geobfn", {"num_atoms": 0}, "a molecule has at least one atom"),
        ("crysbfn", {"num_atoms": 0}, "a cell has at least one atom"),
        ("symmbfn", {"formula": "NaCl", "elements": "Na"}, "--elements: --formula gives the composition"),
        (
            "symmbfn",
            {"chemical_system": "Na-Cl-O-Ti-Sr-K-Fe-F-Ba-Ca"},
            "--chemical-system of 10 elements: asymmetric units",
        ),
    ],
)
def test_words_that_cannot_be_met(name: ModelName, words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        generator(name).requests(num=1, seed=0, **words)
    assert sentence in str(error.value)


@pytest.mark.parametrize("words", [{"elements": "Na"}, {"without": "Na"}, {"num_atoms": 3}])
def test_a_given_composition_takes_no_words_on_elements(words: dict[str, Any]) -> None:
    model: Any = built("kldm", task="csp")
    with pytest.raises(UsageError, match=f"--{next(iter(words)).replace('_', '-')}: "):
        CrystalGenerator(model).requests(formula="NaCl", num=1, seed=0, **words)


def test_what_is_barred_may_be_unknown() -> None:
    assert len(generator("kldm").requests(num=2, seed=0, without="Og")) == 2


def test_shipped_molecules_of_two_elements(tmp_path: Path) -> None:
    """From the command line to the file."""
    from typer.testing import CliRunner

    from epitaxy.apps.cli.geobfn import app

    words = ["--num", "4", "--num-atoms", "7", "--steps", "12", "--chemical-system", "C-H"]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["sample", "geobfn-qm9-small", "--out", str(out), *words])
    assert result.exit_code == 0, result.output
    for atoms in read(out / "samples.extxyz", index=":"):
        assert len(atoms) == 7
        assert set(atoms.symbols) == {"C", "H"}
