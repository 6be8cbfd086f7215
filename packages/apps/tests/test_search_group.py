"""``epitaxy search --spacegroup``: proposed in one group, relaxed in it, listed if they end in it."""

from pathlib import Path
from typing import Any

import pytest
from cells import face_centred
from pymatgen.core import Lattice, Structure

from epitaxy.apps import UsageError, WorkError, search
from epitaxy.apps.discovery.proposals.groups import may_be_in, units_in
from epitaxy.apps.discovery.proposals.models import Sampling, model_proposer
from epitaxy.apps.discovery.proposals.prototypes import Prototypes
from epitaxy.apps.discovery.proposals.random import SymmetricRandom
from epitaxy.apps.discovery.question import parse_question
from epitaxy.apps.discovery.reference import of_structures
from epitaxy.apps.requests.capabilities import capability_of
from epitaxy.data import write_cifs
from epitaxy.eval.stability import standardised

HEXAGONAL = Structure.from_spacegroup("P6_3/mmc", Lattice.hexagonal(2.6, 4.3), ["Cu"], [[1 / 3, 2 / 3, 0.25]])
TETRAGONAL = Structure.from_spacegroup("I4/mmm", Lattice.tetragonal(2.7, 3.55), ["Cu"], [[0, 0, 0]])
WORDS: dict[str, Any] = {"potential": "ase:emt", "workers": 0, "max_steps": 60}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("known") / "known"
    write_cifs(folder, [HEXAGONAL, TETRAGONAL])
    return str(folder)


@pytest.mark.parametrize("group", [194, "P6_3/mmc", "P63/mmc"])
def test_groups_are_read_as_numbers_and_symbols(group: int | str) -> None:
    question = parse_question("Cu", group)
    assert question.group == 194
    assert question.title == "Cu in P6_3/mmc (194)"
    assert question.admits(194)
    assert not question.admits(225)
    assert parse_question("Cu").admits(None)


def test_only_the_group_is_proposed_and_listed(known: str, tmp_path: Path) -> None:
    found = search(
        "Cu", spacegroup="P6_3/mmc", out=tmp_path / "out", proposals="prototypes", reference=known, **WORDS
    )
    assert [find.spacegroup for find in found.finds] == ["P6_3/mmc (194)"]
    assert found.left_out == 0
    assert "P6_3/mmc (194)" in (tmp_path / "out" / "search.html").read_text()
    with pytest.raises(UsageError, match=r"other settings \(space_group, relaxing\)"):
        search("Cu", out=tmp_path / "out", proposals="prototypes", reference=known, **WORDS)


def test_what_relaxes_into_another_group_is_left_out(
    known: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Body-centred tetragonal copper becomes face-centred cubic."""
    words = WORDS | {"out": tmp_path / "out", "reference": known, "proposals": "prototypes"}
    with pytest.raises(WorkError, match="no candidate was of Cu in I4/mmm"):
        search("Cu", spacegroup=139, **words)
    assert "1 candidates without the space group asked for (to 0.1 angstrom) left out, 1 of them after" in (
        capsys.readouterr().err
    )


def test_a_chemical_system_in_a_group_is_ranked_within_each_composition(known: str, tmp_path: Path) -> None:
    """Its elements are not of the group, so that what is found makes no hull."""
    found = search(
        "Cu-Au", spacegroup=194, out=tmp_path / "out", proposals="prototypes", reference=known, num=2, **WORDS
    )
    assert {find.candidate.above_best for find in found.shortlist(0.1)} == {0.0}
    assert {find.spacegroup for find in found.finds} == {"P6_3/mmc (194)"}


def test_without_a_hull_crystals_of_all_elements_come_first(tmp_path: Path) -> None:
    copper = face_centred(3.6, "Cu")
    both = face_centred(5.2, "Cu", "Au")
    write_cifs(tmp_path / "known", [copper, both])
    found = search(
        "Cu-Au", spacegroup="Fm-3m", out=tmp_path / "out", proposals="prototypes",
        reference=str(tmp_path / "known"), **WORDS,
    )  # fmt: skip
    elements = [len(structure.elements) for structure in found.structures]
    assert elements == sorted(elements, reverse=True)
    assert set(elements) == {1, 2}


def test_every_source_proposes_in_the_group() -> None:
    reference = of_structures("here", {"hexagonal": HEXAGONAL, "tetragonal": TETRAGONAL})
    proposals = list(Prototypes(reference, {"Au": 1}, 139).batch(0) or [])
    assert ["tetragonal" in one.origin.detail for one in proposals] == [True]
    model = capability_of("symmbfn-mp20-small")
    for text in ("SrTiO3", "Li-O"):
        question = parse_question(text, "Pnma")
        words = [text] if question.amounts else []
        proposals = list(model_proposer(model, question, words, Sampling(seed=0, steps=3)).batch(0) or ())
        made = [one.structure for one in proposals if one.structure is not None]
        assert made
        assert all(question.holds(structure.composition) for structure in made)
        assert sum(standardised(one).number == 62 for one in made) >= len(made) // 2  # the rest have more


def test_random_structures_are_of_the_group_and_of_cells_that_fit() -> None:
    pytest.importorskip("pyxtal")
    assert units_in(62, {"Mg": 1, "O": 1}, 8) == [4]
    assert units_in(227, {"Sr": 1, "Ti": 1, "O": 3}, 5) == []
    assert may_be_in(62, {"Mg": 1, "O": 1}, 16)
    assert not may_be_in(62, {"Mg": 1, "O": 1}, 4)
    source = SymmetricRandom(amounts={"Mg": 1, "O": 1}, max_atoms=8, seed=0, group=62)
    made = [one.structure for one in source.batch(0) if one.structure is not None]
    assert made
    assert all(len(one) == 8 for one in made)
    assert {standardised(one).number for one in made} >= {62}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"spacegroup": "Pmna1"}, "--spacegroup Pmna1"),
        ({"spacegroup": 231}, "--spacegroup 231"),
        ({"spacegroup": 62, "model": "kldm-mp20"}, "kldm-mp20 cannot be asked for a space group"),
        ({"spacegroup": 227, "proposals": "random", "max_atoms": 5}, "no cell of up to 5 atoms fits SrTiO3"),
    ],
)
def test_words_that_cannot_be_met(words: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        search("SrTiO3", out=tmp_path / "out", reference="prototypes", **WORDS, **words)
    assert sentence in str(error.value)
    assert not (tmp_path / "out").exists()
