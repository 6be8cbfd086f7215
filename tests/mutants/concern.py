"""Which tests concern which module: those named after it, and what this table adds, quick ones first."""

from fnmatch import fnmatch
from pathlib import Path

PACKAGES = ("flows", "models", "apps")
_UNTRIED = ("__init__.py", "errors.py", "names.py", "say.py")  # no more than names and words

_TABLE: dict[str, tuple[str, ...]] = {
    "flows/_bayesian.py": ("flows/test_parameters.py", "flows/test_gaussian.py", "flows/test_categorical.py"),
    "flows/_bins.py": ("flows/test_discretised.py", "flows/test_discretised_oracle.py"),
    "flows/_checks.py": ("flows/test_parameters.py", "flows/test_schedule.py", "flows/test_kinetic.py"),
    "flows/_classes.py": (
        "flows/test_categorical.py", "flows/test_absorbing.py", "flows/test_parameters.py",
    ),
    "flows/_quadrature.py": ("flows/test_schedule.py",),
    "flows/_random_walk.py": ("flows/test_resultant_law.py",),
    "flows/_reverse_steps.py": ("flows/test_variance_preserving.py", "flows/test_diffusion_oracle.py"),
    "flows/_rows.py": ("flows/test_rows.py", "flows/test_parameters.py", "flows/test_kinetic.py"),
    "flows/_roots.py": ("flows/test_resultant_law.py", "flows/test_schedule.py"),
    "flows/_samplers.py": ("flows/test_discretised.py", "flows/test_kinetic.py"),
    "flows/_summed_loss.py": ("flows/test_gaussian.py", "flows/test_pinned.py"),
    "flows/_time.py": ("flows/test_absorbing.py", "flows/test_codebook.py", "flows/test_parameters.py"),
    "flows/_types.py": ("flows/test_gaussian.py",),
    "flows/_wrapped.py": ("flows/test_pinned.py", "flows/test_mass_centred.py", "flows/test_inpainted.py"),
    "flows/_required.py": ("flows/test_limits.py",),
    "flows/absorbing.py": (
        "flows/test_exact_steps.py", "flows/test_parameters.py", "flows/test_diffusion_oracle.py",
        "flows/test_limits.py",
    ),
    "flows/categorical.py": (
        "flows/test_parameters.py", "flows/test_parametrisation_oracle.py", "flows/test_oracle.py",
        "flows/test_limits.py",
    ),
    "flows/circular.py": (
        "flows/test_circular_device.py", "flows/test_parameters.py", "flows/test_resultant_law.py",
        "flows/test_oracle.py",
    ),
    "flows/circular_messages.py": (
        "flows/test_circular.py", "flows/test_circular_device.py", "flows/test_circular_law.py",
        "flows/test_oracle.py",
    ),
    "flows/codebook.py": ("flows/test_parameters.py", "flows/test_limits.py"),
    "flows/discretised.py": (
        "flows/test_parameters.py", "flows/test_exact_steps.py", "flows/test_limits.py"
    ),
    "flows/gaussian.py": (
        "flows/test_parameters.py", "flows/test_parametrisation_oracle.py", "flows/test_oracle.py"
    ),
    "flows/kinetic*.py": (
        "flows/test_kinetic.py", "flows/test_exact_steps.py", "flows/test_parameters.py",
        "flows/test_diffusion_oracle.py",
    ),
    "flows/label_values.py": ("flows/test_limits.py",),
    "flows/mass_centred.py": ("flows/test_parameters.py",),
    "flows/product.py": ("flows/test_pinned.py", "flows/test_circular_device.py"),
    "flows/protocol.py": ("flows/test_pinned.py", "flows/test_mass_centred.py", "flows/test_kinetic.py"),
    "flows/schedules.py": ("flows/test_schedule.py", "flows/test_parameters.py", "flows/test_gaussian.py"),
    "flows/variance_preserving.py": (
        "flows/test_parameters.py", "flows/test_exact_steps.py", "flows/test_diffusion_oracle.py"
    ),
    "models/_egnn_*.py": ("models/test_egnn_edge_list.py", "models/test_egnn.py"),
    "models/egnn*.py": ("models/test_egnn_laws.py", "models/test_egnn_edge_list.py", "models/test_egnn.py"),
    "models/_messages.py": ("models/test_edge_block.py", "models/test_edge_list.py"),
    "models/_parts.py": (
        "models/test_cspnet.py", "models/test_egnn.py", "models/test_rotary_net.py",
        "models/test_molecule_transformer.py",
    ),
    "models/c*net.py": ("models/test_laws.py", "models/test_cspnet.py", "models/test_edge_list.py"),
    "models/csp_layer.py": ("models/test_cspnet.py", "models/test_edge_list.py", "models/test_laws.py"),
    "models/edge_*.py": ("models/test_edge_list.py",),
    "models/embeddings.py": ("models/test_features.py", "models/test_cspnet.py"),
    "models/gaussian_basis.py": ("models/test_molecule_net.py",),
    "models/lattice_views.py": ("models/test_cspnet.py", "models/test_edge_list.py"),
    "models/molecule_attention.py": ("models/test_molecule_transformer.py",),
    "models/multiplicity_embedding.py": ("models/test_multiplicity_embedding.py",),
    "models/copying_head.py": ("models/test_copying_head.py",),
    "models/orbit_net.py": ("models/test_wyckoff_net.py", "models/test_rotary_wyckoff_net.py"),
    "models/pair_features.py": ("models/test_features.py", "models/test_edge_list.py"),
    "models/rotary_*.py": (
        "models/test_rotary_net.py", "models/test_rotary_laws.py", "models/test_rotary_wyckoff_net.py",
    ),
    "models/widths.py": ("models/test_rotary_net.py", "models/test_molecule_transformer.py"),
    "apps/requests/capabilities.py": ("apps/test_search.py", "apps/test_cli.py"),
    "apps/cli/*.py": ("apps/test_cli.py",),
    "apps/cli/listings.py": ("apps/test_newcomers.py",),
    "apps/evaluation/*.py": ("apps/test_evaluation.py",),
    "apps/evaluation/molecule*.py": ("apps/test_molecules_page.py",),
    "apps/evaluation/comparison.py": ("apps/test_newcomers.py",),
    "apps/config/*.py": ("apps/test_config.py", "apps/test_paper_presets.py", "apps/test_composition.py"),
    "apps/report/*.py": ("apps/test_report.py", "apps/test_molecules_page.py"),
    "apps/*/model.py": ("../tests/invariance/test_company.py", "apps/test_composition.py"),
    "apps/generative/model.py": ("../tests/invariance/test_company.py", "apps/test_composition.py"),
    "apps/generative/conditioning.py": ("apps/test_composition.py",),
    "apps/crystals/model.py": (
        "../tests/invariance/test_losses.py", "../tests/oracle/test_one_crystal.py", "apps/test_mixed.py"
    ),
    "apps/*/options.py": ("apps/test_cli.py", "apps/test_elements.py"),
    "apps/*/requests.py": ("apps/test_sampling.py",),
    "apps/crystals/cells.py": ("apps/test_sampling.py", "apps/test_soundness.py"),
    "apps/foundation/assignments.py": ("apps/test_conditioning.py", "apps/test_config.py"),
    "apps/foundation/checks.py": ("apps/test_cli.py", "apps/test_safety.py"),
    "apps/foundation/messages.py": ("apps/test_cli.py",),
    "apps/generative/recipes.py": ("apps/test_config.py", "apps/test_paper_presets.py"),
    "apps/molecules/atoms.py": ("apps/test_geobfn.py", "apps/test_config.py"),
    "apps/requests/*.py": ("apps/test_sampling.py", "apps/test_elements.py", "apps/test_fix.py"),
    "apps/*/data.py": ("apps/test_training.py", "apps/test_starting.py"),
    "apps/asymmetric_units/data.py": ("apps/test_symmbfn.py",),
    "apps/*/trial.py": ("apps/test_selection.py",),
    "apps/*/kind.py": ("apps/test_composition.py", "apps/test_new_kind.py"),
    "apps/*/start.py": ("apps/test_like.py", "apps/test_fix.py", "apps/test_fix_orbits.py"),
    "apps/*/writing.py": ("apps/test_folder.py", "apps/test_molecules_page.py"),
    "apps/*/recipe.py": ("apps/test_config.py", "apps/test_paper_presets.py", "apps/test_composition.py"),
    "apps/crystals/presets/*.py": ("apps/test_paper_presets.py", "apps/test_config.py"),
    "apps/*/presets.py": ("apps/test_paper_presets.py", "apps/test_config.py"),
    "apps/generative/dataset.py": ("apps/test_training.py", "apps/test_sampling.py"),
    "apps/foundation/devices.py": ("apps/test_training.py", "apps/test_sampling.py"),
    "apps/discovery/relaxing.py": ("apps/test_search_relaxing.py",),
    "apps/discovery/*.py": ("apps/test_search_group.py", "apps/test_search.py"),
    "apps/generative/kind.py": ("apps/test_composition.py", "apps/test_safety.py"),
    "apps/foundation/folders.py": ("apps/test_cli.py", "apps/test_safety.py"),
    "apps/asymmetric_units/generator.py": ("apps/test_symmbfn.py",),
    "apps/molecules/generator.py": ("apps/test_geobfn.py",),
    "apps/crystals/generator.py": ("apps/test_sampling.py", "apps/test_soundness.py"),
    "apps/asymmetric_units/occupations.py": ("apps/test_symmbfn.py",),
    "apps/asymmetric_units/symmetry.py": ("apps/test_symmbfn.py",),
    "apps/asymmetric_units/k_form.py": (
        "apps/test_symmbfn.py", "apps/test_mixed.py", "apps/test_sampling.py"
    ),
    "apps/crystals/lattice_form.py": ("apps/test_mixed.py", "../tests/oracle/test_one_crystal.py"),
    "apps/sampling/generator.py": ("apps/test_sampling.py", "apps/test_safety.py"),
    "apps/loading.py": ("apps/test_newcomers.py",),
    "apps/asymmetric_units/pinned_cell.py": ("apps/test_config.py", "apps/test_symmbfn_csp.py"),
    "apps/generative/model_dir.py": ("apps/test_safety.py", "apps/test_sampling.py"),
    "apps/molecules/model.py": ("../tests/oracle/test_one_molecule.py", "apps/test_geobfn.py"),
    "apps/evaluation/predictions.py": ("apps/test_sampling.py", "apps/test_evaluation.py"),
    "apps/foundation/progress.py": ("apps/test_cli.py",),
    "apps/cli/quickstart.py": ("apps/test_cli.py",),
    "apps/sampling/*.py": ("apps/test_sampling.py", "apps/test_soundness.py"),
    "apps/sampling/generate.py": (
        "apps/test_composition.py", "../tests/oracle/test_one_crystal.py",
        "../tests/invariance/test_company.py",
    ),
    "apps/molecules/requests.py": ("../tests/oracle/test_one_molecule.py", "apps/test_geobfn.py"),
    "apps/asymmetric_units/requests.py": (
        "apps/test_symmbfn.py", "../tests/oracle/test_one_asymmetric_unit.py"
    ),
    "apps/sampling/writers.py": ("apps/test_folder.py",),
    "apps/evaluation/shortlist.py": ("apps/test_evaluation.py",),
    "apps/generative/constraints.py": ("apps/test_elements.py",),
    "apps/foundation/recipe_keys.py": ("apps/test_newcomers.py",),
    "apps/foundation/suggest.py": ("apps/test_config.py", "apps/test_cli.py"),
    "apps/training/*.py": ("apps/test_optimiser.py", "apps/test_composition.py", "apps/test_training.py"),
    "apps/training/c*.py": ("apps/test_safety.py", "apps/test_starting.py"),
    "apps/training/fine_tuning.py": ("apps/test_starting.py", "apps/test_mean.py"),
    "apps/training/fingerprint.py": ("apps/test_safety.py", "apps/test_fingerprint.py"),
    "apps/training/run.py": ("apps/test_safety.py", "apps/test_starting.py"),
    "apps/training/validation.py": ("apps/test_geobfn.py",),
    "apps/training/watch.py": ("apps/test_safety.py",),
    "apps/training/weight_transfer.py": ("apps/test_starting.py",),
    "apps/asymmetric_units/model.py": (
        "../tests/oracle/test_one_asymmetric_unit.py", "apps/test_symmbfn.py", "apps/test_fix_orbits.py"
    ),
}  # fmt: skip
"""A module of `packages/NAME/src/epitaxy/` -> files of `packages/NAME/tests/`, over all patterns that fit."""


def modules(root: Path, packages: tuple[str, ...] = PACKAGES) -> list[str]:
    """Return the modules that are mutated: all of the packages, without what is for tests itself."""
    found = [path for name in packages for path in (root / "packages" / name / "src").rglob("*.py")]
    kept = [path for path in found if path.name not in _UNTRIED and "testing" not in path.parts]
    return sorted(str(path.relative_to(root)) for path in kept)


def concerning(root: Path, module: str) -> list[str]:
    """Return the test files that concern a module, each once."""
    _, package, _, _, name = module.split("/", 4)
    own = sorted((root / "packages" / package / "tests").glob(f"test_{Path(module).stem}*.py"))
    named = [str(path.relative_to(root)) for path in own]
    told = [test for pattern, files in _TABLE.items() if fnmatch(name, pattern) for test in files]
    return list(dict.fromkeys([*named, *map(_path, told)]))


def _path(name: str) -> str:
    if name.startswith("../"):
        return name.removeprefix("../")
    package, file = name.split("/")
    return f"packages/{package}/tests/{file}"
