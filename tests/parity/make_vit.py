"""Writes timm's outputs of Vision Transformers beside this script: ``python tests/parity/make_vit.py``.

Needs requirements-parity.txt. The weights follow from their names (`drawn.draw`), so that none need be stored, and of each stage's output
`[images, tokens, width]` a sample is kept (`drawn.sample`). ``vit_drawn.npz``: the models of `MODELS`; of the shallow ones also gradients.
``vit_position.npz``: position embeddings resampled to other grids. ``vit_manifest.json``: names and shapes of timm's files at 224 pixels
with 1000 classes, where ``#`` stands for the number of a block.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
import torchvision_alone  # noqa: F401 - before timm, which imports torchvision
from drawn import draw, images, sample

import timm  # isort: skip
from timm.layers import resample_abs_pos_embed  # isort: skip

HERE = Path(__file__).parent
MODELS = {
    "patch32": ("vit_small_patch32_224", {"img_size": 64, "depth": 2}),
    "mean": ("vit_tiny_patch16_224", {"img_size": 64, "depth": 2, "global_pool": "avg"}),
}
GRADIENTS = ("pos_embed", "cls_token", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.1.norm2.weight")
GRIDS = (((14, 14), (24, 24)), ((14, 14), (7, 7)), ((14, 14), (9, 20)), ((4, 4), (1, 3)), ((3, 5), (6, 4)))


SIZES = ("tiny", "small", "base", "large")


def manifest(size: str, patch: int, pool: str) -> dict:
    """Depth, names and shapes of one of timm's models; its blocks are alike."""
    with torch.device("meta"):
        net = timm.create_model(f"vit_{size}_patch16_224", pretrained=False, patch_size=patch, global_pool=pool)
    shapes: dict[str, list[int]] = {}
    for name, value in net.state_dict().items():
        shape = shapes.setdefault(re.sub(r"\.\d+\.", ".#.", name, count=1), list(value.shape))
        assert shape == list(value.shape), name
    return {"depth": len(net.blocks), "shapes": shapes}


def build(name: str, arguments: dict) -> torch.nn.Module:
    """A timm model with 10 classes and drawn weights."""
    net = timm.create_model(name, pretrained=False, num_classes=10, **arguments)
    with torch.no_grad():
        for key, value in net.state_dict().items():
            value.copy_(torch.from_numpy(draw(key, tuple(value.shape))))
    return net


def run(net: torch.nn.Module, x: np.ndarray) -> dict[str, torch.Tensor]:
    """Outputs by the names of our stages, the pooled features, the logits."""
    stages = {"embed": net.norm_pre} | {f"block{i:02}": block for i, block in enumerate(net.blocks)}
    stages["norm"] = net.norm if net.global_pool == "token" else net.fc_norm
    out: dict[str, torch.Tensor] = {}
    hooks = [m.register_forward_hook(lambda m, a, y, name=name: out.update({name: y})) for name, m in stages.items()]
    features = net.forward_features(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    out |= {"features": net.forward_head(features, pre_logits=True), "logits": net.forward_head(features)}
    for hook in hooks:
        hook.remove()
    return out


def gradients(net: torch.nn.Module, x: np.ndarray) -> dict[str, np.ndarray]:
    """Of the mean squared logit, in training mode, by timm's names; some 200 elements of each."""
    net.train().zero_grad()
    run(net, x)["logits"].square().mean().backward()
    found = {name: net.get_parameter(name).grad.numpy().reshape(-1) for name in GRADIENTS}
    return {f"gradient:{name}": value[:: 1 + value.size // 200] for name, value in found.items()}


def main() -> None:
    """Write the golden files."""
    kept = {}
    for label, (name, arguments) in MODELS.items():
        net, x = build(name, arguments), images(2, 64)
        with torch.no_grad():
            out, trained = run(net.eval(), x), run(net.train(), x)
        for stage, value in out.items():
            assert torch.allclose(value, trained[stage], rtol=1e-5, atol=1e-5), f"{label} {stage}: training mode differs"
            kept[f"{label}:{stage}"] = value.numpy() if stage == "logits" else sample(value.numpy())
        if "depth" in arguments:
            kept |= {f"{label}:{key}": value for key, value in gradients(net, x).items()}
    np.savez_compressed(HERE / "vit_drawn.npz", **kept)
    positions = {}
    for old, new in GRIDS:
        position = torch.from_numpy(draw("pos_embed", (1, 1 + old[0] * old[1], 6)))
        positions[f"{old} {new}"] = resample_abs_pos_embed(position, list(new), list(old)).numpy()
    np.savez_compressed(HERE / "vit_position.npz", **positions)
    manifests = {f"{size} {patch} {pool}": manifest(size, patch, pool) for size in SIZES for patch in (16, 32) for pool in ("token", "avg")}
    (HERE / "vit_manifest.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in manifests.items()) + "\n}\n")


if __name__ == "__main__":
    main()
