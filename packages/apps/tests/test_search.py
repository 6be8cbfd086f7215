"""``epitaxy search`` as a user meets it, and the laws behind it."""

import csv
import importlib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import commands
import numpy as np
import pytest
from ase.io import read
from cells import caesium_chloride, face_centred, rock_salt
from commands import Answer, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure

from epitaxy.apps import UsageError, search
from epitaxy.apps.discovery.folding import Folder, Sieve
from epitaxy.apps.discovery.proposals import prototypes
from epitaxy.apps.discovery.proposals.compositions import stoichiometries
from epitaxy.apps.discovery.proposals.models import Sampling, model_proposer
from epitaxy.apps.discovery.proposals.proposal import Origin, Proposal
from epitaxy.apps.discovery.proposals.prototypes import Prototypes, replacements, scaled
from epitaxy.apps.discovery.proposals.random import SymmetricRandom
from epitaxy.apps.discovery.proposals.spacings import CLOSE, spacings
from epitaxy.apps.discovery.proposals.stream import Scheduled, interleaved
from epitaxy.apps.discovery.question import amounts_of, parse_question
from epitaxy.apps.discovery.reference import load_reference, of_structures, without
from epitaxy.apps.discovery.result import SearchResult
from epitaxy.apps.foundation.folders import locate
from epitaxy.apps.generative.kind import Kind
from epitaxy.apps.requests.capabilities import advice, capability_of, shipped_capabilities
from epitaxy.data import write_cifs
from epitaxy.eval.stability import Hull, Relaxed, Work
from epitaxy.eval.stability.figures import NEAR

CHEAP = (
    "--potential",
    "ase:emt",
    "--workers",
    "0",
    "--reference",
    "prototypes",
    "--proposals",
    "prototypes,random",
)
call = partial(commands.call, "epitaxy")
FORMULA = "CuAu"


def table(out: Path) -> list[dict[str, str]]:
    with (out / "ranked.csv").open() as file:
        return list(csv.DictReader(file))


def perovskite(a: float, *elements: str) -> Structure:
    return Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(a), list(elements), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    )


# --- what is asked


@pytest.mark.parametrize(
    ("word", "text", "elements"),
    [
        ("SrTiO3", "SrTiO3", ("O", "Sr", "Ti")),
        ("TiSrO3", "SrTiO3", ("O", "Sr", "Ti")),
        ("Li-Fe-O", "Fe-Li-O", ("Fe", "Li", "O")),
        ("O - Fe-Li", "Fe-Li-O", ("Fe", "Li", "O")),
        ("Fe(OH)3", "Fe(HO)3", ("Fe", "H", "O")),
    ],
)
def test_formulas_and_systems_are_read(word: str, text: str, elements: tuple[str, ...]) -> None:
    question = parse_question(word)
    assert (question.text, question.elements) == (text, elements)


def test_what_answers_a_question() -> None:
    formula, system = parse_question("SrTiO3"), parse_question("Sr-Ti-O")
    for composition, one, other in (
        ("Sr2Ti2O6", True, True),
        ("SrTi2O5", False, True),
        ("SrCO3", False, False),
    ):
        assert formula.holds(Composition(composition)) is one
        assert system.holds(Composition(composition)) is other
    assert system.holds(Composition("TiO2"))  # competes with what has all elements


@given(st.sets(st.sampled_from(["Li", "Fe", "O", "Sr", "Ti", "N", "Cu"]), min_size=1, max_size=3))
@settings(max_examples=10, deadline=None)
def test_stoichiometries_are_of_these_elements_and_each_once(elements: set[str]) -> None:
    found = stoichiometries(elements)
    assert all(set(amounts) <= elements for amounts in found)
    assert len({tuple(sorted(amounts.items())) for amounts in found}) == len(found)
    assert any(set(amounts) == elements for amounts in found)
    assert all(any(amounts == {symbol: 1} for amounts in found) for symbol in elements)


