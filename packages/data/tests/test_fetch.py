import functools
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from epitaxy.data import DATASETS, CrystalDataset, DataError, fetch, registry


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the loopback address that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """perov_5, but with two, one and one records."""
    info = DATASETS["perov_5"]
    small = registry.DatasetInfo(
        name=info.name,
        description=info.description,
        source=info.source,
        licence=info.licence,
        counts={"train": 2, "val": 1, "test": 1},
        address=info.address,
    )
    monkeypatch.setattr(registry, "DATASETS", {"perov_5": small})


def fill(folder: Path, cif: str, rows: dict[str, int]) -> None:
    for split, number in rows.items():
        body = "".join(f'{split}-{i},"{cif}"\n' for i in range(number))
        (folder / f"{split}.csv").write_text("material_id,cif\n" + body)


@pytest.mark.usefixtures("tiny")
def test_what_is_fetched_is_found_by_name(served, rocksalt_cif):
    folder, address = served
    fill(folder, rocksalt_cif, {"train": 2, "val": 1, "test": 1})
    seen = []
    target = fetch("perov_5", address=address, progress=lambda done, total: seen.append((done, total)))
    assert target == Path(os.environ["EPITAXY_CACHE"]) / "datasets" / "perov_5"
    assert len(CrystalDataset.load("perov_5", "train")) == 2
    assert seen[-1][0] == seen[-1][1]
    fetch("perov_5", address="http://127.0.0.1:9")


@pytest.mark.usefixtures("tiny")
def test_a_file_with_other_rows_is_refused(served, rocksalt_cif):
    folder, address = served
    fill(folder, rocksalt_cif, {"train": 3, "val": 1, "test": 1})
    with pytest.raises(DataError, match="has 3 rows, not the published 2"):
        fetch("perov_5", address=address)
    assert [p for p in Path(os.environ["EPITAXY_CACHE"]).rglob("*") if p.is_file()] == []


@pytest.mark.usefixtures("tiny")
def test_what_is_no_dataset_is_refused(served):
    folder, address = served
    (folder / "train.csv").write_text("<html>a page</html>\n")
    with pytest.raises(DataError, match="no such dataset"):
        fetch("perov_5", address=address)


def test_a_missing_file_is_said(served):
    with pytest.raises(DataError, match="answers 404"):
        fetch("mp_20", address=served[1])


def test_no_network_is_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="cannot be reached") as caught:
        fetch("mp_20", address=f"http://127.0.0.1:{port}")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_fetched_says_why():
    with pytest.raises(DataError, match="made in code"):
        fetch("prototypes")
    with pytest.raises(DataError, match="no official address"):
        fetch("carbon_24_unique")
    with pytest.raises(DataError, match="did you mean mp_20"):
        fetch("mp-20")
