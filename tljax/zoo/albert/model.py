"""ALBERT (Lan et al. 2020): BERT with narrow word embeddings, and one block whose parameters all layers share."""

import functools
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from tljax.models.create import backbones
from tljax.models.transfer import Backbone, Batch, stage
from tljax.zoo.bert.model import POOLS, Block, Embed, Pooler, check, check_tokens, inputs

SIZES = {"albert_base": (768, 12, 12), "albert_large": (1024, 24, 16), "albert_xlarge": (2048, 24, 16), "albert_xxlarge": (4096, 12, 64)}
"""Name -> width, depth, heads (table 1 of the paper; heads as published)."""


class Blocks(nn.Module):
    """One block of BERT, run `depth` times; it is one stage, since a part of it cannot be frozen without the rest."""

    depth: int
    heads: int
    mlp_dim: int
    activation: str
    dropout: float
    epsilon: float
    dtype: Any

    def setup(self) -> None:
        self.shared = Block(
            heads=self.heads,
            mlp_dim=self.mlp_dim,
            activation=self.activation,
            dropout=self.dropout,
            epsilon=self.epsilon,
            dtype=self.dtype,
        )
        nn.share_scope(self, self.shared)  # parameters attention/..., fc1/..., not shared/attention/...

    def __call__(self, batch: Batch, *, train: bool, batch_stats_in: bool) -> Batch:
        for _ in range(self.depth):
            batch = self.shared(batch, train=train, batch_stats_in=batch_stats_in)
        return batch


@backbones.register
def albert(
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    mlp_dim: int = 0,
    embedding: int = 128,
    pool: str = "pooler",
    activation: str = "gelu_tanh",
    dropout: float = 0.0,
    epsilon: float = 1e-12,
    segments: int = 2,
    positions: int = 512,
    vocab_size: int = 30000,
    input_size: tuple[int, ...] = (128,),
    dtype: str = "float32",
) -> Backbone:
    """Stages ``embed``, ``blocks`` and, for the pool ``pooler``, ``pooler``; arguments, batches and errors as of `bert`.

    `embedding` is the width of the word embeddings, which a linear layer takes to `width`.
    """
    check(width=width, heads=heads, depth=depth, pool=pool, activation=activation, dropout=dropout)
    check_tokens(vocab_size, room=positions, input_size=input_size)
    compute = jnp.dtype(dtype)
    layout = (
        stage(
            "embed",
            Embed,
            vocab_size=vocab_size,
            width=embedding,
            positions=positions,
            offset=0,
            segments=segments,
            dropout=dropout,
            epsilon=epsilon,
            dtype=compute,
            project=width,
        ),
        stage(
            "blocks",
            Blocks,
            depth=depth,
            heads=heads,
            mlp_dim=mlp_dim or 4 * width,
            activation=activation,
            dropout=dropout,
            epsilon=epsilon,
            dtype=compute,
        ),
        *((stage("pooler", Pooler, dtype=compute),) if pool == "pooler" else ()),
    )
    return Backbone(layout, inputs=inputs(input_size[0], segments), pool=POOLS[pool])


for _name, (_width, _depth, _heads) in SIZES.items():
    backbones.register(_name)(functools.partial(albert, width=_width, depth=_depth, heads=_heads))
