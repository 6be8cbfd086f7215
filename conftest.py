"""Test settings shared by every package: hypothesis profiles and the real-data switch."""

import os

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs data or a device that is not here, and say why."""
    without_data = pytest.mark.skip(reason="EPITAXY_DATA is not set: no real data here")
    for item in items:
        if "real_data" in item.keywords and not os.environ.get("EPITAXY_DATA"):
            item.add_marker(without_data)
        if "gpu" in item.keywords:
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
