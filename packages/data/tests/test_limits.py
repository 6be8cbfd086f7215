"""Nothing is read without end, and whatever a parser raises costs one record."""

import contextlib
import gzip
import json
import os
import resource
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import DataError, Record, Reject, prepare, read_structures, readers
from epitaxy.data import _limits as limits
from epitaxy.data._clock import time_limit
from epitaxy.data._pool import ordered_map
from epitaxy.data.errors import UnusableRecordError

KILO = 1024


@pytest.fixture
def two(tmp_path, rocksalt_cif):
    path = tmp_path / "x.csv"
    path.write_text("id,cif\n" + "".join(f'{name},"{rocksalt_cif}"\n' for name in "ab"))
    return path


def failing(monkeypatch, raised, bad="a"):
    """Make the parser raise for one record, whose text has its id."""
    parse, calls = readers.parse, iter(range(99))

    def broken(payload, remarks):
        if next(calls) == 0:
            raise raised
        return parse(payload, remarks)

    monkeypatch.setattr(readers, "parse", broken)


class OwnError(Exception):
    pass


RAISED = [
    *(OwnError("x\ny"), RecursionError(), MemoryError(), OverflowError("n"), AttributeError()),
    *(ZeroDivisionError(), StopIteration(), AssertionError(), SystemError("c")),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"),
]


@pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_is_raised_costs_one_record_and_is_kept(two, monkeypatch, raised):
    failing(monkeypatch, raised)
    first, second = read_structures(two)
    assert isinstance(first, Reject)
    assert isinstance(second, Record)
    assert type(raised).__name__ in first.cause
    assert "test_limits.py" in first.cause
    assert "\n" not in first.reason
    assert ";" in first.reason  # a remedy


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_who_stops_the_program_is_not_held_up(two, monkeypatch, raised):
    failing(monkeypatch, raised())
    with pytest.raises(raised):
        list(read_structures(two))


def test_causes_lie_beside_the_prepared_data(two, monkeypatch):
    failing(monkeypatch, OwnError("why"))
    (line,) = prepare(two, workers=1).rejects_path.read_text().splitlines()
    assert json.loads(line)["cause"].startswith("OwnError: why at ")


def test_a_record_has_a_time_limit(two, monkeypatch):
    monkeypatch.setattr(limits, "MOST_SECONDS", 0.2)
    parse, calls = readers.parse, iter(range(99))

    def slow(payload, remarks):
        while next(calls) == 0:
            while True:  # a parser that swallows exceptions is stopped too
                with contextlib.suppress(Exception):
                    time.sleep(0.01)
        return parse(payload, remarks)

    monkeypatch.setattr(readers, "parse", slow)
    prepared = prepare(two, workers=1)
    assert (prepared.crystals, prepared.rejects) == (1, 1)
    assert "longer than 0.2 seconds" in prepared.rejects_path.read_text()


def _held(chunk):
    """Work as `prepare` does in a worker, on a record that would never end."""
    try:
        with time_limit(0.1):
            time.sleep(60)
    except UnusableRecordError as error:
        return [str(error)]
    return chunk


def test_a_time_limit_holds_in_worker_processes():
    started = time.monotonic()
    said = list(ordered_map(_held, range(130), workers=2))
    assert len(said) == 3  # one a chunk
    assert all("longer than 0.1 seconds" in sentence for sentence in said)
    assert time.monotonic() - started < 30


def test_a_time_limit_leaves_other_alarms_alone():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        with pytest.raises(UnusableRecordError), time_limit(0.05):
            time.sleep(1)
        with time_limit(5.0):
            pass
        time.sleep(0.3)
        assert rang == [True]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


BOMBS = ["x.csv.gz", "x.json.gz", "x.jsonl.gz", "x.extxyz.gz", "x.cif.gz", "x.vasp.gz"]


def said_of(path):
    """Return what is said of a file of which nothing can be read."""
    try:
        found = list(read_structures(path))
    except DataError as error:
        return [str(error)]
    return [record.reason if isinstance(record, Reject) else "READ" for record in found]


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("unit", [b"\0", b"1", b"[", b"a,", b"\n"])
def test_what_expands_without_end_is_refused_in_little_memory(tmp_path, monkeypatch, name, unit):
    monkeypatch.setattr(limits, "FREE_EXPANSION", 256 * KILO)
    monkeypatch.setattr(limits, "LARGEST_RECORD", 512 * KILO)
    monkeypatch.setattr(limits, "LONGEST_LINE", 256 * KILO)
    monkeypatch.setattr(limits, "MOST_EXPANSION", 10)
    with gzip.open(tmp_path / name, "wb") as file:
        for _ in range(64):
            file.write(unit * (KILO * KILO // len(unit)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = said_of(tmp_path / name)
    assert "READ" not in said
    assert "\n" not in "".join(said)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * KILO  # of 64 MB


def test_numbers_of_records_files_columns_and_names_are_limited(tmp_path, two, monkeypatch, rocksalt_cif):
    monkeypatch.setattr(limits, "MOST_RECORDS", 1)
    with pytest.raises(DataError, match="more than 1 records"):
        list(read_structures(two))
    monkeypatch.setattr(limits, "MOST_FILES", 1)
    folder = tmp_path / "f"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.cif").write_text(rocksalt_cif)
    with pytest.raises(DataError, match="more than 1 files"):
        list(read_structures(folder))


def test_long_ids_are_refused_and_odd_ones_cleaned(tmp_path, rocksalt):
    structure = rocksalt.as_dict()
    entries = [{"id": name, "structure": structure} for name in ("x" * 201, "a\0b", "c\nd", "\ud800", "e")]
    (tmp_path / "x.json").write_text(json.dumps(entries))
    found = list(read_structures(tmp_path / "x.json"))
    assert [r.id for r in found] == ["record-1", "a?b", "c?d", "?", "e"]
    assert isinstance(found[0], Reject)
    assert prepare(tmp_path / "x.json").crystals == 4


def test_properties_beyond_count_or_name_are_left_out_and_said(tmp_path, monkeypatch, rocksalt):
    monkeypatch.setattr(limits, "MOST_COLUMNS", 2)
    entry = {"id": "a", "structure": rocksalt.as_dict(), "p" * 201: 1, "a\0": 1, "x": 1, "y": 2, "z": 3}
    (tmp_path / "x.json").write_text(json.dumps([entry]))
    notes: list[str] = []
    (found,) = read_structures(tmp_path / "x.json", notes=notes)
    assert found.properties == {"x": 1.0, "y": 2.0}
    assert "some properties are left out" in notes[0]


@given(
    content=st.binary(max_size=200), name=st.sampled_from(["x.csv", "x.json", "x.extxyz", "x.cif", "POSCAR"])
)
def test_bytes_at_random_are_no_traceback(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("x") / name
    path.write_bytes(content)
    assert "READ" not in said_of(path)


def test_a_file_that_may_not_be_read_says_so(tmp_path, two):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    two.chmod(0)
    with pytest.raises(DataError, match="permission"):
        list(read_structures(two))
