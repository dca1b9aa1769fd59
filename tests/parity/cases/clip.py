"""CLIP's towers, beside Hugging Face's; the original's names are those of transformers' model, renamed and packed."""

import functools
import re

import numpy as np

from tests.parity import towers
from tests.parity.case import Case
from tests.parity.renamed import scaled

BLOCKS = {
    r"transformer\.resblocks": "encoder.layers",
    r"ln_1": "layer_norm1",
    r"ln_2": "layer_norm2",
    r"(?<!self_)attn\.": "self_attn.",
    r"mlp\.c_fc": "mlp.fc1",
    r"mlp\.c_proj": "mlp.fc2",
}
ORIGINAL = {
    r"^visual\.conv1": "vision_model.embeddings.patch_embedding",
    r"^visual\.class_embedding": "vision_model.embeddings.class_embedding",
    r"^visual\.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    r"^visual\.ln_pre": "vision_model.pre_layrnorm",
    r"^visual\.ln_post": "vision_model.post_layernorm",
    r"^visual\.proj$": "visual_projection.weight",
    r"^visual\.": "vision_model.",
    r"^transformer\.": "text_model.transformer.",
    r"^token_embedding": "text_model.embeddings.token_embedding",
    r"^positional_embedding": "text_model.embeddings.position_embedding.weight",
    r"^ln_final": "text_model.final_layer_norm",
    r"^text_projection$": "text_projection.weight",
}


def draw_original(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What transformers' model draws, under the original's names, which pack query, key and value, and turn the projections."""
    theirs = name
    for regex, text in (ORIGINAL | BLOCKS).items():
        theirs = re.sub(regex, text, theirs)
    if match := re.fullmatch(r"(.*self_attn\.)in_proj_(weight|bias)", theirs):
        one = (shape[0] // 3, *shape[1:])
        return np.concatenate([scaled(f"{match[1]}{part}_proj.{match[2]}", one) for part in "qkv"])
    turned = theirs != name and theirs.endswith("projection.weight")
    return scaled(theirs, shape[::-1]).T if turned else scaled(theirs, shape)


def _blocks(tower: str, depth: int) -> dict[str, str]:
    return {f"block{i:02}": f"{tower}_model.encoder.layers.{i}" for i in range(depth)}


IMAGE = "clip_image_base(width=128, depth=2, heads=2, patch=16, projection=48)"
TEXT = f"clip_text_base(width=64, depth=2, heads=1, mlp_dim=96, projection=48, positions={towers.TOKENS})"
_images = functools.partial(
    Case, model=IMAGE, build=towers.clip, stages={"embed": "vision_model.pre_layrnorm"} | _blocks("vision", 2), num_classes=0,
    call=towers.images_of, draw=scaled,
)  # fmt: skip
_texts = functools.partial(
    Case, model=TEXT, build=towers.clip, stages={"embed": "text_model.embeddings"} | _blocks("text", 2), num_classes=0,
    in_channels=towers.VOCABULARY, inputs=towers.texts, size=(towers.TOKENS,), call=towers.texts_of, draw=scaled,
)  # fmt: skip

CASES = (
    _images(label="clip_image_hf", family="clip_image_hf", reference="transformers CLIPModel"),
    _texts(label="clip_text_hf", family="clip_text_hf", reference="transformers CLIPModel"),
    _images(
        label="clip_image", family="clip_image", reference="transformers CLIPModel, its names the original's", draw=draw_original,
        training=False,
    ),
    _texts(
        label="clip_text", family="clip_text", reference="transformers CLIPModel, its names the original's", draw=draw_original,
        training=False,
    ),
    _images(
        label="clip_image_b32", family="clip_image_hf", reference="transformers CLIP ViT-B/32", model="clip_image_base", size=224,
        live=True,
        build=functools.partial(towers.clip, True), stages={"embed": "vision_model.pre_layrnorm"} | _blocks("vision", 12),
    ),
    _texts(
        label="clip_text_b32", family="clip_text_hf", reference="transformers CLIP ViT-B/32, texts", model="clip_text_base", size=(77,),
        live=True, in_channels=49408, build=towers.clip_text, stages={"embed": "text_model.embeddings"} | _blocks("text", 12),
        inputs=functools.partial(towers.texts, tokens=77, end=49407),
    ),
)  # fmt: skip
