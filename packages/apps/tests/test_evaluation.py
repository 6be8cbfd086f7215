"""``epitaxy eval`` and ``epitaxy relax`` as a user meets them."""

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import commands
import pytest
from ase.io import read
from cells import caesium_chloride, face_centred, rock_salt
from commands import Answer, refused
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry

from epitaxy.apps.evaluation.crystals import short_names
from epitaxy.apps.sampling.output_folder import SUMMARY
from epitaxy.apps.sampling.writers import SAMPLES
from epitaxy.data import write_cifs, write_extxyz
from epitaxy.eval.molecules import property_labels

call = partial(commands.call, "epitaxy")
HERE = ("--workers", "0")
"""In this process: a worker takes seconds to start."""


def done(*words: str) -> Answer:
    answer = call(*words)
    assert answer.returncode == 0, answer.stderr
    return answer


SALT = rock_salt(5.6, "Na", "Cl")
CRYSTALS = [
    SALT, rock_salt(5.2, "K", "F"), rock_salt(4.2, "Mg", "O"), rock_salt(6.1, "K", "Cl"),
    caesium_chloride(4.1), caesium_chloride(4.0, "Cs", "Br"), caesium_chloride(3.9, "Tl", "Cl"),
]  # fmt: skip


@pytest.fixture
def crystals(tmp_path: Path) -> Path:
    write_cifs(tmp_path / "crystals", CRYSTALS)
    return tmp_path / "crystals"


@pytest.fixture
def cache(tmp_path: Path) -> tuple[str, str]:
    return "--cache", str(tmp_path / "cache")


def sample_folder(folder: Path, structures: Sequence[Structure], *, steps: int, **more: Any) -> Path:
    """A folder as sampling writes it: one structure for each id of the folder of CIFs."""
    ids = [f"{n:06d}" for n in range(len(structures))]
    folder.mkdir()
    write_extxyz(folder / SAMPLES, structures, [{"id": name} for name in ids])
    summary = {
        "model": {"path": "a model"}, "steps": steps, "requested": len(ids), "written": len(ids),
        "rejected": [], "ids": ids, "seconds_per_sample": 0.5,
    }  # fmt: skip
    (folder / SUMMARY).write_text(json.dumps(summary | more))
    return folder


def contract(file: Path) -> Mapping[str, Any]:
    """What every JSON file has: no metric is missing without a reason."""
    found = json.loads(file.read_text())
    assert found["protocol"]["name"]
    assert found["protocol"]["definition"]
    assert found["counts"]
    for name, value in found["metrics"].items():
        assert value is not None or found["notes"][name]
    return found


# --- de novo


def test_a_set_against_itself_is_perfect_and_not_new(crystals: Path, cache: tuple[str, str]) -> None:
    out, page = crystals.parent / "dng.json", crystals.parent / "dng.html"
    words = (
        "eval",
        "dng",
        str(crystals),
        "--reference",
        str(crystals),
        "--train",
        str(crystals),
        *HERE,
        *cache,
    )
    first = done(*words, "--json", str(out), "--html", str(page))
    found = contract(out)
    for name in ("coverage_recall", "coverage_precision", "validity_smact14", "uniqueness"):
        assert found["metrics"][name] == 1.0
        assert f"{name} " in first.stdout
    for name in ("wasserstein_density", "wasserstein_elements", "jsd_space_groups", "novelty"):
        assert found["metrics"][name] == pytest.approx(0.0, abs=1e-12)
    assert found["metrics"]["wasserstein_density_1000"] is None
    text = page.read_text()
    for words_of_page in ("Coverage", "Distributions", "Space groups", "crystals: best", "7 of 7", "g/cm³"):
        assert words_of_page in text
    assert 'src="http' not in text
    again = done(*words, "--json", str(out))
    assert again.stdout == first.stdout
    assert json.loads(out.read_text()) == found


