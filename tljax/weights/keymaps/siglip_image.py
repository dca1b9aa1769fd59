"""SigLIP's image tower, named as in timm (``vit_base_patch16_siglip_224``)."""

from typing import Any

from tljax.models.siglip import SIZES
from tljax.weights.config import PretrainedConfig
from tljax.weights.keymap import IDENTITY, Keymap, Shapes, keymaps
from tljax.weights.keymaps.siglip_hf import HEADS
from tljax.weights.keymaps.vit import assumed
from tljax.weights.rules.layers import Rules, conv, layer_norm, linear, numbered
from tljax.weights.rules.vit import facts, fields, packed, settled, timm_block

_RULES: Rules = {
    r"pos_embed": ("params/backbone/embed/position", IDENTITY),
    **conv(r"patch_embed\.proj", "backbone/embed/proj", bias=True),
    **numbered("blocks", timm_block),
    **layer_norm("norm", "backbone/norm"),
    r"attn_pool\.latent": ("params/backbone/map/probe", IDENTITY),
    **linear(r"attn_pool\.q", "backbone/map/attention/query"),
    **packed(r"attn_pool\.kv", "backbone/map/attention", ("key", "value")),
    **linear(r"attn_pool\.proj", "backbone/map/attention/out"),
    **layer_norm(r"attn_pool\.norm", "backbone/map/norm"),
    **linear(r"attn_pool\.mlp\.fc1", "backbone/map/mlp/fc1"),
    **linear(r"attn_pool\.mlp\.fc2", "backbone/map/mlp/fc2"),
    **linear("head", "head"),
}


def _infer(shapes: Shapes) -> dict[str, Any]:
    if "attn_pool.latent" not in shapes:
        raise ValueError("it has no attn_pool.latent")
    found = facts(shapes, "patch_embed.proj.weight", "pos_embed", 0, r"blocks\.(\d+)\.", "blocks.0.mlp.fc1.weight")
    # timm's first SigLIP models have the exact GELU (its later ``gelu_tanh`` ones the same names)
    found |= {"heads": HEADS.get(found["width"], 0), "activation": "gelu"}
    return fields(shapes, tuple(f"siglip_image_{size}" for size in SIZES), found, "head.weight")


def _config(fields: dict[str, Any]) -> PretrainedConfig:
    said = (
        "names of timm's SigLIP; the heads of the published sizes and, as in timm, the exact GELU are assumed; inputs with mean = std ="
        " 0.5, a bicubic resize of which the centre is taken"
    )
    return assumed(fields, interpolation="bicubic", source=said)


@keymaps.register
def siglip_image() -> Keymap:
    """Zhai et al. 2023: patches without a class token, pooled by attention; timm keeps no text tower."""
    return Keymap("siglip_image", _RULES, _infer, _config, settle=settled)
