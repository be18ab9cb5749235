"""Settings that every test shares: no deadlines, since machines are noisy and kernels compile on first use."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("corpusmill", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", settings.get_profile("corpusmill"), max_examples=15)
settings.load_profile("corpusmill")
