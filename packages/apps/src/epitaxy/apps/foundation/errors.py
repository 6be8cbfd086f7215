"""The two ways an application ends badly, each with one clear sentence."""


class UsageError(Exception):
    """The words were wrong: an unknown name, key or value. The command line exits with status 2."""


class WorkError(Exception):
    """The words were right and the work failed: a full disk, a corrupt file. Exit status 1."""
