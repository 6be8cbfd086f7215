"""What is raised when data cannot be used, and what is said of one record that cannot."""


class DataError(Exception):
    """A whole file, dataset or request that cannot be used: one clear sentence, with its remedy."""


class UnusableRecordError(Exception):
    """One record that cannot be used; readers turn it into a `Reject` and go on with the rest."""