# --- bad words: one sentence, status 2, before any work


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("Xx2O3",), ("Xx2O3", "formula")),
        (("Li-Qq-O",), ("Qq", "no element")),
        (("li-fe-o",), ("li", "Li")),
        (("Li-Li",), ("twice",)),
        (("SrTiO3", "--budget", "0"), ("--budget", "01:30:00")),
        (("SrTiO3", "--budget", "00:00:00"), ("--budget",)),
        (("SrTiO3", "--budget", "00:00:01"), ("--budget", "too little")),
        (("SrTiO3", "--num", "0"), ("--num",)),
        (("SrTiO3", "--proposals", "magic"), ("magic", "models")),
        (("SrTiO3", "--format", "pdb"), ("pdb", "poscar")),
        (("SrTiO3", "--rank-by", "energie"), ("--rank-by energie", "energy")),
        (("SrTiO3", "--device", "tpu"), ("tpu", "cpu")),
        (("SrTiO3", "--window", "-1"), ("--window",)),
        (("SrTiO3", "--fmax", "0"), ("--fmax",)),
        (("SrTiO3", "--model", "no-such"), ("no-such", "kldm-mp20")),
        (("LiCoO2", "--model", "kldm-perov-small"), ("kldm-perov-small", "cells of 5 atoms")),
        (("SrTiO3", "--model", "geobfn-qm9-small"), ("molecules",)),
        (("SrTiO3", "--model", "kldm-mp20", "--proposals", "random"), ("--model", "models")),
        (("PoO2",), ("PoO2", "no model", "--proposals prototypes,random")),
        (("C60H61",), ("C60H61", "no model")),
        (("SrTiO3", "--potential", "ase:emt", "--reference", "mp20"), ("mp20", "mp_20")),
        (("SrTiO3", "--potential", "best"), ("best", "chgnet")),
        (("Sr5Ti3O7", *CHEAP[:6], "--proposals", "prototypes"), ("as a prototype",)),
        (("SrTiO3", *CHEAP[:6], "--hull", "prototypes"), ("no pure", "Sr")),
    ],
)  # fmt: skip
def test_wrong_words_are_one_sentence(words: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path) -> None:
    with mock.patch("epitaxy.apps.discovery.run._searched", side_effect=AssertionError):
        refused(call("search", *words, "--out", str(tmp_path / "out")), *parts)
    assert not (tmp_path / "out").exists()


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(call("search", "CuAu", *CHEAP, "--out", str(tmp_path / "file")), "file")
    refused(call("search", "CuAu", *CHEAP, "--out", str(tmp_path)), "not empty")


# --- what models can do


def test_who_asks_in_the_wrong_place_is_told_the_right_one() -> None:
    able = [one.name for one in shipped_capabilities() if one.why_not("LiCoO2") is None]
    assert "kldm-mp20" in able
    assert "kldm-perov-small" not in able
    assert "kldm sample kldm-mp20 --formula LiCoO2" in advice("LiCoO2")
    assert "epitaxy search LiCoO2" in advice("LiCoO2")
    assert advice("PoO2") == ""


def test_every_shipped_model_has_a_command_that_it_can_follow() -> None:
    for one in shipped_capabilities():
        text = "\n".join(one.lines())
        assert f"{one.model} sample {one.name}" in text
        assert one.licence
        assert one.span() in text


# --- sources


@given(st.lists(st.integers(0, 7), min_size=1, max_size=5), st.integers(0, 2**20))
@settings(max_examples=30, deadline=None)
def test_all_sources_have_their_turns(sizes: list[int], seed: int) -> None:
    kinds: list[Kind] = ["models", "prototypes", "random"]

    class Numbers:
        def __init__(self, n: int, size: int) -> None:
            self.n, self.size = n, size

        @property
        def kind(self) -> Kind:
            return kinds[(seed >> self.n) % 3]

        @property
        def name(self) -> str:
            return str(self.n)

        def batch(self, number: int) -> Sequence[Proposal] | None:
            origin = Origin(kind=self.kind, by=self.name, detail=str(number))
            return [Proposal(origin=origin, structure=None)] if number < self.size else None

    sources = [Numbers(n, size) for n, size in enumerate(sizes)]
    found = list(interleaved(sources, lambda source, number: source.batch(number)))
    assert len(found) == sum(sizes)
    for n, size in enumerate(sizes):  # each in order, none lost
        assert [p.origin.detail for p in found if p.origin.by == str(n)] == [str(k) for k in range(size)]
    held = {kind: sum(s for n, s in enumerate(sizes) if sources[n].kind == kind) for kind in kinds}
    turns = min((count for count in held.values() if count), default=0)
    first = [p.origin.kind for p in islice(found, turns * sum(count > 0 for count in held.values()))]
    assert all(first.count(kind) == turns for kind, count in held.items() if count)


