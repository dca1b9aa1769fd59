"""The tables of Vision Transformers cover what timm writes, and say what they cannot read."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.weights.foreign import shapes
from tljax import models, trees, weights
from tljax.weights import imagenet
from tljax.weights.keymap import keymaps, translate

VIT, HF = keymaps["vit"](), keymaps["vit_hf"]()
MANIFEST = json.loads((Path(__file__).parent.parent / "parity" / "vit_manifest.json").read_text())
POOLS = {"token": "cls", "avg": "mean"}


def expanded(depth: int, shapes: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {name.replace("#", str(i)): tuple(shape) for name, shape in shapes.items() for i in range(depth if "#" in name else 1)}


@pytest.mark.parametrize("label", MANIFEST)
def test_every_name_of_timm_is_used_and_every_parameter_filled(label):
    size, patch, pool = label.split()
    file = expanded(**MANIFEST[label])
    fields = VIT.infer(file)
    config = VIT.config(fields)
    assert models.create(config.model, 1000) == models.create(f"vit_{size}(patch={patch}, pool={POOLS[pool]!r})", 1000)
    assert (config.num_classes, config.in_channels, config.input_size) == (1000, 3, (224, 224)) and config.labels == imagenet.labels()
    translated = translate(VIT, file)
    assert not translated.unknown and not translated.ignored
    filled = {p: t.forward(np.broadcast_to(np.int8(0), file[n])).shape for n, pairs in translated.known.items() for p, t in pairs}
    assert filled == {path: leaf.shape for path, leaf in trees.flatten(models.shapes(models.create(config.model, 1000))).items()}


BASE = shapes("vit", models.create("vit_tiny(depth=11)", 7))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"patch_embed.proj.weight": (192, 3, 16, 8)}, r"patch_embed.proj.weight is \(192, 3, 16, 8\), not"),
        ({"pos_embed": (1, 196, 192)}, r"pos_embed is \(1, 196, 192\), not \[1, 1 \+ n \* n, width\]"),
        ({"pos_embed": (1, 1, 192)}, r"pos_embed is \(1, 1, 192\)"),
        ({"blocks.0.mlp.fc1.weight": ()}, r"fc1.weight is absent, not \[hidden, 192\]"),
        ({"fc_norm.weight": (192,)}, "both norm and fc_norm"),
    ],
)
def test_another_architecture_is_described(changed, said):
    with pytest.raises(ValueError, match=said):
        VIT.infer(BASE | changed)


def test_depth_classes_and_channels_follow_from_shapes():
    wanted = {"model": "vit_tiny(depth=11)", "num_classes": 7, "in_channels": 3, "input_size": (224, 224)}
    assert VIT.infer(BASE) == wanted
    headless = {name: shape for name, shape in BASE.items() if not name.startswith("head")}
    assert VIT.infer(headless | {"patch_embed.proj.weight": (192, 1, 16, 16)}) == wanted | {"num_classes": 0, "in_channels": 1}
    assert VIT.config(wanted | {"in_channels": 1}).channel_order == "L"


def test_the_mlp_s_width_is_read_and_heads_only_where_published_widths_or_a_config_tell_them():
    assert VIT.infer(BASE | {"blocks.0.mlp.fc1.weight": (512, 192)})["model"] == "vit_tiny(depth=11, mlp_dim=512)"
    fields = VIT.infer(BASE | {"patch_embed.proj.weight": (320, 3, 16, 16), "blocks.0.mlp.fc1.weight": (1280, 320)})
    with pytest.raises(ValueError, match=r"width 320 is none of 192, 384, 768, 1024, and no weight tells the number of heads"):
        VIT.apply_hf_config(fields, {})
    told = HF.apply_hf_config(fields, {"num_attention_heads": 5, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5})["model"]
    wanted = models.create("vit_tiny(depth=11, width=320, heads=5, activation='gelu_tanh', epsilon=1e-5)", 7)
    assert models.create(told, 7) == wanted
    with pytest.raises(ValueError, match="hidden_act='selu'"):
        HF.apply_hf_config(fields, {"hidden_act": "selu"})


@pytest.mark.parametrize(
    ("stranger", "said"),
    [
        ("reg_token", "nearest is dinov2_timm .*no blocks.0.ls1.gamma"),
        ("blocks.0.ls1.gamma", "nearest is dinov2 .*patch_embed.proj.weight is"),
        ("dist_token", "nearest is deit .*patch_embed.proj.weight is"),
        ("blocks.0.attn.q_norm.weight", "but not its names: blocks.0.attn.q_norm.weight"),
    ],
)
def test_relatives_with_more_parameters_are_refused_by_name(stranger, said, tmp_path):
    file = {name: np.zeros((1,), np.float32) for name in BASE}
    np.savez(tmp_path / "x.npz", **file, **{stranger: np.zeros(1)})
    with pytest.raises(ValueError, match=said):
        weights.open(tmp_path / "x.npz")


def test_hugging_face_s_bare_model_and_its_classifier():
    classifier = shapes("vit_hf", models.create("vit_base", 5))
    bare = {name.removeprefix("vit."): shape for name, shape in classifier.items() if name.startswith("vit.")}
    assert "vit.encoder.layer.11.attention.output.dense.bias" in classifier and len(bare) == len(classifier) - 2
    fields = HF.infer(classifier)
    assert fields == {"model": "vit_base(epsilon=1e-12)", "num_classes": 5, "in_channels": 3, "input_size": (224, 224)}
    assert HF.infer(bare) == fields | {"num_classes": 0}
    assert HF.config(fields).mean == (0.5, 0.5, 0.5) and HF.config(fields).labels == ()
