"""The same map on a Dask cluster of this machine: a nanny and its worker are processes of their own."""

import builtins
import math
import signal
import time

import pytest

from epitaxy.eval.resumable import Done, Failed, resume_map

distributed = pytest.importorskip("distributed")
POSIX = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs POSIX signals")


@pytest.fixture(scope="module")
def address():
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


def test_the_outcomes_are_those_of_this_process_and_are_kept_here(address, tmp_path):
    items = [float(n - 2) for n in range(100)]
    words = {"keys": [str(n) for n in range(100)], "name": "sqrt"}
    seen = []
    there = resume_map(
        math.sqrt, items, cache=tmp_path, workers=address, progress=lambda *s: seen.append(s), **words
    )
    assert there == resume_map(math.sqrt, items, **words)
    assert seen == [(n, 100) for n in range(1, 101)]
    assert resume_map(abs, items, cache=tmp_path, workers="tcp://127.0.0.1:1", **words) == there


@POSIX
def test_what_hangs_or_crashes_costs_only_itself_there_too(address):
    harmless, deadly = signal.SIGCONT, signal.SIGKILL
    items = [harmless] * 20 + [deadly] + [harmless] * 20
    keys = [str(n) for n in range(41)]
    outcomes = resume_map(signal.raise_signal, items, keys=keys, name="raise", workers=address)
    assert {n: o.kind for n, o in enumerate(outcomes) if isinstance(o, Failed)} == {20: "crash"}
    assert resume_map(time.sleep, [0, 60, 0], keys=["a", "b", "c"], name="s", workers=address, limit=0.3) == [
        Done(value=None),
        Failed(kind="time", reason="stopped after 0.3 s"),
        Done(value=None),
    ]
    with distributed.Client(address, set_as_default=False) as client:
        left = client.run(lambda: len(__import__("multiprocessing").active_children()))
    assert list(left.values()) == [0]


def test_a_task_that_cannot_be_read_there_says_so(address):
    with pytest.raises(RuntimeError, match=r"cannot run the task .*; install the same packages"):
        resume_map(NotThere(), [1.0], keys=["a"], name="x", workers=address)


class NotThere:
    """Pickles, but what its bytes name is not to be found."""

    def __reduce__(self):
        return math.sqrt, (-1.0,)

    def __call__(self, x: float) -> float:
        return x


def test_no_scheduler(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.resumable.cluster.CONNECT_LIMIT", 0.5)
    with pytest.raises(RuntimeError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1; start one"):
        resume_map(math.sqrt, [1.0], keys=["a"], name="x", workers="tcp://127.0.0.1:1")


def test_no_workers(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.resumable.cluster.CONNECT_LIMIT", 1.0)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        pytest.raises(RuntimeError, match="has no workers; start some with `dask worker"),
    ):
        resume_map(math.sqrt, [1.0], keys=["a"], name="x", workers=cluster.scheduler_address)


def test_without_dask_one_sentence_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "distributed":
            raise ImportError("No module named 'distributed'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install distributed"):
        resume_map(math.sqrt, [1.0], keys=["a"], name="x", workers="tcp://127.0.0.1:1")