def test_broken_records_are_counted_and_named(crystals: Path, cache: tuple[str, str]) -> None:
    (crystals / "broken.cif").write_text("data_x\n_cell_length_a nonsense\n")
    whole = (crystals / "000000.cif").read_text().splitlines()
    site = next(n for n, line in enumerate(whole) if line.split()[:1] == ["Na"])
    whole[site] = whole[site].rsplit(maxsplit=1)[0] + " 0.5"
    (crystals / "partial.cif").write_text("\n".join(whole) + "\n")
    out = crystals.parent / "v.json"
    answer = done("eval", "dng", str(crystals), *HERE, *cache, "--json", str(out))
    found = contract(out)
    assert found["counts"]["samples"] == 9
    assert found["ids"]["unreadable"] == ["broken", "partial"]
    assert set(found["rejects"]) == {"broken", "partial"}
    assert found["metrics"]["structural_validity"] == pytest.approx(7 / 9)
    assert "2 records cannot be used" in answer.stderr
    assert "partial: " in answer.stderr


def test_nothing_readable_is_no_figure_but_failures(crystals: Path, cache: tuple[str, str]) -> None:
    broken = crystals.parent / "broken"
    broken.mkdir()
    (broken / "a.cif").write_text("data_x\n")
    out, page = broken.parent / "b.json", broken.parent / "b.html"
    words = (
        "eval",
        "dng",
        str(broken),
        "--reference",
        str(crystals),
        "--train",
        str(crystals),
        *HERE,
        *cache,
    )
    done(*words, "--json", str(out), "--html", str(page))
    found = contract(out)
    assert found["metrics"]["validity_smact14"] == 0.0
    assert found["metrics"]["coverage_precision"] == 0.0
    assert found["metrics"]["wasserstein_density"] is None
    assert "Could not be used" in page.read_text()


def test_sets_stand_side_by_side(crystals: Path, tmp_path: Path, cache: tuple[str, str]) -> None:
    other = tmp_path / "other"
    write_cifs(other, [*CRYSTALS[:2], caesium_chloride(0.5)])
    out, page = tmp_path / "both.json", tmp_path / "both.html"
    words = ("eval", "dng", str(crystals), str(other), "--reference", str(crystals), "--parts", "distances")
    answer = done(*words, *HERE, *cache, "--json", str(out), "--html", str(page))
    assert "crystals" in answer.stdout.splitlines()[2]
    found = json.loads(out.read_text())
    assert found["sets"] == ["crystals", "other"]
    assert found["metrics"]["crystals"]["structural_validity"] == 1.0
    assert found["metrics"]["other"]["structural_validity"] == pytest.approx(2 / 3)
    assert found["notes"]["other"]["coverage_recall"] == "not asked for"
    assert "other: worst" in page.read_text() or "other: best" in page.read_text()


def test_a_folder_without_structures_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(call("eval", "dng", str(tmp_path / "empty"), *HERE), "empty", "no CIF or POSCAR file")
    (tmp_path / "none.json").write_text("[]")
    refused(call("eval", "dng", str(tmp_path / "none.json"), *HERE), "none.json", "holds no structures")


def test_a_cell_of_too_many_atoms_is_counted_and_named(tmp_path: Path, cache: tuple[str, str]) -> None:
    many = caesium_chloride(4.1) * (12, 12, 11)  # 3,168 atoms
    some = caesium_chloride(4.1) * (6, 6, 5)  # 360: more than a data set's cell may have, and no failure
    write_extxyz(tmp_path / "large.extxyz", [many, some], [{"id": "many"}, {"id": "some"}])
    out = tmp_path / "large.json"
    answer = done("eval", "dng", str(tmp_path / "large.extxyz"), *HERE, *cache, "--json", str(out))
    found = contract(out)
    assert found["ids"]["unreadable"] == ["many"]
    assert "3168 atoms" in found["rejects"]["many"]
    assert found["metrics"]["structural_validity"] == 0.5
    assert "1 records cannot be used and count as failures" in answer.stderr


