"""A published ALBERT with a masked-language head, trained on molecules; skipped where TLJAX_DATA does not lead to it."""

import csv
import os
from pathlib import Path

import jax
import numpy as np
import pytest

from tljax import data, weights
from tljax.data import tokenizer

ROOT = os.environ.get("TLJAX_DATA")
LENGTH = 40


@pytest.mark.skipif(not ROOT, reason="TLJAX_DATA names no folder with the published weights")
def test_it_opens_from_its_folder_alone_and_knows_the_atoms_that_are_masked():
    opened = weights.open(Path(ROOT) / "weights" / "albert_smiles_rxnmapper", input_size=(LENGTH,))
    assert opened.config.head == "masked_lm" and not opened.report.new
    assert opened.config.model == "albert(width=256, heads=8, mlp_dim=512, pool='mean', activation='gelu')"
    with open(Path(ROOT) / "archives" / "esol_delaney.csv", newline="") as file:
        molecules = [row["smiles"].strip() for row in csv.DictReader(file)][::40]
    vocabulary, host = tokenizer.read(opened.config.tokenizer), data.on_host(opened.config)
    carbon, mask, unknown = (vocabulary.token_to_id(t) for t in ("C", "[MASK]", "[UNK]"))
    rows = [host({"x": molecule}) for molecule in molecules if len(vocabulary.encode(molecule).ids) <= LENGTH]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    assert (batch["x"] != unknown).all() and "".join(vocabulary.encode(molecules[0]).tokens[1:-1]) == molecules[0]
    run = jax.jit(opened.model.apply, compiler_options={"xla_backend_optimization_level": 0})
    right = common = count = 0
    ends = batch["mask"].sum(1) - 1
    for place in range(1, LENGTH, 3):  # every third token, one at a time
        inside = place < ends
        masked = batch["x"].copy()
        masked[:, place] = mask
        guess = np.asarray(run(opened.variables, batch | {"x": masked}).logits)[:, place].argmax(-1)
        right += (guess == batch["x"][:, place])[inside].sum()
        common += (batch["x"][:, place] == carbon)[inside].sum()
        count += inside.sum()
    # of the masked tokens of all molecules .81 (always "C": .23); the sample leaves a standard error of .04
    assert count > 80 and right / count > 0.7 > 0.4 > common / count