def test_compositions_take_turns_and_end() -> None:
    class Few:
        kind: Kind = "prototypes"
        name = "few"

        def __init__(self, which: int) -> None:
            self.which = which

        def batch(self, number: int) -> Sequence[Proposal] | None:
            if number > self.which:
                return None
            return [
                Proposal(
                    origin=Origin(kind="prototypes", by="few", detail=f"{self.which}.{number}"),
                    structure=None,
                )
            ]

    made = Scheduled("prototypes", "few", [lambda n=n: Few(n) for n in range(3)])
    found = [p.origin.detail for p in interleaved([made], lambda source, n: source.batch(n))]
    assert sorted(found) == ["0.0", "1.0", "1.1", "2.0", "2.1", "2.2"]
    assert found[0] == "0.0"


def test_replacing_elements_is_exact_on_known_pairs() -> None:
    matcher = StructureMatcher()
    made = scaled(rock_salt(5.64, "Na", "Cl"), {"Na": "Mg", "Cl": "O"})
    assert matcher.fit(made, rock_salt(4.21, "Mg", "O"))
    assert made.volume == pytest.approx(rock_salt(4.21, "Mg", "O").volume, rel=0.1)
    made = scaled(perovskite(5.6, "Cs", "Pb", "Br"), {"Cs": "Sr", "Pb": "Ti", "Br": "O"})
    assert matcher.fit(made, perovskite(3.905, "Sr", "Ti", "O"))
    assert made.volume == pytest.approx(3.905**3, rel=0.1)


@pytest.mark.parametrize(
    ("known", "asked", "ways"), [("NaCl", "MgO", 2), ("BaTiO3", "SrTiO3", 2), ("SiO2", "TiO2", 1)]
)
def test_elements_are_assigned_in_all_distinct_ways(known: str, asked: str, ways: int) -> None:
    old, new = amounts_of(Composition(known)), amounts_of(Composition(asked))
    found = replacements(old, new)
    assert len(set(found)) == len(found) == ways
    assert all({new[b] for _, b in way} and all(old[a] == new[b] for a, b in way) for way in found)


def test_the_closest_chemistry_comes_first_and_known_ones_can_be_hidden() -> None:
    crystals = {
        "far": perovskite(5.6, "Cs", "Pb", "Br"),
        "near": perovskite(4.01, "Ba", "Ti", "O"),
        "itself": perovskite(3.9, "Sr", "Ti", "O"),
    }
    reference = of_structures("here", crystals)
    asked = {"Sr": 1, "Ti": 1, "O": 3}
    first = (Prototypes(reference, asked).batch(0) or [])[0]
    assert "itself" in first.origin.detail
    hidden = without(reference, parse_question("SrTiO3"))
    found = Prototypes(hidden, asked).batch(0) or []
    assert "near" in found[0].origin.detail
    assert not any("itself" in one.origin.detail for one in found)
    assert len(found) == 2, "with Sr and Ti changed about; of the far one the same two would come"
    assert all(one.structure is not None and amounts_of(one.structure.composition) == asked for one in found)
    assert Prototypes(hidden, asked).batch(1) is None


def salts(*, skewed: bool) -> dict[str, Structure]:
    """Rock salts of many sizes, each in one of two cells, and one of caesium chloride's type among them."""
    found = {}
    names = [f"{a}{b}" for a in ("Li", "Na", "K", "Rb", "Ag") for b in ("F", "Cl", "Br", "I")]
    for n, name in enumerate(names):
        pair = [element.symbol for element in Composition(name).elements]
        cell = face_centred(5 + 0.1 * n, *pair)
        found[name] = cell.get_primitive_structure() if skewed and n % 2 else cell
    found["CsCl"] = caesium_chloride(4.1)
    return found


