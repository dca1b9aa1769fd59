#!/usr/bin/env bash
# Compares models of full size with their reference implementations, both filled with the same drawn weights, on the CPU.
#   bash launch/parity.sh                        one of every kind, then the round trips into torch
#   bash launch/parity.sh all                    every one
#   bash launch/parity.sh resnet50_full ...      some, by label (tests/parity/cases)
# The references live in an environment of their own, .venv-parity.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash launch/setup.sh parity
export JAX_PLATFORMS=cpu KERAS_BACKEND=jax
.venv-parity/bin/python -m tests.parity.live "$@"
if (($# == 0)); then
  .venv-parity/bin/python -m tests.parity.roundtrip
fi