def test_space_groups_that_samples_were_asked_for(tmp_path: Path, cache: tuple[str, str]) -> None:
    cells = [s.to_conventional() for s in (SALT, rock_salt(4.2, "Mg", "O"))] + [caesium_chloride(4.1)]
    folder = sample_folder(tmp_path / "asked", cells, steps=10)
    infos = [{"id": f"{n:06d}", "spacegroup": number} for n, number in enumerate((225, 225, 229))]
    write_extxyz(folder / SAMPLES, cells, infos)
    out, page = tmp_path / "asked.json", tmp_path / "asked.html"
    for source in (folder, folder / SAMPLES):  # our own folder, and anyone's extxyz
        done("eval", "dng", str(source), *HERE, *cache, "--json", str(out), "--html", str(page))
        found = contract(out)
        assert found["counts"]["space_group_asked"] == 3
        assert found["metrics"]["space_group_kept"] == pytest.approx(2 / 3)  # CsCl has no body centring
        assert found["metrics"]["space_group_exact"] == pytest.approx(2 / 3)
    assert "Space group asked for" in page.read_text()
    words = ("--reference", str(folder), "--parts", "distances", "--json", str(out), "--html", str(page))
    answer = done("eval", "dng", str(folder), *HERE, *cache, *words)
    assert contract(out)["metrics"]["space_group_kept"] == pytest.approx(2 / 3)
    assert "space_group_kept_of_valid" in answer.stdout
    assert "Space group asked for" in page.read_text()


def test_numbers_that_both_sides_carry_are_compared(tmp_path: Path, cache: tuple[str, str]) -> None:
    def written(name: str, **columns: Sequence[float]) -> str:
        infos = [
            {"id": f"x{n}", "seed": n} | {key: values[n] for key, values in columns.items()}
            for n in range(len(CRYSTALS))
        ]
        write_extxyz(tmp_path / name, CRYSTALS, infos)
        return str(tmp_path / name)

    energies = [float(n) for n in range(len(CRYSTALS))]
    reference = written("reference.extxyz", energy_per_atom=energies, alone=energies)
    first = written("first.extxyz", energy_per_atom=[e + 0.5 for e in energies])
    second = written("second.extxyz", other=energies)
    out, page = tmp_path / "p.json", tmp_path / "p.html"
    words = ("--reference", reference, "--parts", "distances", "--json", str(out), "--html", str(page))
    done("eval", "dng", first, second, *HERE, *cache, *words)
    found = json.loads(out.read_text())
    assert found["metrics"]["first.extxyz"]["wasserstein_energy_per_atom"] == pytest.approx(0.5)
    assert found["metrics"]["second.extxyz"]["wasserstein_energy_per_atom"] is None
    assert found["notes"]["second.extxyz"]["wasserstein_energy_per_atom"] == "no valid sample has a value"
    assert not any(word in name for name in found["metrics"]["first.extxyz"] for word in ("seed", "alone"))
    assert "energy_per_atom" in page.read_text()


def test_a_dataset_is_a_set_of_samples(cache: tuple[str, str]) -> None:
    words = ("eval", "dng", "prototypes:val", "--reference", "prototypes", "--limit", "5", *HERE, *cache)
    answer = done(*words, "--parts", "distances", "--protocol-table", "icsd24")
    assert "samples" in answer.stdout
    assert "5 of 5" in answer.stdout
    assert "note on" not in answer.stdout


# --- crystal structure prediction


def test_perfect_predictions_match_under_every_protocol(crystals: Path, cache: tuple[str, str]) -> None:
    predictions = sample_folder(crystals.parent / "p", CRYSTALS, steps=10)
    out = crystals.parent / "csp.json"
    for protocol in ("strict", "cdvae"):
        words = ("eval", "csp", str(predictions), str(crystals), "--protocol", protocol, *HERE, *cache)
        done(*words, "--json", str(out))
        found = contract(out)
        assert found["metrics"]["match_rate@1"] == 1.0
        assert found["metrics"]["metre"] == 1.0
        assert found["metrics"]["crmse"] == pytest.approx(0.0, abs=1e-6)
        assert found["protocol"]["metre"]["definition"]


def test_match_rate_against_steps(crystals: Path, cache: tuple[str, str]) -> None:
    few = sample_folder(crystals.parent / "few", [CRYSTALS[1], *CRYSTALS[1:]], steps=5)
    many = sample_folder(crystals.parent / "many", CRYSTALS, steps=50)
    out, page = crystals.parent / "csp.json", crystals.parent / "csp.html"
    words = (
        "eval",
        "csp",
        str(few),
        str(many),
        str(crystals),
        "--protocol",
        "loose",
        "--no-metre",
        *HERE,
        *cache,
    )
    done(*words, "--json", str(out), "--html", str(page))
    found = json.loads(out.read_text())
    assert found["metrics"]["few"]["match_rate@1"] == pytest.approx(6 / 7)
    assert found["metrics"]["many"]["match_rate@1"] == 1.0
    assert found["notes"]["many"]["metre"] == "not asked for"
    text = page.read_text()
    assert "Match rate against steps" in text
    assert "few: worst" in text
    assert "other composition" in text


