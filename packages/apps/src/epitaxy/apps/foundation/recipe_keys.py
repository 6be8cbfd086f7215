"""The keys that recipes have, for ``--set``; the recipes, which know them too, are heavy to ask.

A test holds them against the recipes. What depends on a ``kind`` is here for all kinds.
"""

from collections.abc import Mapping

from epitaxy.apps.foundation.names import ModelName

_ALL = {
    "": "conditioning dataset format model network positions sampling task training weights",
    "conditioning": "hide properties",
    "network": "expansion heads hidden kind layers time_dim",
    "positions": "grid kind loss parametrisation sampler temperature",
    "sampling": "batch_size final_call steps",
    "training": (
        "accumulate amsgrad averaging bank_refresh batch_size checkpoint_steps "
        "gradient_clip keep learning_rate optimiser passes recover schedule seed selection "
        "times validate_every validation_crystals weight_decay"
    ),
    "training.schedule": "cooldown factor kind minimum patience shape warmup_steps",
    "training.selection": "every steps structures",
    "training.times": "kind mean std",
    "weights": "positions",
}

_CRYSTALS = {
    "": "lattice lattice_form species",
    "conditioning": "hide_elements",
    "lattice": (
        "beta_high beta_low clamp grid kind loss parametrisation prediction sampler sigma1 t_min temperature"
    ),
    "lattice_form": "angle_scale kind",
    "network": "frequencies position_head property_dim time_embedding",
    "sampling": "composition_guidance guided_from guided_until",
    "positions": "corrector_step draw final_concentration horizon initial_velocity",
    "species": (
        "beta1 beta_high beta_low clip final grid guess kind loss parametrisation prediction "
        "reads remasking sampler scale schedule temperature"
    ),
    "weights": "lattice species",
}

_ASYMMETRIC_UNITS = {
    "": "lattice lattice_form species symmetry symprec",
    "lattice": (
        "beta_high beta_low clamp grid kind loss parametrisation prediction sampler sigma1 t_min temperature"
    ),
    "lattice_form": "kind standardised",
    "network": "aggregation composition copies embedding frequencies multiplicities residual_noise",
    "positions": "clamp sigma1 t_min wrapped",
    "species": (
        "beta1 final grid guess kind loss parametrisation reads remasking sampler schedule temperature"
    ),
    "symmetry": "beta1 final grid guess kind loss parametrisation reads sampler temperature",
    "weights": "lattice species symmetry",
}

_MOLECULES = {
    "": "atoms hydrogens position_scale",
    "atoms": "beta1 guess kind sigma1 t_min temperature",
    "network": "attention equivariance property_dim radial reach tanh time",
    "positions": "clamp sigma1 t_min",
    "weights": "charges types",
}


def _dotted(*parts: Mapping[str, str]) -> frozenset[str]:
    """Return ``a``, ``a.b`` and ``a.c`` of ``{"": "a", "a": "b c"}``."""
    return frozenset(
        f"{section}.{key}".removeprefix(".")
        for part in parts
        for section, keys in part.items()
        for key in keys.split()
    )


_CRYSTAL_KEYS = _dotted(_ALL, _CRYSTALS)

RECIPE_KEYS: Mapping[ModelName, frozenset[str]] = {
    "crysbfn": _CRYSTAL_KEYS,
    "kldm": _CRYSTAL_KEYS,
    "symmbfn": _dotted(_ALL, _ASYMMETRIC_UNITS),
    "geobfn": _dotted(_ALL, _MOLECULES),
}
"""By model; one from outside is not among them."""
