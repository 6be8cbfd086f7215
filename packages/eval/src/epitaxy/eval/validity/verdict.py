"""What a validity rule answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Validity:
    """A verdict and, when it is negative, why.

    A verdict is true exactly when it is valid, so ``if structural_validity(structure): ...`` reads as it
    should.

    Attributes:
        valid: The verdict.
        reason: One clause for a person; None exactly when valid.

    """

    valid: bool
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.valid == (self.reason is not None):
            raise ValueError("a negative verdict needs a reason, a positive one has none")

    def __bool__(self) -> bool:
        return self.valid


VALID = Validity(True)


def invalid(reason: str) -> Validity:
    """Make a negative verdict with its reason."""
    return Validity(False, reason)