# --- molecules


def test_molecules_of_a_dataset(tmp_path: Path, cache: tuple[str, str]) -> None:
    out, page = tmp_path / "m.json", tmp_path / "m.html"
    words = ("eval", "molecules", "g2", "--train", "g2:test", *HERE, *cache)
    first = done(*words, "--json", str(out), "--html", str(page))
    found = contract(out)
    assert found["metrics"]["novelty"] == 0.0
    assert 0.5 < found["metrics"]["molecule_stability"] < 1.0
    assert "RDKit" in page.read_text()
    with mock.patch("epitaxy.apps.evaluation.molecules.reference_smiles", side_effect=AssertionError):
        assert done(*words).stdout == first.stdout


def test_molecules_of_a_file(tmp_path: Path, cache: tuple[str, str]) -> None:
    file = tmp_path / "three.xyz"
    water = "3\nid=water\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n"
    file.write_text(water + "2\nid=pair\nH 0 0 0\nH 0 0 3\n" + "1\n\nXx 0 0 0\n")
    out = tmp_path / "m.json"
    answer = done("eval", "molecules", str(file), *HERE, *cache, "--json", str(out))
    found = contract(out)
    assert found["counts"]["samples"] == 3
    assert set(found["rejects"]) == {"frame-3"}
    assert found["metrics"]["molecule_stability"] == pytest.approx(1 / 3)
    assert found["metrics"]["novelty"] is None
    assert "1 records cannot be used" in answer.stderr


def test_molecules_of_a_sample_folder(tmp_path: Path, cache: tuple[str, str]) -> None:
    """What sampling rejected counts as a failure."""
    folder, out = tmp_path / "samples", tmp_path / "m.json"
    folder.mkdir()
    (folder / "samples.xyz").write_text("2\nid=a\nH 0 0 0\nH 0 0 0.74\n")
    (folder / "samples.json").write_text(
        json.dumps(
            {"ids": ["a", "b"], "written": 1, "rejected": [{"number": 1, "id": "b", "reason": "no atoms"}]}
        )
    )
    done("eval", "molecules", str(folder), *HERE, *cache, "--json", str(out))
    found = contract(out)
    assert found["counts"]["samples"] == 2
    assert found["metrics"]["molecule_stability"] == 0.5
    assert found["rejects"] == {"b#1": "rejected by sampling: no atoms"}
    (folder / "samples.xyz").unlink()  # nothing that could be written
    (folder / "samples.json").write_text(
        json.dumps({"written": 0, "rejected": [{"number": 0, "id": "b", "reason": "no atoms"}], "ids": ["b"]})
    )
    done("eval", "molecules", str(folder), *HERE, *cache, "--json", str(out))
    found = contract(out)
    assert (found["counts"]["samples"], found["counts"]["unreadable"]) == (1, 1)
    assert found["notes"]["atom_stability"] == "no sample could be read"


def test_broken_molecules_of_a_split_count_too(tmp_path: Path, cache: tuple[str, str]) -> None:
    folder, out = tmp_path / "mine", tmp_path / "m.json"
    folder.mkdir()
    (folder / "test.xyz").write_text("2\nid=a\nH 0 0 0\nH 0 0 0.74\n1\nid=b\nXx 0 0 0\n")
    for word in (folder, folder / "test.xyz"):
        done("eval", "molecules", str(word), *HERE, *cache, "--json", str(out))
        found = contract(out)
        assert found["metrics"]["molecule_stability"] == 0.5
        assert ["unknown element" in reason for reason in found["rejects"].values()] == [True]


# --- measured molecules

WATER = "3\nid={} {}\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n"
AMMONIA = "4\nid={} {}\nN 0 0 0.1\nH 0 0.94 -0.28\nH 0.81 -0.47 -0.28\nH -0.81 -0.47 -0.28\n"
METHANE = (
    "5\nid={} {}\nC 0 0 0\nH 0.63 0.63 0.63\nH 0.63 -0.63 -0.63\nH -0.63 0.63 -0.63\nH -0.63 -0.63 0.63\n"
)
METHYL = "4\nid={} {}\nC 0 0 0\nH 1.08 0 0\nH -0.54 0.935 0\nH -0.54 -0.935 0\n"
FAR = "5\nid={} {}\nO 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\nH 0 0 20\nH 0 0 20.74\n"


