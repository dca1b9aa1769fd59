"""CLIP and SigLIP as transformers builds them, tiny or whole, and the texts that their text towers read."""

from typing import Any

import numpy as np

VOCABULARY, TOKENS, END = 99, 12, 98

IMAGE = {
    "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
}  # fmt: skip
TEXT = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1, "vocab_size": VOCABULARY,
    "max_position_embeddings": TOKENS, "eos_token_id": END, "bos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip


def clip(whole: bool = False) -> Any:
    """transformers' ``CLIPModel``; the whole one is ViT-B/32."""
    import transformers

    sizes = {} if whole else {"vision_config": IMAGE, "text_config": TEXT, "projection_dim": 48}
    return transformers.CLIPModel(transformers.CLIPConfig(**sizes))


def clip_text() -> Any:
    """transformers' text tower of CLIP ViT-B/32 alone."""
    import transformers

    return transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig())


def siglip(whole: bool = False) -> Any:
    """transformers' ``SiglipModel``; the whole one is B/16 at 224 pixels."""
    import transformers

    sizes = {} if whole else {"vision_config": IMAGE, "text_config": TEXT | {"hidden_size": 128, "num_attention_heads": 2}}
    return transformers.SiglipModel(transformers.SiglipConfig(**sizes))


def texts(count: int, tokens: int = TOKENS, end: int = END) -> dict[str, np.ndarray]:
    """Tokens that end with `end`, of several lengths, and the mask of the real ones; padding has the id 0."""
    r = np.random.default_rng(7)
    lengths = r.integers(3, tokens + 1, count)
    mask = (np.arange(tokens) < lengths[:, None]).astype(np.int32)
    ids = np.where(mask, r.integers(2, end, (count, tokens)), 0)
    ids[np.arange(count), lengths - 1] = end
    return {"x": ids.astype(np.int32), "mask": mask}


def images_of(net: Any, batch: dict[str, np.ndarray]) -> Any:
    """The features of images, before they are normalised."""
    return _pooled(net.get_image_features(pixel_values=_torch(batch["x"].transpose(0, 3, 1, 2))))


def texts_of(net: Any, batch: dict[str, np.ndarray]) -> Any:
    """The features of texts, before they are normalised. Padding is not masked, as in both publications."""
    ids = _torch(batch["x"]).long()
    return _pooled(net.get_text_features(input_ids=ids)) if hasattr(net, "get_text_features") else net(input_ids=ids).text_embeds


def _pooled(output: Any) -> Any:
    return getattr(output, "pooler_output", output)


def _torch(a: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(a))
