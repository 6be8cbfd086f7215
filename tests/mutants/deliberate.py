"""The deliberate errors that once lived: each is made again in a copy, and the test that sees it is named.

``nox -s mutants -- --deliberate``, or ``python tests/mutants/deliberate.py [WORD ...]`` for those whose name
has a word. A mutation run draws places at random; these are the ones that may never come to life again.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from concern import concerning
from judging import copied

ROOT = Path(__file__).parents[2]
_APPS = "packages/apps/src/epitaxy/apps/"
_FLOWS = "packages/flows/src/epitaxy/flows/"
_STEPS = "packages/flows/tests/test_exact_steps.py"
_PYTEST = ("-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow and not gpu")


@dataclass(frozen=True, slots=True)
class Error:
    """A text of a module, and what it is made to be."""

    name: str
    module: str
    right: str
    wrong: str
    first: str = ""
    """The test file, of those that concern the module, that is run before the others."""


ERRORS = (
    Error("loss weights of positions and lattice swapped", _APPS + "crystals/recipe.py",
          '{"positions": self.weights.positions, "lattice": self.weights.lattice,',
          '{"positions": self.weights.lattice, "lattice": self.weights.positions,'),
    Error("loss weights swapped where they are added up", _APPS + "generative/model.py",
          "for name, loss in losses.items()]).sum()",
          "for name, loss in zip(reversed(list(losses)), losses.values())]).sum()"),
    Error("SymmBFN's paper weights", _APPS + "asymmetric_units/presets.py",
          "WyckoffWeights(positions=1.0, lattice=0.1, species=3.0, symmetry=10.0)",
          "WyckoffWeights(positions=1.0, lattice=0.1, species=10.0, symmetry=3.0)"),
    Error("GeoBFN's paper weights", _APPS + "molecules/presets.py",
          "weights=MoleculeWeights(),", "weights=MoleculeWeights(charges=2.0),"),
    Error("GeoBFN's averaging", _APPS + "molecules/presets.py", "averaging=0.9999,", "averaging=0.999,"),
    Error("GeoBFN's amsgrad", _APPS + "molecules/presets.py", "amsgrad=True,", "amsgrad=False,"),
    Error("GeoBFN's decay", _APPS + "molecules/presets.py", "weight_decay=1e-12,", "weight_decay=1e-2,"),
    Error("AdamW without amsgrad", _APPS + "training/optimiser.py",
          "amsgrad=training.amsgrad,", "amsgrad=False,"),
    Error("AdamW with its own decay", _APPS + "training/optimiser.py",
          "        weight_decay=training.weight_decay,\n        amsgrad", "        amsgrad"),
    Error("averaged weights inverted", _APPS + "training/averaging.py",
          "1 - min(self.decay, (1 + n) / (10 + n))", "min(self.decay, (1 + n) / (10 + n))"),
    Error("validation on raw weights", _APPS + "training/module.py",
          "self.model.network, self.model.flow = self.validated, self.validation_flow",
          "self.model.flow = self.validation_flow"),
    Error("losses not divided by their components", _APPS + "generative/model.py",
          "loss.mean() / self.components[name]", "loss.mean()"),
    Error("targets not standardised when sampling", _APPS + "generative/conditioning.py",
          "return standardise(targets, self.names, self.known, like), guidance",
          "return torch.stack([c.float() for c in targets.values()], dim=1).to(like.device), guidance"),
    Error("properties never hidden in training", _APPS + "generative/conditioning.py",
          "return hide(standardise(values, self.names, self.known, like), self.config.hide, source)",
          "return standardise(values, self.names, self.known, like)"),
    Error("elements never hidden in training", _APPS + "crystals/model.py",
          "if share and self.training:", "if False:"),
    Error("elements hidden in validation too", _APPS + "crystals/model.py",
          "if share and self.training:", "if share:"),
    Error("training's times uniform whatever the recipe says", _APPS + "training/module.py",
          "self.model.recipe.training.times if purpose == _TRAIN else UniformTimes()", "UniformTimes()"),
    Error("the bank never refreshed", _APPS + "training/module.py",
          "        self.model.flow.refresh(step // self.model.recipe.training.bank_refresh)\n", ""),
    Error("guidance of the wrong sign", _APPS + "generative/conditioning.py",
          "value + weight * (value - without[name])", "value - weight * (value - without[name])"),
    Error("guidance of the wrong sign from the request on", _APPS + "generative/conditioning.py",
          "strengths = [request.guidance", "strengths = [-request.guidance"),
    Error("the corrector's heat", _FLOWS + "kinetic.py",
          "(-math.expm1(-2 * eta) / precision).sqrt()", "(-math.expm1(-eta) / precision).sqrt()",
          _STEPS),
    Error("the corrector's precision without lambda", _FLOWS + "kinetic.py",
          "precision = at.velocity_std.square().reciprocal() + of_pull",
          "precision = at.velocity_std.square().reciprocal()",
          _STEPS),
    Error("the prior's velocity, 5 % more", _FLOWS + "kinetic_process.py",
          "velocity=std * self._normal(like, source)", "velocity=1.05 * std * self._normal(like, source)",
          _STEPS),
    Error("the probability flow's gain, 2 % more", _FLOWS + "kinetic.py",
          "growth * state.velocity + gain * score", "growth * state.velocity + 1.02 * gain * score",
          _STEPS),
    Error("2 h for expm1(2 h)", _FLOWS + "kinetic.py",
          "torch.expm1(2 * h).sqrt()", "(2 * h).sqrt()",
          _STEPS),
    Error("the least discretised sigma", _FLOWS + "discretised.py", "(1e-6, 4.0)", "(1e-2, 4.0)",
          _STEPS),
    Error("the largest discretised sigma", _FLOWS + "discretised.py", "(1e-6, 4.0)", "(1e-6, 2.0)",
          _STEPS),
)  # fmt: skip


@contextmanager
def made(error: Error, copy: Path) -> Iterator[None]:
    """Put an error into a copy of the repository.

    Raises:
        ValueError: if the module has not the text, or twice.

    """
    path = copy / error.module
    source = path.read_text()
    if source.count(error.right) != 1:
        raise ValueError(f"{error.module} has {source.count(error.right)} times {error.right!r}")
    path.write_text(source.replace(error.right, error.wrong))
    try:
        yield
    finally:
        path.write_text(source)


def killer(error: Error, copy: Path) -> str | None:
    """Return the first test that fails with an error made; None if none of those that concern it does."""
    folders = os.pathsep.join(str(path) for path in sorted(copy.glob("packages/*/src")))
    here = {**os.environ, "PYTHONPATH": folders, "PYTHONDONTWRITEBYTECODE": "1"}
    here.pop("EPITAXY_DATA", None)
    tests = sorted(concerning(copy, error.module), key=lambda name: name != error.first)
    words = [sys.executable, "-m", "pytest", *_PYTEST, *tests]
    with made(error, copy):
        run = subprocess.run(words, cwd=copy, env=here, capture_output=True, text=True, check=False)
    ends = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    failed = [line.split(" - ")[0] for line in ends]
    if run.returncode not in (0, 1) or bool(failed) != bool(run.returncode):
        raise ValueError(f"pytest ended with {run.returncode}:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return failed[0].removeprefix("FAILED ") if failed else None


def main(words: Sequence[str]) -> int:
    """Make each error whose name has one of the words, or all; 1 if one lives."""
    living = 0
    with tempfile.TemporaryDirectory(prefix="epitaxy-errors-") as folder:
        copy = copied(ROOT, Path(folder).resolve())
        for error in ERRORS:
            if words and not any(word in error.name for word in words):
                continue
            found = killer(error, copy)
            living += found is None
            print(f"{error.name}: {found or 'LIVES'}", flush=True)
    return 1 if living else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