def measured(out: Path) -> list[dict[str, str]]:
    with out.open() as stream:
        return list(csv.DictReader(stream))


def test_measured_molecules_are_ranked_by_what_they_were_asked_for(tmp_path: Path) -> None:
    """The nearest first, each molecule once; what is in pieces behind, and last what cannot be measured."""
    folder, out = tmp_path / "samples", tmp_path / "measured.csv"
    folder.mkdir()
    asked = "target_mu=0.1 target_alpha=3"
    made = {"w": WATER, "r": METHYL, "f": FAR, "m": METHANE, "n": AMMONIA, "w2": WATER}
    (folder / SAMPLES).write_text("".join(form.format(name, asked) for name, form in made.items()))
    answer = done("measure", str(folder), "--out", str(out), *HERE)
    rows = measured(out)
    assert [row["id"] for row in rows] == ["m", "n", "w", "f", "r"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["copies"] for row in rows] == ["1", "1", "2", "1", "1"]
    assert [row["sound"] for row in rows] == ["True", "True", "True", "False", "False"]
    assert float(rows[0]["mu"]) < float(rows[1]["mu"]) < float(rows[2]["mu"])
    assert rows[-1]["mu"] == ""
    assert "radical" in rows[-1]["reason"]
    for row in rows[:-1]:
        far = abs(float(row["mu"]) - 0.1) / property_labels("mu").std
        assert float(row["distance"]) == pytest.approx(far, abs=1e-5)
        assert float(row["gap"]) == pytest.approx(float(row["lumo"]) - float(row["homo"]), abs=1e-5)
    assert "alpha was asked of the samples and is not measured" in answer.stderr
    assert "mu, 5 measured: mean absolute error" in answer.stdout


def test_a_typed_property_goes_before_what_samples_say_and_structures_are_written(tmp_path: Path) -> None:
    file, out = tmp_path / "two.xyz", tmp_path / "two.extxyz"
    file.write_text(WATER.format("w", "target_mu=5") + METHANE.format("m", "target_mu=5"))
    typed = ("measure", str(file), "--out", str(out), *HERE, "--property", "mu=0")
    answer = done(*typed, "--num", "1")
    atoms = read(out, index=":")
    assert [one.info["id"] for one in atoms] == ["m"]
    assert len(atoms[0]) == 5
    assert atoms[0].info["target_mu"] == 0
    assert "1 lines in" in answer.stderr
    whole = done("measure", str(file), "--out", str(tmp_path / "two.sdf"), *HERE)
    assert (tmp_path / "two.sdf").read_text().count("$$$$") == 2
    assert "mu, 2 listed" in whole.stdout
    unit = done(*typed[:-1], "homo=-6.5")
    assert "is it another unit?" in unit.stderr


def test_nothing_asked_leaves_the_order_and_bad_words_are_refused(tmp_path: Path) -> None:
    file, out = tmp_path / "two.xyz", tmp_path / "two.csv"
    file.write_text(WATER.format("w", "") + METHANE.format("m", ""))
    answer = done("measure", str(file), "--out", str(out), *HERE)
    rows = measured(out)
    assert [row["id"] for row in rows] == ["w", "m"]
    assert "distance" not in rows[0]
    assert "mean absolute error" not in answer.stdout
    broken = tmp_path / "broken.xyz"
    broken.write_text("1\n\nXx 0 0 0\n")
    done("measure", str(broken), "--out", str(tmp_path / "none.csv"), *HERE)
    assert (tmp_path / "none.csv").read_text() == ",".join(rows[0]) + "\n"
    refused(call("measure", str(file), "--out", str(tmp_path / "x.txt")), ".csv, .sdf, .extxyz")
    refused(call("measure", str(tmp_path / "no.xyz"), "--out", str(out)), "no.xyz")
    refused(call("measure", "mp_20", "--out", str(out)), "molecules")


# --- relaxation


