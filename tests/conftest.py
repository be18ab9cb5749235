"""Settings that every test shares: no deadlines, since machines are noisy and kernels compile on first use."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("corpusmill", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", settings.get_profile("corpusmill"), max_examples=15)
settings.load_profile("corpusmill")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named by their argument: a packed file holds the time, so that two processes would collect tests of different names."""
    return argname if isinstance(val, bytes) else None
