"""Every test runs on the CPU, hypothesis without deadlines, and what one process compiled no other compiles again."""

import os
import shutil
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Set for the processes that tests start, too. A folder of its own for each run: the parent of xdist's workers names it.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["TLJAX_TEST_COMPILED"] = tempfile.mkdtemp(prefix="tljax-compiled-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

import hypothesis

hypothesis.settings.register_profile("tljax", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tljax")


def pytest_unconfigure(config):
    """Remove the compiled programs when the parent process ends; a folder that the user named is theirs."""
    if not hasattr(config, "workerinput") and "TLJAX_TEST_COMPILED" in os.environ:
        shutil.rmtree(os.environ["TLJAX_TEST_COMPILED"], ignore_errors=True)
