"""RoBERTa (Liu et al. 2019): BERT with one segment, a larger vocabulary, and positions that begin behind the padding's."""

import functools

from tljax.models.create import backbones
from tljax.zoo.bert.model import bert

SIZES = {"roberta_base": (768, 12, 12), "roberta_large": (1024, 24, 16)}
"""Name -> width, depth, heads."""

for _name, (_width, _depth, _heads) in SIZES.items():
    _build = functools.partial(bert, width=_width, depth=_depth, heads=_heads, pool="mean", segments=1, positions=514, offset=2)
    backbones.register(_name)(functools.partial(_build, epsilon=1e-5, vocab_size=50265))