def entries(path: Path) -> Path:
    """Pure copper and gold, both far above what EMT gives: whatever is relaxed is stable."""
    phases = [ComputedEntry(Composition(name), 1.0, entry_id=name) for name in ("Cu", "Au")]
    path.write_text(json.dumps([entry.as_dict() for entry in phases]))
    return path


@pytest.fixture
def alloys(tmp_path: Path) -> Path:
    ordered = caesium_chloride(3.1, "Cu", "Au")
    turned = Structure(ordered.lattice, ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    copper = Structure(
        Lattice.cubic(3.7), ["Cu"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    )
    return sample_folder(tmp_path / "alloys", [ordered, turned, copper], steps=10)


def test_relaxed_ranked_and_listed(alloys: Path, tmp_path: Path, cache: tuple[str, str]) -> None:
    table, cifs, page = tmp_path / "ranked.csv", tmp_path / "cifs", tmp_path / "ranked.html"
    write_cifs(tmp_path / "train", [face_centred(3.6, "Cu")])
    words = (
        "relax", str(alloys), "--potential", "ase:emt", "--hull", str(entries(tmp_path / "hull.json")),
        "--train", str(tmp_path / "train"), "--max-steps", "40", *HERE, *cache,
    )  # fmt: skip
    done(*words, "--out", str(table), "--cifs", str(cifs), "--html", str(page))
    rows = [line.split(",") for line in table.read_text().splitlines()]
    head = {name: n for n, name in enumerate(rows[0])}
    assert [row[head["rank"]] for row in rows[1:]] == ["1", "2"]  # two of the three are one crystal
    by_formula = {row[head["formula"]]: row for row in rows[1:]}
    assert by_formula["CuAu"][head["id"]] in ("000000", "000001")
    assert by_formula["CuAu"][head["found"]] == "2"
    assert by_formula["CuAu"][head["novel"]] == "True"
    assert by_formula["Cu"][head["novel"]] == "False"
    assert by_formula["Cu"][head["known"]] == "000000"  # the id of the training crystal
    assert {row[head["status"]] for row in rows[1:]} == {"stable"}
    shortlist = [Structure.from_file(file) for file in cifs.iterdir()]
    assert [s.composition.reduced_formula for s in shortlist] == ["CuAu"]
    assert StructureMatcher().fit(shortlist[0], caesium_chloride(3.1, "Cu", "Au"))
    assert "hull.json" in page.read_text()
    done(*words, "--out", str(tmp_path / "ranked.json"))
    found = contract(tmp_path / "ranked.json")
    assert found["counts"]["sun"] == 1
    assert found["metrics"]["generation_seconds_per_sun"] == pytest.approx(1.5)
    assert len(found["candidates"]) == 2
    done(*words, "--out", str(tmp_path / "ranked.extxyz"))
    frames = read(tmp_path / "ranked.extxyz", ":")
    assert [atoms.info["status"] for atoms in frames] == ["stable"] * 2


def test_a_hull_of_crystals_and_none(alloys: Path, tmp_path: Path, cache: tuple[str, str]) -> None:
    known = tmp_path / "known"
    write_cifs(known, [face_centred(3.6, "Cu"), face_centred(4.06, "Au")])
    words = ("relax", str(alloys), "--potential", "ase:emt", "--max-steps", "20", *HERE, *cache)
    done(*words, "--hull", str(known), "--out", str(tmp_path / "a.json"))
    found = contract(tmp_path / "a.json")
    assert "known" in found["notes"]["hull"]
    assert found["counts"]["hull_phases"] == 2
    done(*words, "--out", str(tmp_path / "b.json"))
    found = contract(tmp_path / "b.json")
    assert found["metrics"]["stable"] is None
    assert "No --hull" in found["notes"]["hull"]


# --- faults


def test_wrong_words_are_one_sentence(crystals: Path, tmp_path: Path) -> None:
    empty, here = tmp_path / "empty", str(crystals)
    empty.mkdir()
    refused(call("eval", "dng", str(empty)), "empty")
    refused(call("eval", "dng", str(tmp_path / "nothing")), "nothing")
    refused(call("eval", "dng", here, "--reference", "perov5"), "perov5", "perov_5")
    refused(call("eval", "dng", here, "--reference", "prototypes:all"), "all", "train")
    refused(call("eval", "dng", here, "--protocol-table", "smact"), "smact14", "icsd24")
    refused(call("eval", "dng", here, "--reference", here, "--parts", "covrage"), "covrage", "coverage")
    refused(call("eval", "dng", here, "--reference", here, "--cutoffs", "tight"), "tight", "mp_20")
    refused(call("eval", "dng", here, "--train", here), "--reference")
    refused(call("eval", "dng", here, "--workers", "many"), "many", "tcp://")
    refused(call("eval", "dng", here, "--workers", "tcp://x:1"), "this machine only")
    refused(call("eval", "dng", here, "--timeout", "-1"), "positive")
    refused(call("eval", "dng", here, "--timeout", "nan"), "positive")
    refused(call("eval", "dng", here, here), "twice")
    refused(call("eval", "csp", here, here, "--protocol", "nice"), "loose", "strict")
    refused(call("eval", "csp", here, "perov5"), "perov_5")
    refused(call("eval", "csp", here, "prototypes"), "material id")
    refused(call("eval", "molecules", "qm9s"), "qm9")
    refused(call("eval", "molecules", "mp_20"), "molecules")
    refused(call("eval", "molecules", "g2", "--table", "best"), "edm")


def test_a_missing_split_is_named(crystals: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    crystals.rename(tmp_path / "data" / "train")
    data = str(tmp_path / "data")
    refused(call("eval", "dng", data + "/train", "--reference", data, *HERE), "no test split", "train")


def test_files_that_cannot_be_written_are_refused_first(crystals: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    here, bad = str(crystals), str(tmp_path / "file" / "x.json")
    with mock.patch("epitaxy.apps.evaluation.dng.samples_of", side_effect=AssertionError):
        refused(call("eval", "dng", here, "--json", bad), "--json", "file")
        refused(call("eval", "dng", here, "--html", here), "--html", "folder")
        refused(call("eval", "dng", here, "--card", here), "--card")
        refused(call("eval", "dng", here, "--cache", bad), "--cache")
        refused(call("eval", "dng", here, "--cache", here, "--no-cache"), "--no-cache")
    out = str(tmp_path / "out.txt")
    refused(call("relax", here, "--out", out), ".csv", ".extxyz")
    refused(call("relax", here, "--out", bad), "--out")
    refused(call("relax", here, "--out", "x.csv", "--cifs", here), "not empty")


def test_potentials_and_hulls_that_are_not_there(alloys: Path, tmp_path: Path) -> None:
    words = ("relax", str(alloys), "--out", str(tmp_path / "x.csv"))
    refused(call(*words, "--potential", "magic"), "magic", "chgnet")
    refused(call(*words, "--potential", "ase:emt", "--fmax", "-1"), "fmax")
    (tmp_path / "hull.json").write_text("{}")
    refused(call(*words, "--potential", "ase:emt", "--hull", str(tmp_path / "hull.json")), "hull.json")
    refused(call(*words, "--potential", "ase:emt", "--hull", "mp20"), "mp_20")
    with mock.patch("epitaxy.eval.stability.chgnet_potential.find_spec", return_value=None):
        refused(call(*words), "pip install chgnet", status=1)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from epitaxy.apps.cli.main import app\n"
        "for words in (['eval', 'dng', '--help'], ['relax', '--help']):\n"
        "    try: app(words, standalone_mode=False)\n"
        "    except SystemExit: pass\n"
        "print('HEAVY', [m for m in ('torch', 'pymatgen', 'plotly', 'numpy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in answer.stdout


def test_a_worker_in_another_process_gives_the_same(crystals: Path, tmp_path: Path) -> None:
    """As a shell runs it, with a process of its own for the work, and lines of progress."""
    out, other = tmp_path / "a.json", tmp_path / "b.json"
    code = "from epitaxy.apps.cli.main import main; main()"
    words = ["eval", "dng", str(crystals), "--json"]
    answer = subprocess.run(
        [sys.executable, "-c", code, *words, str(out), *HERE],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "7/7" in answer.stderr
    done(*words, str(other), *HERE)
    assert json.loads(out.read_text()) == json.loads(other.read_text())


def test_sets_are_named_by_the_end_that_tells_them_apart() -> None:
    """None are named where none is ours: the page of someone else's predictions."""
    assert short_names([]) == []
    assert short_names(["runs/a/out", "runs/b/out"]) == ["a/out", "b/out"]