@pytest.mark.parametrize("skewed", [False, True])
def test_types_are_told_apart_without_naming_each_crystal(
    monkeypatch: pytest.MonkeyPatch, *, skewed: bool
) -> None:
    """Each type comes once, and no more crystals than that are looked at closely."""
    named = []
    close = prototypes.structure_type

    def counted(structure: Structure) -> prototypes.Label:
        named.append(structure)
        return close(structure)

    monkeypatch.setattr(prototypes, "structure_type", counted)
    known = salts(skewed=skewed)
    found = list(Prototypes(of_structures("salts", known), {"Mg": 1, "O": 1})._proposals())
    groups = [close(proposal.structure)[0] for proposal in found if proposal.structure is not None]
    assert sorted(groups) == [221, 225]
    assert len(named) == 2


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_spacings_do_not_know_cell_size_or_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = Structure(
        Lattice(3.6 * np.eye(3) + rng.normal(0, 0.3, (3, 3))),
        ["Na", "Cl", "Cl", "O"],
        rng.random((4, 3)),
    )
    other = one.copy()
    other.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 2]])
    other.scale_lattice(2.7 * one.volume)
    shuffled = Structure.from_sites([other[k] for k in rng.permutation(len(other))])
    assert spacings(shuffled) == pytest.approx(spacings(one), abs=1e-6)


