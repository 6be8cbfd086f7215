"""Any ASE calculator as a potential, by name."""

import importlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any, TypeAlias

from pymatgen.core.structure import Structure

from epitaxy.eval.stability.engine import energy_with, relax_with
from epitaxy.eval.stability.potential import Relaxed, RelaxSettings

Parameter: TypeAlias = tuple[str, bool | int | float | str]
Parameters: TypeAlias = tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsePotential:
    """An ASE calculator: one of ASE's own by name, or any class or function that returns one.

    Attributes:
        calculator: A name that ASE knows (``emt``, ``lj``), or ``package.module:Name``.
        parameters: Keyword arguments that it is made with.

    """

    calculator: str
    parameters: Parameters = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            ImportError: If ASE, or the module named, is not installed.
            ValueError: If there is no calculator of that name.

        """
        _factory(self.calculator)

    @property
    def name(self) -> str:
        """The calculator and its parameters."""
        words = ", ".join(f"{key}={value!r}" for key, value in self.parameters)
        prefix = "" if ":" in self.calculator else "ase:"
        return f"{prefix}{self.calculator}" + (f"({words})" if words else "")

    @property
    def method(self) -> str | None:
        """What its energies stand for: of ASE's own calculators themselves alone; else it is not known."""
        return None if ":" in self.calculator else self.name

    @property
    def version(self) -> str:
        """The versions of ASE and of the distribution of the module's name; ``unknown`` if there is none.

        Nothing tells two unknown ones apart: after a change to such a calculator, take another cache.
        """
        package = self.calculator.split(":")[0].split(".")[0] if ":" in self.calculator else "ase"
        names = dict.fromkeys(("ase", package))
        return ", ".join(f"{name} {_version(name)}" for name in names)

    def prepare(self) -> None:
        """Make the calculator. Raises as it does."""
        _build(self.calculator, self.parameters)

    def energy(self, structure: Structure) -> float:
        """Compute the energy per atom, eV. Raises as the calculator does."""
        try:
            return energy_with(_build(self.calculator, self.parameters), structure)
        except BaseException:
            _build.cache_clear()  # stopped halfway, a calculator may believe that it is done
            raise

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:
        """Relax atoms and cell. Raises as the calculator does."""
        try:
            return relax_with(_build(self.calculator, self.parameters), structure, settings)
        except BaseException:
            _build.cache_clear()
            raise


def require_ase() -> None:
    """Complain if ASE is missing.

    Raises:
        ImportError: If it is.

    """
    if find_spec("ase") is None:
        raise ImportError("relaxation needs ASE: pip install ase")


def _factory(calculator: str) -> Any:
    """Find what makes the calculator."""
    require_ase()
    if ":" not in calculator:
        from ase.calculators import calculator as known

        lookup: Any = known.get_calculator_class
        try:
            return lookup(calculator)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"ASE has no calculator {calculator!r}: give one it has (emt, lj) or package.module:Name"
            ) from error
    module, _, name = calculator.partition(":")
    factory = getattr(importlib.import_module(module), name, None)
    if not callable(factory):
        raise ValueError(f"{module} has no {name!r} that makes a calculator; write package.module:Name")
    return factory


@lru_cache(maxsize=4)
def _build(calculator: str, parameters: Parameters) -> Any:
    """Make the calculator once a process: some load weights."""
    return _factory(calculator)(**dict(parameters))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
