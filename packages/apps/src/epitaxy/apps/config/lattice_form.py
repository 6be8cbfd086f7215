"""Which numbers stand for a lattice."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from epitaxy.apps.config.base import Config


class MatrixFormConfig(Config):
    """The nine entries of the lattice matrix over their root mean square (DiffCSP, CrysBFN).

    The root mean square is the training split's: 3.879 angstrom for mp_20, where CrysBFN's configuration has
    3.866, and 2.400 for perov_5, where it has 1.961, the deviation of the entries from their mean over all
    splits. Perov-5's lattices are so 0.82 of the published size in the flow's units, at the same noise.
    """

    kind: Literal["matrix"] = "matrix"


class ParameterFormConfig(Config):
    """Six numbers that no rotation changes: log lengths and tangents of angles (EquiCSP, KLDM).

    Log lengths are standardised by the training cells with the same number of atoms
    (``epitaxy.data.CellLengths`` says what happens where there are few); tan(angle - 90 degrees) is divided
    by ``angle_scale``.
    """

    kind: Literal["parameters"] = "parameters"
    angle_scale: PositiveFloat = 0.35


class KVectorFormConfig(Config):
    """k1 ... k6, the logarithm of the cell's polar form; a space group fixes some (SymmBFN, table 1).

    Standardised, each component has mean 0 and deviation 1 over the training cells in which it is free, as
    the flow's prior has; the published runs take the numbers as they are, of which k6 is about 2.
    """

    kind: Literal["k_vector"] = "k_vector"
    standardised: bool = True


LatticeFormConfig = Annotated[MatrixFormConfig | ParameterFormConfig, Field(discriminator="kind")]
