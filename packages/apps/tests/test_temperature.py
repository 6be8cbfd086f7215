"""A temperature asked for in sampling: by default the recipe's, and refused where there is none."""

import pytest

from epitaxy.apps import KLDM, CrysBFN, UsageError
from epitaxy.apps.sampling.generate import with_temperature
from epitaxy.flows import ProductFlow, Tempered


def drawn(temperature: float | None) -> list[object]:
    model = KLDM.load("kldm-perov-small")
    found = model.sample(formula="SrTiO3", num=2, steps=4, seed=0, temperature=temperature, device="cpu")
    return [crystal.frac_coords.tolist() for crystal in found]


def test_one_is_the_recipes_and_another_changes_what_is_drawn():
    assert drawn(None) == drawn(1.0)
    assert drawn(0.5) != drawn(1.0)


def test_every_flow_that_has_one_gets_it():
    flow = with_temperature(KLDM.load("kldm-perov-small").model.flow, 0.5)
    assert [f.temperature for f in flow.flows.values() if isinstance(f, Tempered)] == [0.5]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), 1e9])
def test_what_is_none_is_refused(temperature: float):
    with pytest.raises(UsageError, match="--temperature"):
        drawn(temperature)


def test_a_model_without_one_says_so():
    flow = CrysBFN.load("crysbfn-perov-small").model.flow
    circular = ProductFlow(flows={"positions": flow.flows["positions"]}, levels={"positions": "atom"})
    with pytest.raises(UsageError, match=r"--temperature 0\.5: no flow of this model has one"):
        with_temperature(circular, 0.5)
