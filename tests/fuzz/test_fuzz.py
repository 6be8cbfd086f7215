"""Damaged files, in some 15 processor seconds: no traceback ever, and every input is soon done with.

`nox -s fuzz` does the same for as long as asked.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import TOKENS, damage, findings, inside, trial
from seeds import SEEDS

NUMBERED = 300
"""Inputs of the numbered sequence that `nox -s fuzz` continues."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPITAXY_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_read_without_damage(tmp_path, name):
    assert list(findings(tmp_path, name, SEEDS[name], prepared=True)) == []


def test_numbered_inputs_leave_no_traceback(tmp_path):
    found = [(number, finding) for number in range(1, NUMBERED + 1) for finding in trial(tmp_path, number)]
    assert found == []


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: repr(token[:20]))
def test_a_token_alone_is_no_file(tmp_path, token):
    for name in ("x.cif", "x.extxyz", "x.csv", "x.json"):
        assert list(findings(tmp_path, name, token)) == []


_SHARE = st.floats(0, 1, exclude_max=True)
_STEP = st.tuples(st.integers(0, 10), _SHARE, _SHARE, st.integers(0, len(TOKENS) - 1))
_STEPS = st.lists(_STEP, min_size=1, max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SEEDS)), steps=_STEPS, packed=st.booleans())
def test_damaged_files_leave_no_traceback(tmp_path, name, steps, packed):
    content = inside(name, steps) if packed else damage(SEEDS[name], steps)
    assert list(findings(tmp_path, name, content)) == []
