import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import CrystalDataset, DataError, Statistics, Vocabulary
from epitaxy.data._statistics import count_units, weigh_units

ATOMIC_NUMBERS = st.sets(st.integers(1, 118), min_size=1).map(lambda s: tuple(sorted(s)))


@given(ATOMIC_NUMBERS, st.data())
def test_a_vocabulary_is_read_back(numbers, data):
    vocabulary = Vocabulary(numbers)
    atoms = torch.tensor(data.draw(st.lists(st.sampled_from(numbers), max_size=20)), dtype=torch.int64)
    index = vocabulary.encode(atoms)
    assert torch.equal(vocabulary.decode(index), atoms)
    assert all(0 <= i < len(vocabulary) for i in index.tolist())
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert Vocabulary.of(torch.tensor(numbers[::-1])) == vocabulary


@given(ATOMIC_NUMBERS, st.integers(1, 118))
def test_an_element_outside_is_named(numbers, other):
    vocabulary = Vocabulary(numbers)
    if other in numbers:
        return
    with pytest.raises(DataError, match="is outside the vocabulary"):
        vocabulary.encode(torch.tensor([numbers[0], other]))


def test_what_is_outside_is_said_in_symbols():
    with pytest.raises(DataError, match=r"^U, Z=119 is outside the vocabulary of 2 elements \(O Ti\)"):
        Vocabulary((8, 22)).encode(torch.tensor([92, 8, 119]))
    with pytest.raises(IndexError):
        Vocabulary((8, 22)).decode(torch.tensor([2]))


@pytest.mark.parametrize("numbers", [(), (2, 1), (1, 1), (0, 1), (1, 119)])
def test_what_is_no_vocabulary(numbers):
    with pytest.raises(ValueError):
        Vocabulary(numbers)


@pytest.mark.parametrize("text", ["{}", '["H"]', "[2, 1]", "nonsense"])
def test_what_is_no_vocabulary_in_json(text):
    with pytest.raises(ValueError):
        Vocabulary.from_json(text)


def small_dataset() -> CrystalDataset:
    return CrystalDataset(
        ids=("a", "b", "c"),
        counts=torch.tensor([1, 2, 2]),
        numbers=torch.tensor([6, 8, 22, 8, 6]),
        positions=torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
        lattice=torch.eye(3, dtype=torch.float64) * torch.tensor([2.0, 3.0, 4.0]).view(3, 1, 1),
        properties={"p": torch.tensor([1.0, math.nan, 3.0]), "unknown": torch.full((3,), math.nan)},
    )


def test_statistics_are_those_of_the_data():
    found = Statistics.of(small_dataset())
    assert found.crystals == 3
    assert found.atoms_per_cell == {1: 1, 2: 2}
    assert found.vocabulary.numbers == (6, 8, 22)
    assert found.lattice_scale == pytest.approx(math.sqrt((4 + 9 + 16) / 9))
    assert found.volume_per_atom == pytest.approx((8 + 13.5 + 32) / 3)
    assert set(found.properties) == {"p"}
    p = found.properties["p"]
    assert (p.known, p.mean, p.std, p.min, p.max) == (2, 2.0, 1.0, 1.0, 3.0)
    assert Statistics.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_statistics(text):
    with pytest.raises(DataError, match="compute them again"):
        Statistics.from_json(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crystals", None),
        ("crystals", {"x": [1]}),
        ("crystals", True),
        ("lattice_scale", None),
        ("lattice_scale", -1.0),
        ("lattice_scale", math.nan),
        ("volume_per_atom", "2"),
        ("volume_per_atom", [2.0]),
        ("atoms_per_cell", {"2": None}),
        ("properties", {"p": {"mean": math.inf}}),
        ("lengths", {"rest": [math.nan]}),
        ("vocabulary", None),
        ("formula_units", {"2": {"1": "many"}}),
    ],
)
def test_statistics_are_numbers(name, value):
    fields = json.loads(Statistics.of(small_dataset()).to_json()) | {name: value}
    with pytest.raises(DataError, match="compute them again"):
        Statistics.from_json(json.dumps(fields))


@given(st.dictionaries(st.integers(1, 20), st.integers(1, 50), min_size=1), st.integers(1, 12))
def test_units_are_tried_as_training_has_them_and_none_that_fits_is_left_out(units, size):
    """Cells of one kind of formula unit, each with one atom of an element and the rest of another."""
    cells = [
        {8: number * (size - 1), 22: number} if size > 1 else {22: number}
        for number, seen in units.items()
        for _ in range(seen)
    ]
    counted = count_units(cells)
    whole = {atoms: seen for number, seen in units.items() if (atoms := number * size)}
    if size > 1:
        assert counted == {size: dict(sorted(units.items()))}
    weights = weigh_units(size, whole, counted)
    assert set(weights) == set(units)
    known = counted.get(size, {})
    total = sum(weights.values())
    assert all(
        abs(weight / total - known.get(number, 0) / sum(known.values())) <= 1 / (1 + sum(known.values()))
        for number, weight in weights.items()
        if known
    )


def test_units_that_training_lacks_go_by_the_sizes_of_cells():
    assert weigh_units(5, {5: 3, 10: 1, 12: 7}, {4: {3: 7}}) == {1: 3, 2: 1}
    assert weigh_units(5, {5: 3, 10: 1, 12: 7}, None) == {1: 3, 2: 1}
    assert weigh_units(7, {5: 3}, None) == {}


def test_formula_units_are_counted_and_read_back_and_may_be_missing():
    statistics = Statistics.of(small_dataset())
    assert statistics.formula_units == {1: {1: 1}, 2: {1: 2}}
    assert Statistics.from_json(statistics.to_json()) == statistics
    fields = json.loads(statistics.to_json())
    del fields["formula_units"]
    old = Statistics.from_json(json.dumps(fields))
    assert old.formula_units is None
    assert old.units_of(2) == {1: 2}
