"""Tasks are from the standard library: a worker process must be able to import them, and tests it cannot."""

import json
import math
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from epitaxy.eval.resumable import Done, Failed, joint_key, resume_map, structure_key

POSIX = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs POSIX signals")


def names(items) -> list[str]:
    return [repr(item) for item in items]


class Counted:
    """A square root that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def __call__(self, x: float) -> float:
        self.asked.append(x)
        return math.sqrt(x)


def roots(items, cache: Path | None, task=math.sqrt, **settings):
    return resume_map(task, items, keys=names(items), name="sqrt", cache=cache, **settings)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(st.lists(st.integers(-3, 30).map(float), max_size=40), min_size=1, max_size=4),
    chunk=st.integers(1, 7),
)
def test_whatever_was_kept_before_the_answer_is_that_of_a_fresh_map(tmp_path_factory, rounds, chunk):
    cache, task = tmp_path_factory.mktemp("cache"), Counted()
    for items in rounds:
        assert roots(items, cache, task, chunk=chunk) == roots(items, None)
    assert sorted(task.asked) == sorted({item for items in rounds for item in items})


@pytest.mark.parametrize("workers", [0, 1])
def test_in_the_time_there_is_and_what_is_kept_takes_none(tmp_path, workers):
    quick, slow = [0.0, 0.001], [0.3, 0.4, 0.5, 0.6, 0.7]
    words = {"name": "sleep", "cache": tmp_path, "workers": workers, "chunk": 1}

    def slept(items, until):
        return resume_map(time.sleep, items, keys=names(items), until=until, **words)

    with pytest.raises(TimeoutError, match="2 of 2"):
        slept(quick, -math.inf)
    slept(quick, None)
    assert slept(quick, -math.inf) == [Done(value=None)] * 2
    before = time.monotonic()
    with pytest.raises(TimeoutError, match="of 7"):
        slept(quick + slow, before + 0.5)
    assert time.monotonic() < before + sum(slow)
    assert slept(quick + slow, None) == [Done(value=None)] * 7


def test_results_pass_through_json_the_first_time_too(tmp_path):
    first, second = (
        resume_map(divmod_list, [7.5], keys=["a"], name="pair", cache=tmp_path) for _ in range(2)
    )
    assert first == second == resume_map(divmod_list, [7.5], keys=["a"], name="pair")
    assert first == [Done(value=[3.0, 1.5])]


def divmod_list(x: float) -> list:
    return divmod(x, 2)  # a tuple, in spite of what it says


def test_floats_come_back_to_the_last_bit(tmp_path):
    items = [float(x) for x in np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)]
    for _ in range(2):
        assert [o.value for o in roots(items, tmp_path, operator.neg)] == [-x for x in items]


def test_other_version_other_parameters_other_name_other_results(tmp_path):
    base = {"name": "f", "version": 1, "parameters": {"tol": 0.1, "list": [1]}}
    variants = [base, base | {"name": "g"}, base | {"version": 2}, base | {"parameters": {"tol": 0.2}}]
    for n, words in enumerate(variants):
        task = [operator.neg, abs, math.sqrt, math.exp][n]
        assert resume_map(task, [4.0], keys=["x"], cache=tmp_path, **words) == [Done(value=task(4.0))]
    assert len(list(tmp_path.iterdir())) == 4
    about = [json.loads((folder / "about.json").read_text()) for folder in tmp_path.iterdir()]
    assert base in about


def test_items_with_one_key_are_computed_once(tmp_path):
    task, seen = Counted(), []
    roots([4.0, 9.0, 4.0, 4.0], tmp_path, task, progress=lambda *step: seen.append(step))
    assert task.asked == [4.0, 9.0]
    assert seen == [(3, 4), (4, 4)]


def test_a_number_that_is_not_finite_fails_its_item_alone(tmp_path):
    for _ in range(2):
        good, bad = roots([1.0, math.inf], tmp_path)
        assert good == Done(value=1.0)
        assert bad == Failed(kind="error", reason="its result holds a number that is not finite")


def test_what_is_no_json_value_is_the_callers_mistake(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        resume_map(complex, ["1"], keys=["a"], name="c", cache=tmp_path)


def test_errors_are_kept_and_tried_again_on_request(tmp_path):
    task = Counted()
    assert roots([-1.0], tmp_path, task) == roots([-1.0], tmp_path, task)
    assert len(task.asked) == 1
    assert roots([-1.0], tmp_path, abs, retry=True) == [Done(value=1.0)]
    assert roots([-1.0], tmp_path, task) == [Done(value=1.0)]


def test_a_time_limit_reached_answers_only_limits_that_are_no_longer(tmp_path):
    def sleep(limit):
        start = time.monotonic()
        (outcome,) = resume_map(time.sleep, [0.5], keys=["x"], name="s", cache=tmp_path, limit=limit)
        return outcome, time.monotonic() - start

    assert sleep(0.2)[0] == Failed(kind="time", reason="stopped after 0.2 s")
    for limit in (0.2, 0.1):
        outcome, seconds = sleep(limit)
        assert outcome == Failed(kind="time", reason="stopped after 0.2 s")
        assert seconds < 0.1
    assert sleep(30.0)[0] == Done(value=None)
    assert sleep(0.1)[0] == Done(value=None)


@POSIX
def test_a_crash_costs_one_item_and_is_tried_again(tmp_path):
    items = [signal.SIGCONT, signal.SIGKILL, signal.SIGCONT]
    outcomes = resume_map(
        signal.raise_signal, items, keys=["a", "b", "c"], name="r", cache=tmp_path, workers=1
    )
    assert [type(o) for o in outcomes] == [Done, Failed, Done]
    assert outcomes[1].kind == "crash"
    again = resume_map(str, items, keys=["a", "b", "c"], name="r", cache=tmp_path)
    assert again == [Done(value=None), Done(value="9"), Done(value=None)]


def test_damaged_lines_are_computed_again(tmp_path):
    roots([1.0, 4.0, 9.0], tmp_path)
    (path,) = tmp_path.rglob("*.jsonl")
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], b'{"key": "4.0", "val', b"\xff\xfe", b"[]", lines[2]]) + b"\n")
    task = Counted()
    assert roots([1.0, 4.0, 9.0], tmp_path, task) == [Done(value=x) for x in (1.0, 2.0, 3.0)]
    assert task.asked == [4.0]


def test_numbers_changed_by_hand_are_computed_again(tmp_path):
    roots([1.0, 4.0, 9.0], tmp_path)
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_text(path.read_text().replace('"value": 2.0', '"value": 3.0'))
    task = Counted()
    assert roots([1.0, 4.0, 9.0], tmp_path, task) == [Done(value=x) for x in (1.0, 2.0, 3.0)]
    assert task.asked == [4.0]


def test_an_interruption_keeps_what_was_done(tmp_path):
    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roots([1.0, 4.0, 9.0, 16.0], tmp_path, progress=interrupt)
    task = Counted()
    roots([1.0, 4.0, 9.0, 16.0], tmp_path, task)
    assert task.asked == [16.0]


def test_slow_work_is_saved_before_a_chunk_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr("epitaxy.eval.resumable.run.SAVE_EVERY", 0.0)
    files = []
    roots([1.0, 4.0], tmp_path, progress=lambda *_: files.append(len(list(tmp_path.rglob("*.jsonl")))))
    assert files == [1, 2]


KILLED = """
import sys, time
from pathlib import Path
from epitaxy.eval.resumable import resume_map

