#!/usr/bin/env bash
# Lints, checks types, builds the documentation and tests, on the CPU.
#   bash launch/test.sh [PYTEST ARGUMENTS]        e.g. bash launch/test.sh tests/weights -k truncated
#   PYTHON=python3.12 bash launch/test.sh         another Python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash launch/setup.sh test
export JAX_PLATFORMS=cpu
echo "test: ruff check"
.venv/bin/ruff check .
echo "test: ruff format --check"
.venv/bin/ruff format --check .
echo "test: mypy"
.venv/bin/python -m mypy
echo "test: mkdocs build --strict"
NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict # into site/; a broken link or a missing reference is an error
echo "test: pytest"
exec .venv/bin/python -m pytest -n "${TLJAX_TEST_WORKERS:-2}" "$@"
