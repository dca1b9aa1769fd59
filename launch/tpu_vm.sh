#!/usr/bin/env bash
# Fine-tunes on every worker of a TPU VM slice that stands already. Needs gcloud; sends the committed state of this repository (HEAD).
#   bash launch/tpu_vm.sh NAME ZONE --config=experiments/configs/mine.py --workdir=/mnt/shared/runs/mine
# The workdir must be a folder that every worker sees (Filestore, or a bucket mounted with gcsfuse). The same command resumes.
# The workers need Python 3.11 or newer; PYTHON names it: PYTHON=python3.12 bash launch/tpu_vm.sh ...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ $# -lt 3 ]]; then
  echo "tpu_vm: usage: bash launch/tpu_vm.sh NAME ZONE --config=... --workdir=..." >&2
  exit 2
fi
name=$1 zone=$2
shift 2
archive=$(mktemp -d)/tljax.tar.gz
trap 'rm -rf "$(dirname "$archive")"' EXIT
git archive --format=tar.gz -o "$archive" HEAD

echo "tpu_vm: copying $(git rev-parse --short HEAD) to the workers of $name"
gcloud compute tpus tpu-vm scp "$archive" "$name:tljax.tar.gz" --zone="$zone" --worker=all
# The archive is unpacked over the folder, so .venv stays and a second launch installs nothing.
remote="mkdir -p tljax && tar -xzf tljax.tar.gz -C tljax && cd tljax && ACCELERATOR=tpu PYTHON=$(printf '%q' "${PYTHON:-python3}") bash launch/setup.sh"
remote+=" && TLJAX_DISTRIBUTED=1 .venv/bin/python -m experiments.finetune$(printf ' %q' "$@")"
echo "tpu_vm: starting"
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all --command="$remote"
