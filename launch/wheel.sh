#!/usr/bin/env bash
# Builds sdist and wheel, installs the wheel in a fresh environment and runs the README's example there, outside the checkout, on the CPU.
#   bash launch/wheel.sh [FOLDER]             where sdist and wheel go; default dist
#   PYTHON=python3.12 bash launch/wheel.sh    another Python
set -euo pipefail
case "${1:-dist}" in
  /*) dist=$1 ;;
  *) dist=$PWD/${1:-dist} ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
constraints=$root/constraints-py312.txt
[[ "$("$python" -c 'import sys; print(sys.version_info.minor)')" -gt 11 ]] || constraints=$root/constraints-py311.txt
export PIP_CONSTRAINT=$constraints PIP_DISABLE_PIP_VERSION_CHECK=1 # pip hands both on to the build's own environment
unset PYTHONPATH

# Git's list of files: what earlier builds left in the checkout stays out.
mkdir "$work/source"
cd "$root"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [[ ! -e "$file" ]] || printf '%s\0' "$file"; done |
  tar --null --files-from=- --create | tar --extract --directory="$work/source"

cd "$work"
echo "wheel: building sdist and wheel"
"$python" -m venv builder
builder/bin/python -m pip install -q build
builder/bin/python -m build --outdir "$work/built" source >build.log 2>&1 || {
  cat build.log >&2
  exit 1
}
wheel=$(echo built/*.whl)
packages=$("$python" -m zipfile --list "$wheel" | awk 'NR > 1 {sub("/.*", "", $1); print $1}' | grep -v '\.dist-info$' | sort -u)
[[ "$packages" == tljax ]] || {
  echo "wheel: $wheel holds ${packages//$'\n'/, }; tljax alone is expected" >&2
  exit 1
}

echo "wheel: installing $(basename "$wheel") in a fresh environment (a minute or two)"
"$python" -m venv fresh
fresh/bin/python -m pip install -q "$wheel"
fresh/bin/python -m pip check

echo "wheel: running the README's example"
mkdir example
cp "$root/README.md" "$root/launch/readme_example.py" .
cd example
JAX_PLATFORMS=cpu "$work/fresh/bin/python" -I ../readme_example.py ../README.md

mkdir -p "$dist"
cp "$work"/built/* "$dist"
echo "wheel: written to $dist"
