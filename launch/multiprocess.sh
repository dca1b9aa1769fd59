#!/usr/bin/env bash
# Runs a program in N processes on this machine, joined by jax.distributed over loopback; one that fails ends the others.
#   bash launch/multiprocess.sh 2 python -m experiments.finetune --config=experiments/configs/digits.py --workdir=runs/two
# Relative paths start at the repository. Each process reads TLJAX_COORDINATOR, TLJAX_NUM_PROCESSES and TLJAX_PROCESS_ID.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ $# -lt 2 || ! "$1" =~ ^[1-9][0-9]*$ ]]; then
  echo "multiprocess: usage: bash launch/multiprocess.sh N PROGRAM ARGS..." >&2
  exit 2
fi
count=$1
shift
PATH=$PWD/.venv/bin:$PATH
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export TLJAX_COORDINATOR=127.0.0.1:$port TLJAX_NUM_PROCESSES=$count
export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu} # N processes cannot share one accelerator

pids=()
stop() { # stop SECONDS: TERM, and KILL for what has not ended by then
  kill -TERM "${pids[@]}" 2>/dev/null || true
  for ((tenth = 0; tenth < 10 * $1; tenth++)); do
    kill -0 "${pids[@]}" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "${pids[@]}" 2>/dev/null || true
}
trap 'stop 60; exit 143' TERM INT # time to save the state
for ((i = 0; i < count; i++)); do
  TLJAX_PROCESS_ID=$i "$@" &
  pids+=($!)
done
for ((i = 0; i < count; i++)); do
  status=0
  wait -n || status=$?
  if [[ "$status" -ne 0 ]]; then
    echo "multiprocess: a process ended with status $status; ending the others" >&2
    stop 5 # a collective save cannot end without the process that failed
    exit "$status"
  fi
done
