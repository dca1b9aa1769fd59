"""Model families, one folder each: `model` builds its backbones, `keymaps` reads its checkpoints, `published` lists weights."""
