"""Every value of every ``paper`` preset, with where it comes from, as one table.

A row is (key, value, source). "App. C" and the like are the model's own paper; "code" is what its authors
published: CrysBFN's e94bc87 (2025-07-03), KLDM's frcnt/kldm (2026-01-29), GeoBFN's AlgoMole/GeoBFN
(2024-06-04), SymmBFN's aimat-lab/symmbfn (2026-05). A source that begins with "departs" says what the
published value is and why ours is another; "ours" is a choice that no paper speaks of, because it changes no
law of the model: how often to look and to save, seeds, sizes of batches when sampling; "unsaid" one that the
paper leaves open. A new key needs a row.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.recipes import preset

Table = list[tuple[str, Any, str]]

OURS: Table = [
    ("format", 1, "ours: version of recipe.json"),
    ("training.checkpoint_steps", 200, "ours: steps that a killed run loses at most"),
    ("training.bank_refresh", 20, "ours: the published code draws every message afresh"),
    ("training.validation_crystals", None, "ours: all of the split, as CrysBFN's code"),
    ("training.optimiser", "adamw", "App. C, I.3, A.3, B"),
    ("training.accumulate", 1, "ours: parts of a step's batch"),
    ("training.keep", "last", "ours: the published runs keep the best; training.keep=best does"),
    ("training.selection.every", 5, "ours: validations between two rounds of training.keep=sampled"),
    ("training.selection.structures", 128, "ours: samples a round"),
    ("training.selection.steps", 50, "ours: network evaluations a sample"),
    ("training.times.kind", "uniform", "every paper"),
    ("training.recover", 0, "ours: how often a run goes back when its loss runs away"),
    ("sampling.final_call", False, "departs: GeoBFN's and SymmBFN's codes ask once more at t = 1"),
    ("training.seed", 0, "ours: unseeded in CrysBFN's code, 42 in KLDM's"),
]

CRYSBFN: Table = [
    ("network.property_dim", 128, "ours: without effect where there are none"),
    ("conditioning.properties", (), "no paper's: none"),
    ("conditioning.hide", 0.1, "ours: without effect where there are none"),
    ("conditioning.hide_elements", 0.0, "ours: none are hidden"),
    ("sampling.composition_guidance", 0.0, "ours: none"),
    ("sampling.guided_from", 0.0, "ours: unused"),
    ("sampling.guided_until", 1.0, "ours: unused"),
    ("network.kind", "cspnet", "App. C"),
    ("network.hidden", 512, "App. C"),
    ("network.layers", 6, "App. C"),
    ("network.frequencies", 128, "App. C"),
    ("network.time_dim", 128, "code"),
    ("network.time_embedding", "sinusoidal", "code"),
    ("network.position_head", "linear", "code, as DiffCSP"),
    ("positions.kind", "circular_bfn", "Sec. 4.1"),
    ("positions.final_concentration", 1000.0, "App. C: beta1 = 1000 on every dataset"),
    ("positions.loss", "squared", "code: the default flag; the paper's 1 - cos is switched off"),
    ("positions.sampler", "end_back", "code: the only one of its de novo model; Alg. 2 is 'bayes'"),
    ("positions.draw", "bank", "ours: the law of Eq. 15 at a constant cost a draw"),
    ("lattice.kind", "gaussian_bfn", "Sec. 4.2"),
    ("lattice.sigma1", math.sqrt(0.001), "App. C: sigma1^2 = 0.001"),
    ("lattice.loss", "discrete", "Eq. 21"),
    ("lattice.sampler", "end_back", "code"),
    ("lattice.parametrisation", "data", "code: pred_mean"),
    ("lattice.t_min", 0.0, "code: none"),
    ("lattice.clamp", None, "code: none"),
    ("lattice.temperature", 1.0, "none: the learned law itself"),
    ("lattice_form.kind", "matrix", "Sec. 4.2: L over one standard deviation"),
    ("species.kind", "categorical_bfn", "Sec. 4.2"),
    ("species.loss", "continuous", "code: never Eq. 24, its key is looked up in the wrong place"),
    ("species.sampler", "end_back", "code"),
    ("species.guess", None, "code: soft probabilities with end_back"),
    ("species.final", "sampled", "code"),
    ("species.reads", "probabilities", "code: 2 theta - 1"),
    ("species.parametrisation", "data", "code: logits"),
    ("species.temperature", 1.0, "code: none"),
    ("weights.positions", 0.05, "App. C: 5e-2 for every loss; 1 in the code"),
    ("weights.lattice", 0.05, "App. C"),
    ("weights.species", 0.05, "App. C"),
    ("loss_weights.positions", 0.05, "App. C"),
    ("loss_weights.lattice", 0.05, "App. C"),
    ("loss_weights.species", 0.05, "App. C"),
    ("training.learning_rate", 1e-3, "App. C"),
    ("training.weight_decay", 0.0, "code"),
    ("training.amsgrad", False, "App. C: AdamW, nothing more said"),
    ("training.schedule.kind", "plateau", "App. C"),
    ("training.schedule.factor", 0.6, "App. C"),
    ("training.schedule.patience", 100, "App. C, passes"),
    ("training.schedule.minimum", 1e-4, "App. C"),
    ("training.gradient_clip", None, "code: use_queue_clip is off"),
    ("training.averaging", None, "code: 0.995 after step 1500, and never used"),
    ("training.validate_every", 8, "code"),
    ("sampling.batch_size", 256, "ours"),
]  # fmt: skip
CRYSBFN_DATA: Mapping[str, Table] = {
    "perov_5": [
        ("training.passes", 4000, "App. C"), ("training.batch_size", 1024, "code"),
        ("positions.grid", 1000, "code"), ("species.beta1", 3.0, "App. C"),
    ],
    "carbon_24": [
        ("training.passes", 5000, "App. C"), ("training.batch_size", 512, "code"),
        ("positions.grid", 1000, "code"), ("species.beta1", 0.4, "unsaid: one element, MP-20's"),
    ],
    "mp_20": [
        ("training.passes", 1500, "App. C"), ("training.batch_size", 256, "code"),
        ("positions.grid", 1000, "code"), ("species.beta1", 0.4, "App. C; 0.5 in the code"),
    ],
    "mpts_52": [
        ("training.passes", 1000, "App. C"), ("training.batch_size", 128, "code"),
        ("positions.grid", 200, "code"), ("species.beta1", 0.4, "unsaid: csp only, MP-20's"),
    ],
}  # fmt: skip

KLDM: Table = [
    ("network.property_dim", 128, "ours: without effect where there are none"),
    ("conditioning.properties", (), "no paper's: none"),
    ("conditioning.hide", 0.1, "ours: without effect where there are none"),
    ("conditioning.hide_elements", 0.0, "ours: none are hidden"),
    ("sampling.composition_guidance", 0.0, "ours: none"),
    ("sampling.guided_from", 0.0, "ours: unused"),
    ("sampling.guided_until", 1.0, "ours: unused"),
    ("network.kind", "cspnet", "App. I.2"),
    ("network.hidden", 512, "App. I.2"),
    ("network.frequencies", 128, "code"),
    ("network.time_dim", 256, "App. I.2"),
    ("network.time_embedding", "gaussian", "code: 128 random frequencies; App. I.2 says sinusoidal"),
    ("network.position_head", "two_layer", "App. I.2"),
    ("positions.kind", "kinetic", "Sec. 3"),
    ("positions.horizon", 2.0, "App. I.3: T = 2"),
    ("positions.initial_velocity", 0.0, "code: v0 = 0"),
    ("positions.parametrisation", "simplified", "Sec. 3.2, Eq. 19"),
    ("positions.loss", "wrapped", "code: the target is of the wrapped normal, 13 images"),
    ("positions.sampler", "published_pc", "code: corrector, then predictor, at one time, 2 of T a step"),
    ("positions.corrector_step", 0.25, "code: tau"),
    ("positions.temperature", 1.0, "none: the learned law itself"),
    ("lattice.kind", "variance_preserving", "Sec. 3.3"),
    ("lattice.beta_low", 0.1, "code: beta(t) = 0.1 + 19.9 t; App. I.3 says linear"),
    ("lattice.beta_high", 20.0, "code"),
    ("lattice.prediction", "x0", "table 1: KLDM-x0, and the code's only configuration"),
    ("lattice.sampler", "published_pc", "code: the lattice too is corrected"),
    ("lattice_form.kind", "parameters", "App. I.2, as EquiCSP"),
    ("lattice_form.angle_scale", 0.35, "code"),
    ("species.kind", "absorbing", "Sec. 4.2: 'D', one of its three variants"),
    ("species.schedule", "linear", "code"),
    ("species.loss", "elbo", "code"),
    ("species.sampler", "ancestral", "code"),
    ("species.reads", "labels", "code: the mask is one more label"),
    ("species.remasking", 0.0, "code: what shows stays"),
    ("species.temperature", 1.0, "code: none"),
    ("weights.positions", 1.0, "App. I.2"),
    ("weights.lattice", 1.0, "App. I.2"),
    ("weights.species", None, "the flow's own, below"),
    ("loss_weights.positions", 1.0, "App. I.2; the code halves the sum, which AdamW does not see"),
    ("loss_weights.lattice", 1.0, "App. I.2"),
    ("loss_weights.species", 0.33, "App. I.2, of 'D'"),
    ("training.learning_rate", 1e-3, "App. I.3: AdamW's default, and the code's"),
    ("training.weight_decay", 1e-12, "code; App. I.3 says PyTorch's default"),
    ("training.amsgrad", True, "code; App. I.3 says PyTorch's default"),
    ("training.gradient_clip", None, "App. I.3"),
    ("training.averaging", 0.999, "code, from pass 500 on; departs: here from the start, warmed up"),
    ("training.schedule.kind", "plateau", "departs: none; patience is as long as the run"),
    ("training.schedule.factor", 0.6, "without effect"),
    ("training.schedule.minimum", 1e-4, "without effect"),
    ("training.validate_every", 8, "ours: every 100 in the code, by sampling"),
    ("sampling.steps", 1000, "code"),
    ("sampling.batch_size", 256, "ours"),
]  # fmt: skip
_PASSES = "departs: until validation's match rate falls, App. I.3; these are CrysBFN's"
KLDM_DATA: Mapping[str, Table] = {
    "perov_5": [
        ("training.passes", 4000, _PASSES), ("training.schedule.patience", 4000, "the whole run"),
        ("training.batch_size", 1024, "table 6"), ("network.layers", 4, "App. I.2"),
    ],
    "carbon_24": [
        ("training.passes", 5000, _PASSES), ("training.schedule.patience", 5000, "the whole run"),
        ("training.batch_size", 256, "table 6"), ("network.layers", 6, "App. I.2"),
    ],
    "mp_20": [
        ("training.passes", 1500, _PASSES), ("training.schedule.patience", 1500, "the whole run"),
        ("training.batch_size", 256, "table 6"), ("network.layers", 6, "App. I.2"),
    ],
    "mpts_52": [
        ("training.passes", 1000, _PASSES), ("training.schedule.patience", 1000, "the whole run"),
        ("training.batch_size", 256, "table 6"), ("network.layers", 6, "App. I.2"),
    ],
}  # fmt: skip

_NOISE = "Eq. 14: the network predicts noise"
SYMMBFN: Table = [
    ("network.kind", "wyckoffnet", "App. A.3"),
    ("network.hidden", 512, "App. A.3"),
    ("network.layers", 6, "App. A.3"),
    ("network.frequencies", 128, "App. A.3: 'the same configuration as' DiffCSP"),
    ("network.embedding", 128, "App. A.3"),
    ("network.time_dim", 128, "App. A.3: the embedding dimension"),
    ("network.aggregation", "mean", "departs: Eq. 25 writes a sum; DiffCSP's network, its base, has a mean"),
    ("network.copies", False, "App. A.3: a head on each orbit's features"),
    ("network.multiplicities", False, "App. A.3: of site symmetries, what is predicted and no more"),
    ("network.composition", False, "App. A.3: nothing of the crystal's composition as a whole"),
    ("network.residual_noise", False, "departs: Eq. 26 and the code add mu to the noise"),
    ("positions.kind", "gaussian_bfn", "Sec. 3.1"),
    ("positions.sigma1", 0.02, "App. A.3"),
    ("positions.grid", None, "Eq. 13: continuous time"),
    ("positions.loss", "continuous", "Eq. 13"),
    ("positions.sampler", "bayes", "Sec. 3.1"),
    ("positions.parametrisation", "noise", _NOISE),
    ("positions.t_min", 1e-4, "unsaid: the loss diverges without; GeoBFN's"),
    ("positions.clamp", None, "unsaid; 10 in the code"),
    ("positions.temperature", 1.0, "Sec. 2.2: none"),
    ("positions.wrapped", False, "Sec. 3.1 wraps estimates alone; the code wraps the mean too"),
    ("lattice.kind", "gaussian_bfn", "Sec. 3.1"),
    ("lattice.sigma1", 0.02, "App. A.3"),
    ("lattice.grid", None, "Eq. 13"),
    ("lattice.loss", "continuous", "Eq. 13"),
    ("lattice.sampler", "bayes", "Sec. 3.1"),
    ("lattice.parametrisation", "noise", _NOISE),
    ("lattice.t_min", 1e-4, "unsaid: as for positions"),
    ("lattice.clamp", None, "unsaid; 10 in the code"),
    ("lattice.temperature", 1.0, "Sec. 2.2: none"),
    ("lattice_form.kind", "k_vector", "table 1"),
    ("lattice_form.standardised", False, "table 1: k as it is"),
    *(
        row
        for field, beta1 in (("species", 0.75), ("symmetry", 2.0))
        for row in (
            (f"{field}.kind", "categorical_bfn", "Sec. 2.2"),
            (f"{field}.beta1", beta1, "App. A.3; 0.25 and 2.5 in the code"),
            (f"{field}.grid", None, "Eq. 22: continuous time"),
            (f"{field}.loss", "continuous", "Eq. 22"),
            (f"{field}.sampler", "bayes", "Sec. 2.2"),
            (f"{field}.guess", "sampled", "Sec. 2.2: 'sampling' from the output distribution"),
            (f"{field}.final", "sampled", "Sec. 2.2: 'drawn'"),
            (f"{field}.reads", "probabilities", "Sec. 2.2: theta"),
            (f"{field}.parametrisation", "data", "Eq. 22: logits"),
            (f"{field}.temperature", 1.0, "Sec. 2.2: none"),
        )
    ),
    ("conditioning.properties", (), "Sec. 4.1: none"),
    ("conditioning.hide", 0.1, "ours: without effect where there are none"),
    ("weights.positions", 1.0, "App. A.3: lambda_x"),
    ("weights.symmetry", 10.0, "App. A.3: lambda_S"),
    ("weights.species", 3.0, "App. A.3: lambda_a"),
    ("weights.lattice", 0.1, "App. A.3: lambda_k"),
    ("loss_weights.positions", 1.0, "App. A.3"),
    ("loss_weights.symmetry", 10.0, "App. A.3"),
    ("loss_weights.species", 3.0, "App. A.3"),
    ("loss_weights.lattice", 0.1, "App. A.3"),
    ("symprec", 0.1, "code of SymmCD, whose data this is"),
    ("training.passes", 2000, "App. A.3"),
    ("training.batch_size", 256, "App. A.3"),
    ("training.learning_rate", 1e-3, "App. A.3"),
    ("training.weight_decay", 0.0, "App. A.3: Adam, which AdamW is without decay"),
    ("training.amsgrad", False, "App. A.3: Adam's default"),
    ("training.schedule.kind", "plateau", "App. A.3"),
    ("training.schedule.factor", 0.6, "App. A.3"),
    ("training.schedule.patience", 100, "App. A.3"),
    ("training.schedule.minimum", 1e-4, "App. A.3"),
    ("training.gradient_clip", None, "unsaid"),
    ("training.averaging", None, "unsaid"),
    ("training.validate_every", 8, "ours: as CrysBFN's code"),
    ("sampling.steps", 100, "tables 2 and 3"),
    ("sampling.batch_size", 256, "Sec. 4"),
]  # fmt: skip

GEOBFN: Table = [
    ("network.kind", "moleculenet", "Sec. 3.2"),
    ("network.hidden", 256, "App. B"),
    ("network.equivariance", "E(3)", "code; the paper says SE(3)"),
    ("network.attention", False, "code"),
    ("network.tanh", False, "code"),
    ("network.time", "value", "code: the time itself is a feature"),
    ("network.time_dim", 32, "ours: without effect on 'value'"),
    ("network.property_dim", 32, "ours: without effect where there are none"),
    ("position_scale", 2.0, "code: positions in units of 2 angstrom"),
    ("positions.kind", "gaussian_bfn", "Sec. 3.2"),
    ("positions.sigma1", 0.001, "code"),
    ("positions.grid", None, "Eq. 19: continuous time"),
    ("positions.loss", "continuous", "Eq. 19"),
    ("positions.sampler", "bayes", "Alg. 2"),
    ("positions.parametrisation", "noise", "Eq. 14"),
    ("positions.t_min", 1e-4, "code"),
    ("positions.clamp", 10.0, "code"),
    ("positions.temperature", 1.0, "code: none"),
    ("atoms.kind", "discretised_basis", "table 3: the best of five"),
    ("atoms.sigma1", 0.15, "code"),
    ("atoms.beta1", 2.0, "code: given, and without effect without types"),
    ("atoms.guess", "published", "Eq. 21"),
    ("atoms.t_min", 1e-4, "code"),
    ("atoms.temperature", 1.0, "code: none"),
    ("conditioning.properties", (), "table 1: none"),
    ("conditioning.hide", 0.1, "ours: without effect where there are none"),
    ("weights.positions", 3.0, "code: 1 for the sum over the three axes, whose mean ours is"),
    ("weights.charges", 1.0, "code: 1"),
    ("weights.types", 1.0, "Eq. 19: 1; without effect without types"),
    ("loss_weights.positions", 3.0, "code"),
    ("loss_weights.charges", 1.0, "code"),
    ("loss_weights.types", 1.0, "Eq. 19"),
    ("hydrogens", True, "Sec. 4.1"),
    ("training.batch_size", 64, "App. B"),
    ("training.learning_rate", 1e-4, "App. B: constant"),
    ("training.weight_decay", 1e-12, "code: AdamW; the paper says Adam"),
    ("training.amsgrad", True, "code"),
    ("training.averaging", 0.9999, "code"),
    ("training.gradient_clip", 2.0, "departs: 1.5 means + 2 deviations of the last 3000 norms"),
    ("training.schedule.kind", "plateau", "departs: none; patience is as long as the run"),
    ("training.schedule.factor", 0.6, "without effect"),
    ("training.schedule.minimum", 1e-4, "without effect: the rate itself"),
    ("sampling.steps", 1000, "tables 1 and 3"),
    ("sampling.batch_size", 64, "ours"),
]  # fmt: skip
GEOBFN_DATA: Mapping[str, Table] = {
    "qm9": [
        ("network.layers", 9, "App. B"), ("training.passes", 3000, "code; App. B says about 2000"),
        ("training.schedule.patience", 3000, "the whole run"), ("training.validate_every", 20, "code"),
    ],
    "geom_drugs": [
        ("network.layers", 4, "App. B"), ("training.passes", 20, "App. B"),
        ("training.schedule.patience", 20, "the whole run"), ("training.validate_every", 1, "ours"),
    ],
}  # fmt: skip

TABLES: list[tuple[ModelName, str, Table]] = [
    *(("crysbfn", name, CRYSBFN + rows) for name, rows in CRYSBFN_DATA.items()),  # type: ignore[list-item]  # a literal
    *(("kldm", name, KLDM + rows) for name, rows in KLDM_DATA.items()),  # type: ignore[list-item]  # a literal
    ("symmbfn", "mp_20", SYMMBFN),
    *(("geobfn", name, GEOBFN + rows) for name, rows in GEOBFN_DATA.items()),  # type: ignore[list-item]  # a literal
]


def flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def rows_of(model: ModelName, dataset: str) -> dict[str, Any]:
    recipe = preset("paper", model=model, task="dng", dataset=dataset)
    found = dict(flat(recipe.model_dump())) | {f"loss_weights.{k}": v for k, v in recipe.loss_weights.items()}
    assert (found.pop("model"), found.pop("task"), found.pop("dataset")) == (model, "dng", dataset)
    if model == "crysbfn":  # one grid for all, and as many steps: said once
        grid = found["positions.grid"]
        assert {found.pop(key) for key in ("lattice.grid", "species.grid", "sampling.steps")} == {grid}
    return found


@pytest.mark.parametrize(("model", "dataset", "table"), TABLES, ids=lambda value: str(value)[:12])
def test_the_paper_preset_is_the_table(model: ModelName, dataset: str, table: Table) -> None:
    table = OURS + table
    expected = {key: value for key, value, _ in table}
    assert len(expected) == len(table)
    assert all(source for _, _, source in table)
    found = rows_of(model, dataset)
    assert sorted(found) == sorted(expected), "a key without a row in the table, or the other way round"
    for key, value in expected.items():
        assert found[key] == value and type(found[key]) is type(value), key  # noqa: PT018 - one thing: which key


@pytest.mark.parametrize("model", ["crysbfn", "kldm"])
@pytest.mark.parametrize("dataset", [*CRYSBFN_DATA, "perov_5_unique", "mine.csv"])
def test_predicting_structures_differs_by_the_species_alone(model: ModelName, dataset: str) -> None:
    """And a dataset that the papers have not gets MP-20's numbers, one without duplicates its own."""
    known = dataset.removesuffix("_unique") if dataset != "mine.csv" else "mp_20"
    csp = preset("paper", model=model, task="csp", dataset=dataset).model_dump()
    dng = preset("paper", model=model, task="dng", dataset=known).model_dump()
    assert csp.pop("species") is None
    dng.pop("species")
    assert csp | {"task": "dng", "dataset": known} == dng


def test_symmbfn_predicting_structures_differs_by_the_labels_alone() -> None:
    csp, dng = (
        preset("paper", model="symmbfn", task=t, dataset="mp_20").model_dump() for t in ("csp", "dng")
    )
    assert csp.pop("species") is csp.pop("symmetry") is None
    assert dng.pop("species")["beta1"] == 0.75
    dng.pop("symmetry")
    assert csp | {"task": "dng"} == dng


def test_symmbfn_has_one_paper_preset_whatever_the_data() -> None:
    one, other = (preset("paper", model="symmbfn", task="dng", dataset=d) for d in ("mp_20", "mpts_52"))
    assert one.model_dump() | {"dataset": ""} == other.model_dump() | {"dataset": ""}
