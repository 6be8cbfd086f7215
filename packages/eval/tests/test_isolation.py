"""Tasks are from the standard library: a worker process must be able to import them, and tests it cannot."""

import math
import signal
import time

import pytest

from epitaxy.eval.isolation import Done, Failed, map_isolated
from epitaxy.eval.isolation.time_limit import TimeLimitReached, time_limit

POSIX = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs POSIX signals")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_outcomes_in_order_and_progress(workers):
    seen = []
    items = [float(n * n) for n in range(100)]
    outcomes = map_isolated(math.sqrt, items, workers=workers, progress=lambda *step: seen.append(step))
    assert outcomes == [Done(value=float(n)) for n in range(100)]
    assert seen == [(n, 100) for n in range(1, 101)]


def picky(word):
    raise {"refused": ValueError("it is refused"), "silent": ValueError(), "lost": KeyError("a")}[word]


def test_an_error_costs_only_itself():
    """A refusal is a sentence of its own; what else is raised says of which kind it is."""
    one, bad, two = map_isolated(math.sqrt, [1.0, -1.0, 4.0])
    assert (one, two) == (Done(value=1.0), Done(value=2.0))
    assert bad.kind == "error"
    assert not bad.reason.startswith("ValueError")
    refused, silent, lost = map_isolated(picky, ["refused", "silent", "lost"])
    assert [outcome.reason for outcome in (refused, silent, lost)] == [
        "it is refused",
        "ValueError: ",
        "KeyError: 'a'",
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_slow_item_costs_only_itself(workers):
    outcomes = map_isolated(time.sleep, [0, 60, 0], workers=workers, limit=0.3)
    assert outcomes == [Done(value=None), Failed(kind="time", reason="stopped after 0.3 s"), Done(value=None)]


@POSIX
def test_a_worker_that_dies_or_freezes_costs_one_item(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.isolation.worker.GRACE", 0.3)
    harmless, deadly, freezing = signal.SIGCONT, signal.SIGKILL, signal.SIGSTOP
    items = [harmless] * 3 + [deadly] + [harmless] * 30 + [freezing] + [harmless] * 3
    outcomes = map_isolated(signal.raise_signal, items, workers=2, limit=0.3)
    failed = {n: outcome.kind for n, outcome in enumerate(outcomes) if isinstance(outcome, Failed)}
    assert failed == {3: "crash", 34: "time"}


def test_what_cannot_be_unpickled_costs_only_itself():
    outcomes = map_isolated(repr, [1, Unreadable(), 2], workers=1)
    assert [type(outcome) for outcome in outcomes] == [Done, Failed, Done]


class Unreadable:
    """Pickles, but its bytes raise when they are read."""

    def __reduce__(self):
        return math.sqrt, (-1.0,)


def test_nothing_to_do():
    assert map_isolated(math.sqrt, [], workers=2) == []


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"limit": 0.0}, {"limit": -1.0}])
def test_settings_without_meaning(wrong):
    with pytest.raises(ValueError, match="workers must be 0 or more and the limit positive"):
        map_isolated(math.sqrt, [1.0], **wrong)


@POSIX
def test_time_limit_leaves_no_timer_and_no_handler():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeLimitReached), time_limit(0.05):
        time.sleep(60)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("workers", [0, 1])
def test_processor_time_counts_and_the_wall_clock_does_not(workers):
    """The first item takes a second of the wall clock and a fifth of it of processor time."""
    patient = (
        "import time\n"
        "end = time.process_time() + 0.2\n"
        "while time.process_time() < end:\n"
        "    time.sleep(0.004)\n"
        "    stop = time.process_time() + 0.001\n"
        "    while time.process_time() < stop: pass"
    )
    outcomes = map_isolated(exec, [patient, "while True: pass"], workers=workers, limit=0.5)
    assert outcomes == [
        Done(value=None),
        Failed(kind="time", reason="stopped after 0.5 s of processor time"),
    ]


def test_compiled_code_that_never_returns_is_ended_with_its_worker(monkeypatch):
    monkeypatch.setattr("epitaxy.eval.isolation.worker.GRACE", 0.3)
    bad, good = map_isolated(exec, ["sum(range(10**12))", "1"], workers=1, limit=0.3)
    assert bad.kind == "time"
    assert bad.reason.startswith("stopped after 0.3 s of processor time together with its worker process")
    assert good == Done(value=None)


def test_a_lost_worker_is_tried_once_more(tmp_path):
    seen_file = f"r'{tmp_path}/seen'"
    once = f"import os\nif not os.path.exists({seen_file}):\n    open({seen_file}, 'w'); os._exit(1)"
    always = "import os; os._exit(1)"
    seen = []
    outcomes = map_isolated(
        exec, [once, "1", always, "1"], workers=2, progress=lambda *step: seen.append(step)
    )
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Failed, Done]
    assert outcomes[2].kind == "crash"
    assert seen == [(n, 4) for n in range(1, 5)]
