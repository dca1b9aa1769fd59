#!/usr/bin/env bash
# The embedded default, offline after installation: pretrain on digits, then compare strategies on a shifted target with few labels.
#   bash launch/local.sh [WORKDIR]        default runs/digits; a relative WORKDIR starts at the caller's folder
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "${1:-}" in
  "") workdir=$root/runs/digits ;;
  /*) workdir=$1 ;;
  *) workdir=$PWD/$1 ;;
esac
cd "$root"
bash launch/setup.sh
echo "local: 1 of 2, pretraining the source model"
.venv/bin/python -m experiments.pretrain --config=experiments/configs/digits.py:source --workdir="$workdir/source"
echo "local: 2 of 2, comparing strategies on the target"
.venv/bin/python -m experiments.compare --config=experiments/configs/digits.py --config.weights="$workdir/source" --workdir="$workdir"
echo "local: written to $workdir"
find "$workdir" -maxdepth 2 \( -name '*.md' -o -name '*.png' \) -not -path "$workdir/source/*" | sort
