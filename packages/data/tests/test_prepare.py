import csv
import json
import logging
import os
from pathlib import Path

import pytest

from epitaxy.data import CrystalDataset, DataError, prepare
from epitaxy.data._pool import choose_workers, ordered_map


@pytest.fixture
def table(tmp_path: Path, rocksalt_cif: str) -> Path:
    """A hundred records, each with a lattice of its own, every twentieth broken."""
    path = tmp_path / "train.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "cif", "number"])
        for i in range(100):
            cif = rocksalt_cif.replace("3.98808225", f"{3.9 + i / 1000:.8f}")
            writer.writerow([f"id-{i}", cif[:200] if i % 20 == 7 else cif, i])
    return tmp_path


def test_preparation_happens_once_and_names_its_rejects(table):
    seen = []
    first = prepare(table, progress=lambda done, total: seen.append((done, total)))
    assert (first.crystals, first.rejects, first.reused) == (95, 5, False)
    assert seen == [(i, 100) for i in range(1, 101)]
    rejects = [json.loads(line) for line in first.rejects_path.read_text().splitlines()]
    assert [r["id"] for r in rejects] == [f"id-{i}" for i in range(7, 100, 20)]
    assert all(r["source"] and r["reason"] for r in rejects)
    again = prepare(table, progress=lambda *_: pytest.fail("prepared twice"))
    assert again.reused
    assert again.folder == first.folder


def test_another_content_or_cell_is_another_cache(table):
    first = prepare(table)
    assert prepare(table, cell="as_given").folder != first.folder
    assert prepare(table, max_atoms=2).folder != first.folder
    with (table / "train.csv").open("a") as file:
        file.write("\n")
    assert prepare(table).folder != first.folder


def test_processes_change_nothing(table, monkeypatch, tmp_path_factory):
    def arrays(workers: int) -> bytes:
        monkeypatch.setenv("EPITAXY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return (prepare(table, workers=workers).folder / "crystals.npz").read_bytes()

    assert arrays(1) == arrays(2)


@pytest.mark.parametrize("name", ["crystals.npz", "manifest.json", "rejects.jsonl"])
def test_a_damaged_cache_is_prepared_again_with_a_warning(table, name, caplog):
    folder = prepare(table).folder
    sound = {path.name: path.read_bytes() for path in folder.iterdir()}
    path = folder / name
    if name == "rejects.jsonl":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-40])
    with caplog.at_level(logging.WARNING, logger="epitaxy.data"):
        dataset = CrystalDataset.load(table)
    assert "damaged" in caplog.text
    assert len(dataset) == 95
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == sound


def test_interrupted_work_leaves_nothing_and_starts_again(table):
    def interrupt(done: int, total: int | None) -> None:
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(table, progress=interrupt, workers=2)
    cache = Path(os.environ["EPITAXY_CACHE"])
    assert [p for p in cache.rglob("*") if p.is_file()] == []
    assert prepare(table).crystals == 95


def test_no_usable_record_at_all_says_the_first_reason(tmp_path):
    (tmp_path / "all.csv").write_text("cif\nnonsense\nmore nonsense\n")
    with pytest.raises(DataError, match=r"none of the 2 records .* the first: truncated or unparseable"):
        prepare(tmp_path / "all.csv")


def test_the_number_of_workers():
    assert choose_workers(3, 10) == 3
    assert choose_workers(None, 10) == 1
    assert 1 <= choose_workers(None, 10**6) <= 8


def _double(chunk: list[int]) -> list[int]:
    return [2 * x for x in chunk]


def _die(chunk: list[int]) -> list[int]:
    os._exit(1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_ordered_map_keeps_the_order(workers):
    assert list(ordered_map(_double, range(1000), workers=workers)) == [2 * x for x in range(1000)]


def test_a_worker_that_dies_is_reported():
    with pytest.raises(DataError, match="worker process died"):
        list(ordered_map(_die, range(100), workers=2))
