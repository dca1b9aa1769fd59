"""One absl program per job, run as ``python -m experiments.finetune --config=... --workdir=...``."""