@given(st.integers(0, 2**31), st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_random_structures_are_of_the_composition_and_follow_the_seed(seed: int, number: int) -> None:
    pytest.importorskip("pyxtal")
    asked = {"Mg": 1, "O": 1}
    source = SymmetricRandom(amounts=asked, max_atoms=8, seed=seed)
    found, again = source.batch(number), source.batch(number)
    assert [one.to_json() for one in found] == [one.to_json() for one in again]
    for one in found:
        if one.structure is not None:
            assert amounts_of(one.structure.composition) == asked


def test_proposals_are_read_as_they_were_written() -> None:
    structure = perovskite(3.9, "Sr", "Ti", "O")
    origin = Origin(kind="random", by="random", detail="x")
    one = Proposal.from_json(json.loads(json.dumps(Proposal(origin=origin, structure=structure).to_json())))
    assert one.structure is not None
    assert (one.structure.frac_coords == structure.frac_coords).all()
    assert (one.structure.lattice.matrix == structure.lattice.matrix).all()


def test_near_duplicates_are_merged_and_others_not() -> None:
    sieve = Sieve()
    cell = rock_salt(5.64, "Na", "Cl")
    assert sieve.twin(0, cell) is None
    moved = cell.copy()
    moved.perturb(0.01)
    assert sieve.twin(1, moved) == 0
    other = Structure(Lattice.cubic(3.5), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert sieve.twin(2, other) is None


def relaxed(structure: Structure, energy: float, group: int) -> Relaxed:
    return Relaxed(
        structure=structure, energy=energy, converged=True, steps=1, max_force=0.0, displacement=0.0,
        rmsd=0.0, spacegroup=group, seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(("above", "first"), [(0.001, "cubic"), (0.01, "lowest")])
def test_of_copies_as_low_the_most_symmetric_stands_for_the_crystal(above: float, first: str) -> None:
    cell = rock_salt(5.64, "Na", "Cl")
    moved, other = cell.copy(), Structure(Lattice.cubic(3.5), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    moved.perturb(0.05)
    found = Folder().fold(
        {
            "cubic": relaxed(cell, -3.0 + above, 225),
            "lowest": relaxed(moved, -3.0, 8),
            "other": relaxed(other, -2.9, 221),
        }
    )
    copy = {"cubic", "lowest"} - {first}
    assert found.copies == {first: tuple(copy), "other": ()}


# --- the search


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    out = tmp_path_factory.mktemp("search") / "out"
    answer = call(
        "search", FORMULA, *CHEAP, "--num", "8", "--budget", "00:10:00", "--format", "cif", "--format",
        "poscar", "--max-atoms", "4", "--max-steps", "40", "--out", str(out),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return out, answer


def test_everything_is_written(finished: tuple[Path, Answer]) -> None:
    out, answer = finished
    assert "first: CuAu" in answer.stderr or "first: AuCu" in answer.stderr
    rows = table(out)
    heights = [float(row["above_best"]) for row in rows if row["above_best"]]
    assert heights == sorted(heights)
    assert 0.0 <= heights[0] <= NEAR
    assert sum(float(row["probability"] or 0) for row in rows) == pytest.approx(1.0, abs=1e-4)
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(
        amounts_of(Composition(row["formula"])) == {"Cu": 1, "Au": 1} for row in rows if row["formula"]
    )
    assert all(row["origin"] for row in rows)
    found = json.loads((out / "candidates.json").read_text())
    assert found["asked"]["question"] == "CuAu"
    assert sum(source["proposed"] for source in found["sources"].values()) >= 8
    assert sum(row["found"] for row in found["candidates"]) == sum(
        source["proposed"] - source["faulty"] - source["elsewhere"] for source in found["sources"].values()
    )
    names = sorted(path.name for path in (out / "shortlist").iterdir())
    assert [name for name in names if name.startswith("001_")] == [
        f"{names[0][:-4]}.cif",
        f"{names[0][:-4]}.vasp",
    ]
    for name in names:
        assert len(Structure.from_file(out / "shortlist" / name)) > 0
    frames = read(out / "candidates.extxyz", ":")
    assert [atoms.info["rank"] for atoms in frames] == list(range(1, len(frames) + 1))


def test_the_page_stands_alone_on_a_phone_in_the_dark(finished: tuple[Path, Answer]) -> None:
    text = (finished[0] / "search.html").read_text()
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert text.index('class="cards"') < text.index("<h2>Energies") < text.index("<h2>What was asked")
    assert "shortlist/001_" in text
    assert len(text) < 3_000_000


def test_the_same_words_go_on_and_others_are_refused(finished: tuple[Path, Answer]) -> None:
    out, _ = finished
    before = (out / "ranked.csv").read_text()
    words = (*CHEAP, "--max-atoms", "4", "--max-steps", "40", "--out", str(out), "--budget", "00:10:00")
    with mock.patch("epitaxy.eval.stability.ase_potential.relax_with", side_effect=AssertionError):
        answer = call("search", FORMULA, *words, "--num", "8")
    assert answer.returncode == 0, answer.stderr
    assert (out / "ranked.csv").read_text() == before
    refused(call("search", "Cu3Au", *words), "holds a search for", "CuAu")
    refused(call("search", FORMULA, *words, "--seed", "1"), "seed")


def test_interrupted_and_continued_is_the_same_as_uninterrupted(
    finished: tuple[Path, Answer], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = (
        "search", FORMULA, *CHEAP, "--num", "8", "--budget", "00:10:00", "--max-atoms", "4", "--max-steps",
        "40", "--out", str(out),
    )  # fmt: skip
    engine = importlib.import_module("epitaxy.eval.stability.ase_potential")
    real, calls = engine.relax_with, 0

    def stops(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(*args)

    with mock.patch.object(engine, "relax_with", stops):
        answer = call(*words)
    assert answer.returncode == 130, answer.stderr
    assert 0 < len(table(out)) < len(table(finished[0]))
    assert "stopped before its time" in (out / "search.html").read_text()
    assert call(*words).returncode == 0
    assert (out / "ranked.csv").read_text() == (finished[0] / "ranked.csv").read_text()


def test_another_seed_proposes_others(tmp_path: Path) -> None:
    pytest.importorskip("pyxtal")
    found = [
        SymmetricRandom(amounts={"Cu": 1, "Au": 1}, max_atoms=4, seed=seed).batch(0)[0].to_json()
        for seed in (0, 1)
    ]
    assert found[0] != found[1]


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An effective-medium potential that takes its time."""
    (tmp_path / "slow_potential.py").write_text(
        "import time\nfrom ase.calculators.emt import EMT\n\n\nclass Slow(EMT):\n"
        "    def calculate(self, *args, **words):\n        time.sleep(0.1)\n"
        "        super().calculate(*args, **words)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_potential:Slow"
    sys.modules.pop("slow_potential", None)


def test_the_budget_is_kept_and_what_was_found_stays(slow: str, tmp_path: Path) -> None:
    started = time.monotonic()
    words = (
        "search", FORMULA, "--potential", slow, "--workers", "0", "--reference", "prototypes", "--proposals",
        "prototypes,random", "--budget", "00:00:20", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    answer = call(*words)
    assert answer.returncode == 0, answer.stderr
    spent = json.loads((tmp_path / "out" / "candidates.json").read_text())["seconds"]
    assert spent == pytest.approx(20, rel=0.25)
    assert time.monotonic() - started < 30
    found = table(tmp_path / "out")
    assert any(row["converged"] == "True" for row in found)
    answer = call(*words)  # the time is spent: nothing new, nothing lost
    assert "larger --budget" in answer.stderr
    assert table(tmp_path / "out") == found


def test_a_chemical_system_is_ranked_by_the_hull_of_what_was_found(tmp_path: Path) -> None:
    known = tmp_path / "known"
    write_cifs(
        known,
        [
            face_centred(3.6, "Cu"),
            face_centred(4.06, "Au"),
            caesium_chloride(3.1, "Cu", "Au"),
        ],
    )
    found = search(
        "Cu-Au", out=tmp_path / "out", num=12, proposals="prototypes,random", reference=str(known),
        potential="ase:emt", max_atoms=4, max_steps=40, workers=0,
    )  # fmt: skip
    assert isinstance(found, SearchResult)
    placed = [find for find in found.finds if find.candidate.e_hull is not None]
    assert placed
    assert min(find.candidate.e_hull or 0.0 for find in placed) >= 0.0
    assert {find.structure.composition.chemical_system for find in placed if find.structure} >= {"Au-Cu"}
    heights = [found.height(find) for find in placed]
    assert heights == sorted(heights, key=lambda h: h or 0.0)
    assert "this search" in found.stability.hull.source


def pure_metals(folder: Path) -> Path:
    metals = {"Cu": 3.6, "Au": 4.06}
    write_cifs(folder, [face_centred(a, name) for name, a in metals.items()])
    return folder


def test_a_hull_of_known_crystals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = pure_metals(tmp_path / "known")
    monkeypatch.setenv("EPITAXY_CACHE", str(tmp_path / "cache"))

    def searched(out: str) -> tuple[SearchResult, list[Path]]:
        found = search(
            "CuAu", out=tmp_path / out, num=4, proposals="prototypes", reference="prototypes",
            hull=str(known), potential="ase:emt", workers=0,
        )  # fmt: skip
        return found, sorted((tmp_path / "cache" / "eval").rglob("*.jsonl"))

    (found, kept), (again, still_kept) = searched("out"), searched("another")
    assert kept
    assert kept == still_kept  # known crystals are relaxed once, whatever the search
    candidate = found.finds[0].candidate
    assert candidate.e_hull == again.finds[0].candidate.e_hull
    assert candidate.e_hull is not None
    assert sum(share for _, share in candidate.above.decomposition) == pytest.approx(1.0)
    assert found.height(found.finds[0]) == candidate.e_hull


@pytest.mark.parametrize("share", [0.5, 0.0])
def test_candidates_have_time_before_the_hull(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their share of it, and on a machine too busy for any of them in their share, all of it."""
    asked: list[tuple[float, int]] = []

    def slow(*_: Any, work: Work, **__: Any) -> Hull:
        relaxed = sum(1 for file in (tmp_path / "out").rglob("*.jsonl") for _ in file.open())
        asked.append((work.until or 0.0, relaxed))
        raise TimeoutError

    monkeypatch.setattr("epitaxy.apps.discovery.run.build_hull", slow)
    monkeypatch.setattr("epitaxy.apps.discovery.run._CANDIDATES_SHARE", share)
    found = search(
        "CuAu", out=tmp_path / "out", num=4, proposals="prototypes", reference="prototypes",
        hull=str(pure_metals(tmp_path / "known")), potential="ase:emt", workers=0,
    )  # fmt: skip
    (at_once, none), (in_time, some) = asked
    assert at_once < 0 < in_time
    assert none == 0 < some
    assert found.structures
    assert all(find.candidate.e_hull is None for find in found.finds)
    assert "no time for all energies" in capsys.readouterr().err


def test_models_propose_what_was_asked_and_the_most_probable_is_first(tmp_path: Path) -> None:
    def searched(rank_by: str) -> SearchResult:
        return search(
            "SrTiO3", out=tmp_path / "out", num=3, proposals="models", model="crysbfn-perov-small", steps=10,
            potential="ase:lj,sigma=2.0,rc=5.0,epsilon=0.1", max_steps=3, workers=0, reference="prototypes",
            rank_by=rank_by,
        )  # fmt: skip

    found, by_energy = searched("probability"), searched("energy")  # the same folder: the order alone differs
    assert found.finds
    assert {find.candidate.id for find in found.finds} == {find.candidate.id for find in by_energy.finds}
    likely = [find.probability for find in found.finds if find.probability is not None]
    assert likely == sorted(likely, reverse=True)
    assert sum(likely) == pytest.approx(1.0)
    energies = [e for find in by_energy.finds if (e := find.candidate.enthalpy) is not None]
    assert energies == sorted(energies)
    assert all(origin.by == "crysbfn-perov-small" for find in found.finds for origin in find.origins)
    assert all("seed" in origin.detail for find in found.finds for origin in find.origins)
    assert all(amounts_of(s.composition) == {"Sr": 1, "Ti": 1, "O": 3} for s in found.structures)


def test_a_model_that_samples_otherwise_begins_another_search(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(locate("crysbfn-perov-small"), model, ignore=shutil.ignore_patterns("checksums.json"))
    words = (
        "SrTiO3", "--potential", "ase:lj,sigma=2.0,rc=5.0,epsilon=0.1", "--max-steps", "3", "--workers", "0",
        "--reference", "prototypes", "--proposals", "models", "--model", str(model), "--num", "1",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert call("search", *words).returncode == 0
    assert call("search", *words).returncode == 0
    recipe = json.loads((model / "recipe.json").read_text())
    recipe["sampling"]["steps"] = 7
    (model / "recipe.json").write_text(json.dumps(recipe))
    refused(call("search", *words), "other settings", "models")


def test_a_de_novo_model_proposes_crystals_of_just_these_elements() -> None:
    model = capability_of("symmbfn-mp20-small")
    source = model_proposer(model, parse_question("Sr-Ti-O"), [], Sampling(seed=0, steps=3))
    found = [one.structure for one in source.batch(0) or () if one.structure is not None]
    assert found
    assert {structure.composition.chemical_system for structure in found} == {"O-Sr-Ti"}


def test_python_has_the_same_sentences(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="formula"):
        search("Xx3", out=tmp_path / "out")
    with pytest.raises(UsageError, match="--budget"):
        search("SrTiO3", out=tmp_path / "out", budget=0)


def test_a_reference_is_read_in_all_its_forms(tmp_path: Path) -> None:
    write_cifs(tmp_path / "known", [rock_salt(5.64, "Na", "Cl")])
    asked = {"Na": 1, "Cl": 1}
    assert len(load_reference(str(tmp_path / "known"), None).of_formula(asked)) == 1
    every = load_reference("prototypes", None)
    assert len(every.ids) > len(load_reference("prototypes:train", None).ids)
    assert every.of_formula(asked)


def test_spacings_tell_close_packings_apart() -> None:
    """Twelve nearest and six next neighbours are the same."""
    cubic = face_centred(3.6, "Cu")
    cell = Lattice.hexagonal(2.5, 2.5 * (8 / 3) ** 0.5)
    hexagonal = Structure(cell, ["Cu", "Cu"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])
    assert np.abs(spacings(cubic) - spacings(hexagonal)).max() > CLOSE
