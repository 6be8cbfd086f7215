"""Samples chosen among candidates: which, that they can be made again, and where there is no choice."""

import json
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from epitaxy.apps import UsageError
from epitaxy.apps.cli.kldm import app as kldm
from epitaxy.apps.cli.symmbfn import app as symmbfn
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.consensus import chosen, generate_agreed
from epitaxy.apps.sampling.generate import generate
from epitaxy.eval import agreement


def salt(a: float, group: str) -> Structure:
    return Structure.from_spacegroup(group, Lattice.cubic(a), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def sample(seed: int, structure: Structure | None) -> Sample:
    request = Request(id="a", seed=seed, num_atoms=2)
    return Sample(request=request, structure=structure, reason=None if structure else "none")


def test_what_most_others_resemble_is_chosen() -> None:
    rock, chloride = salt(5.6, "Fm-3m"), salt(3.9, "Pm-3m")
    found = chosen([sample(0, None), sample(1, chloride), sample(2, rock), sample(3, rock)])
    assert (found.request.seed, found.agreement) == (2, pytest.approx(1 / 3))
    alone = chosen([sample(0, None), sample(1, chloride), sample(2, rock)])
    assert (alone.request.seed, alone.agreement) == (1, 0)
    assert chosen([sample(4, None), sample(5, None)]).reason == "none"


def test_every_sample_is_one_of_its_candidates_in_every_batch() -> None:
    """The first candidates are what a plain run brings, and the chosen ones come from their seeds again."""
    model = CrystalGenerator.load("kldm-perov-small")
    requests = model.requests(formula=["SrTiO3", "BaTiO3"], num=2, seed=3)
    found = {
        size: [
            made
            for batch in generate_agreed(model.model, requests, consensus=3, steps=4, batch_size=size)
            for made in batch
        ]
        for size in (2, 5, 12)
    }
    assert [made.request.id for made in found[12]] == [request.id for request in requests]
    seeds = [[made.request.seed for made in samples] for samples in found.values()]
    assert seeds[0] == seeds[1] == seeds[2]
    again = [
        made for batch in generate(model.model, [s.request for s in found[5]], steps=4) for made in batch
    ]
    pairs = [(one.crystal, other.crystal) for one, other in zip(found[5], again, strict=True)]
    assert all(agreement(pair)[0] == pytest.approx(1, abs=1e-5) for pair in pairs)


def test_the_command_says_what_was_chosen_and_how_much_agreed(tmp_path: Path) -> None:
    words = ["sample", "kldm-perov-small", "--formula", "SrTiO3", "--num", "2", "--steps", "4"]
    result = CliRunner().invoke(kldm, [*words, "--consensus", "3", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out/samples.json").read_text())["consensus"] == 3
    frames = (tmp_path / "out/samples.extxyz").read_text()
    assert frames.count("agreement=") == frames.count("Lattice=") == 2


def test_where_the_model_chooses_the_composition_there_is_no_choice(tmp_path: Path) -> None:
    model = CrystalGenerator.load("kldm-perov-small")
    with pytest.raises(UsageError, match="--consensus 2: candidates agree or not where the composition is"):
        list(generate_agreed(model.model, [Request(id="a", seed=0, num_atoms=2)], consensus=2, steps=4))
    out = tmp_path / "out"
    words = ["sample", "symmbfn-mp20-small", "--num", "1", "--steps", "2", "--consensus", "2"]
    result = CliRunner().invoke(symmbfn, [*words, "--out", str(out)])
    assert isinstance(result.exception, UsageError)  # which the entry point says, with status 2
    assert "--consensus 2" in str(result.exception)
    assert not out.exists()