def slow(n):
    with open(sys.argv[2], "a") as log:
        log.write(f"{n}\\n")
    time.sleep(0.02)
    return n * n

if __name__ == "__main__":
    items = list(range(60))
    outcomes = resume_map(slow, items, keys=[str(n) for n in items], name="square", cache=Path(sys.argv[1]),
                          chunk=8, workers=int(sys.argv[3]))
    print(sum(outcome.value for outcome in outcomes))
"""


@POSIX
@pytest.mark.parametrize("workers", [0, 1])
def test_killed_and_run_again(tmp_path, workers):
    """SIGKILL halfway; the second run gives the sum and repeats no more than a chunk and what was in hand."""
    script, log = tmp_path / "work.py", tmp_path / "log"
    script.write_text(KILLED)
    words = [sys.executable, str(script), str(tmp_path / "cache"), str(log), str(workers)]
    victim = subprocess.Popen(words, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not log.exists() or len(log.read_text().split()) < 30):
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    victim.communicate()
    time.sleep(
        1.0 if workers else 0.0
    )  # its worker process finishes the item in hand, finds nobody, and ends
    before = len(log.read_text().split())
    assert 30 <= before < 60
    second = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    assert int(second.stdout) == sum(n * n for n in range(60))
    asked = log.read_text().split()
    assert set(asked) == {str(n) for n in range(60)}
    in_hand = 60 // 8 if workers else 1
    assert len(asked) - 60 <= 8 + in_hand
    third = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    assert third.stdout == second.stdout
    assert len(log.read_text().split()) == len(asked)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"keys": ["a"]}, "2 items need as many keys, not 1"),
        ({"workers": -1}, "workers must be 0 or more"),
        ({"limit": 0.0}, "the limit positive"),
        ({"chunk": 0}, "chunk at least 1"),
        ({"name": "No/Name"}, "lower-case letters"),
    ],
)
def test_settings_without_meaning(tmp_path, wrong, says):
    words = {"keys": ["a", "b"], "name": "x", "cache": tmp_path} | wrong
    with pytest.raises(ValueError, match=says):
        resume_map(math.sqrt, [1.0, 2.0], **words)


def test_a_cache_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot hold a cache"):
        roots([1.0], tmp_path / "file")


def test_structure_keys_name_the_content(crystals, perovskite):
    keys = {structure_key(s) for s in crystals.values()} | {structure_key(None)}
    assert len(keys) == 4
    assert structure_key(perovskite.copy()) == structure_key(perovskite)
    assert structure_key(Structure.from_dict(perovskite.as_dict())) == structure_key(perovskite)
    moved = Structure(perovskite.lattice, perovskite.species, np.nextafter(perovskite.frac_coords, 1))
    assert structure_key(moved) != structure_key(perovskite)
    charged = perovskite.copy()
    charged.add_oxidation_state_by_element({"Sr": 2, "Ti": 4, "O": -2})
    assert structure_key(charged) != structure_key(perovskite)
    assert joint_key("a", "b") != joint_key("b", "a")
