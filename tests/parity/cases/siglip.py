"""SigLIP's towers, beside Hugging Face's; the image tower beside timm's too."""

import functools

import numpy as np

from tests.parity import towers
from tests.parity.case import Case
from tests.parity.cases.vit import SMALL, in_timm, timm_model
from tests.parity.renamed import scaled


def _whole(count: int) -> dict[str, np.ndarray]:
    return {"x": towers.texts(count)["x"]}


def _blocks(tower: str, depth: int) -> dict[str, str]:
    return {f"block{i:02}": f"{tower}_model.encoder.layers.{i}" for i in range(depth)}


_timm = functools.partial(timm_model, "vit_base_patch16_siglip_224", **(SMALL | {"num_classes": 0}))
_images = functools.partial(Case, num_classes=0, draw=scaled)

CASES = (
    _images(
        label="siglip_image_hf", family="siglip_image_hf", model="siglip_image_base(width=128, depth=2, heads=2)", call=towers.images_of,
        build=towers.siglip, reference="transformers SiglipModel",
        stages=_blocks("vision", 2) | {"norm": "vision_model.post_layernorm", "map": "vision_model.head"},
    ),
    _images(
        label="siglip_text_hf", family="siglip_text_hf", reference="transformers SiglipModel", build=towers.siglip, inputs=_whole,
        model=f"siglip_text_base(width=128, depth=2, heads=2, mlp_dim=96, projection=128, positions={towers.TOKENS})", call=towers.texts_of,
        stages={"embed": "text_model.embeddings"} | _blocks("text", 2) | {"norm": "text_model.final_layer_norm"}, size=(towers.TOKENS,),
        in_channels=towers.VOCABULARY,
    ),
    _images(
        label="siglip_image", family="siglip_image", model="siglip_image_base(width=64, depth=2, heads=2, activation='gelu')",
        build=_timm, reference="timm SigLIP", stages=in_timm(2) | {"map": "attn_pool"},
    ),
    _images(
        label="siglip_image_b16", family="siglip_image_hf", model="siglip_image_base", call=towers.images_of, size=224, live=True,
        build=functools.partial(towers.siglip, True), reference="transformers SigLIP B/16",
        stages=_blocks("vision", 12) | {"norm": "vision_model.post_layernorm", "map": "vision_model.head"},
    ),
)  # fmt: skip
