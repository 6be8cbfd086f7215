"""Settings of the package's tests, also where they run alone."""

import pytest
from hypothesis import settings

settings.register_profile("patient", settings(deadline=None))
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    # The shape hook picks the item of a container that it checks by `random`; no result depends on it.
    config.addinivalue_line("filterwarnings", "ignore:Do not use the `random` module inside strategies")
