"""The tolerances and failure rates of all tests, named in one place."""

from enum import Enum

import torch
from torch import Tensor

# The probability with which a statistical test may fail although everything is right (its seed is fixed all
# the same), and the deviation in standard errors beyond which a normal variable is with a smaller probability
# (2e-9).
FAILURE_RATE = 1e-6
SIGMAS = 6.0


class Tolerance(Enum):
    """How far apart two results may be: (relative, absolute).

    EXACT is for results that differ by a few roundings, LOOSE for those of longer or worse conditioned
    computations.
    """

    EXACT32 = (2e-6, 2e-6)
    EXACT64 = (1e-14, 1e-14)
    LOOSE32 = (1e-3, 1e-4)
    LOOSE64 = (1e-9, 1e-10)

    @property
    def rtol(self) -> float:
        """Relative to the expected value."""
        return self.value[0]

    @property
    def atol(self) -> float:
        """Absolute."""
        return self.value[1]

    @classmethod
    def exact(cls, dtype: torch.dtype) -> "Tolerance":
        """Choose by dtype."""
        return cls.EXACT64 if dtype == torch.float64 else cls.EXACT32

    @classmethod
    def loose(cls, dtype: torch.dtype) -> "Tolerance":
        """Choose by dtype."""
        return cls.LOOSE64 if dtype == torch.float64 else cls.LOOSE32

    def assert_close(self, actual: Tensor, expected: Tensor) -> None:
        """Assert equal shapes and dtypes, and values equal within the tolerance."""
        torch.testing.assert_close(actual, expected, rtol=self.rtol, atol=self.atol)
