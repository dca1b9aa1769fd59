"""Files of two towers, DINOv2, DeiT and ConvNeXt: what is read of them, and what is refused."""

import json

import numpy as np
import pytest

from tests.weights import two_towers
from tests.weights.foreign import drawn, shapes
from tljax import models, weights
from tljax.weights.detect_family import detect_family
from tljax.weights.keymap import table

CLIP = {
    **shapes("clip_image", models.create("clip_image_base(depth=2)", 1), head=False),
    **shapes("clip_text", models.create("clip_text_base(depth=3)", 1, in_channels=99), head=False),
}


def test_the_original_s_file_holds_two_models_and_the_image_tower_is_the_first():
    more = {"logit_scale": (), "input_resolution": (), "context_length": (), "vocab_size": ()}
    family, fields = detect_family(CLIP | more)
    assert (family, fields["model"], fields["in_channels"], fields["input_size"]) == (
        "clip_image",
        "clip_image_base(depth=2)",
        3,
        (224, 224),
    )
    assert fields["num_classes"] == 0
    family, fields = detect_family(CLIP | more, "clip_text")
    assert (family, fields["model"], fields["in_channels"], fields["input_size"]) == ("clip_text", "clip_text_base(depth=3)", 99, (77,))
    _, fields = detect_family(CLIP | {"visual.conv1.weight": (768, 3, 16, 16), "visual.positional_embedding": (1 + 24**2, 768)})
    assert fields["model"] == "clip_image_base(depth=2, patch=16)" and fields["input_size"] == (384, 384)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("visual.positional_embedding", (51, 768), r"is \(51, 768\), not \[1, 1 \+ n \* n, width\]"),
        ("visual.conv1.weight", (768, 3, 32, 16), r"is \(768, 3, 32, 16\), not \[width, channels, patch, patch\]"),
        ("visual.layer1.0.conv1.weight", (64, 64, 1, 1), "not its names: visual.layer1.0.conv1.weight"),
    ],
)
def test_another_image_tower_is_described(name, shape, said):
    with pytest.raises(ValueError, match=said):
        detect_family(CLIP | {name: shape}, "clip_image")


def test_a_tower_opens_without_classes_and_with_a_new_head_and_at_another_size(tmp_path):
    folder = two_towers.write(tmp_path / "clip", "clip")
    opened = weights.open(folder / "model.npz")
    assert (opened.report.family, opened.config.head, opened.config.num_classes) == ("clip_image_hf", "features", 48)
    assert opened.config.mean[0] == pytest.approx(0.4815, abs=1e-4) and opened.config.interpolation == "bicubic" and not opened.report.new
    text = weights.open(folder / "model.npz", family="clip_text_hf")
    assert (text.config.in_channels, text.config.input_size) == (99, (12,)) and text.config.tokenizer.endswith("tokenizer.json")
    new = weights.open(folder / "model.npz", num_classes=5, input_size=(32, 96))
    assert new.config.head == "linear" and set(new.report.new) == {"params/head/kernel", "params/head/bias"}
    assert "4 x 4 -> 2 x 6" in new.report.reshaped["params/backbone/embed/position"]
    weights.save(tmp_path / "saved", opened.variables, opened.config)
    again = weights.open(tmp_path / "saved")
    assert again.model == opened.model and again.config.num_classes == 48


def test_a_config_beside_the_file_tells_each_tower_s_heads_and_activation(tmp_path):
    folder = two_towers.write(tmp_path / "clip", "clip")
    said = json.loads((folder / "config.json").read_text())
    said["vision_config"] |= {"hidden_act": "gelu", "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps(said))
    image = weights.open(folder / "model.npz").config.model
    assert "heads=4" in image and "activation='gelu'" in image
    text = weights.open(folder / "model.npz", family="clip_text_hf").config.model
    assert "heads=1" in text and "activation" not in text


@pytest.mark.parametrize(
    ("family", "expression", "learned"),
    [
        ("siglip_image", "siglip_image_base(width=768, depth=1, activation='gelu')", 0),
        ("dinov2_timm", "dinov2_small(depth=1, registers=4, patches_only=True)", 0),
        ("dinov2", "dinov2_small(depth=1, registers=4)", 1),
        ("deit", "deit_tiny(depth=1)", 2),
    ],
)
def test_positions_of_patches_are_resampled_and_those_of_tokens_kept(family, expression, learned, tmp_path):
    patch = 14 if "dino" in family else 16
    model = models.create(expression, 3, "distilled" if family == "deit" else "linear", input_size=(3 * patch, 3 * patch))
    np.savez(tmp_path / "x.npz", **drawn(family, model))
    same = weights.open(tmp_path / "x.npz")
    assert same.report.family == family and same.config.input_size == (3 * patch, 3 * patch) and same.model == model
    other = weights.open(tmp_path / "x.npz", input_size=(2 * patch, 5 * patch))
    old, new = (o.variables["params"]["backbone"]["embed"]["position"] for o in (same, other))
    assert new.shape[1] == learned + 10 and "3 x 3 -> 2 x 5" in str(other.report)
    np.testing.assert_array_equal(old[:, :learned], new[:, :learned])


def test_a_headless_dinov2_gives_features_and_hugging_face_s_classifier_reads_two():
    model = models.create("dinov2_small(registers=4)", 1)
    file = shapes("dinov2", model, head=False) | {"mask_token": (1, 384)}
    family, fields = detect_family(file)
    assert (family, fields["num_classes"], fields["model"]) == ("dinov2", 0, "dinov2_small(registers=4)")
    linear = shapes("dinov2_hf", models.create("dinov2_small(registers=4, pool='cls_mean')", 7))
    assert detect_family(linear)[1]["model"] == "dinov2_small(registers=4, pool='cls_mean')"
    bare = {name.removeprefix("dinov2."): shape for name, shape in linear.items() if "classifier" not in name}
    assert detect_family(bare) == ("dinov2_hf", detect_family(linear)[1] | {"model": "dinov2_small(registers=4)", "num_classes": 0})
    with pytest.raises(ValueError, match=r"mlp.w12.weight"):
        detect_family(file | {"blocks.0.mlp.w12.weight": (8, 8)}, "dinov2")


CONVNEXT = shapes("convnext", models.create("convnext_tiny(width=8, depths=(1, 1, 1, 1))", 4))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"features.0.0.weight": (8, 3, 2, 2)}, r"features.0.0.weight is \(8, 3, 2, 2\), not \[width, channels, 4, 4\]"),
        ({"features.3.0.block.3.weight": (80, 20)}, r"is \(80, 20\), where a ConvNeXt of width 8 has \(64, 16\)"),
        ({"features.1.0.block.3.weight": (32, 8, 1, 1)}, r"is \(32, 8, 1, 1\), where"),
    ],
)
def test_another_convnext_is_described(changed, said):
    with pytest.raises(ValueError, match=said):
        table("convnext").infer(CONVNEXT | changed)


def test_convnext_s_sizes_its_inputs_and_files_without_layer_scale_or_head():
    assert table("convnext").infer(CONVNEXT)["model"] == "convnext_tiny(width=8, depths=(1, 1, 1, 1))"
    scaleless = {name: shape for name, shape in CONVNEXT.items() if "scale" not in name and "classifier.2" not in name}
    assert detect_family(scaleless)[1]["model"] == "convnext_tiny(width=8, depths=(1, 1, 1, 1), layer_scale=0.0)"
    assert detect_family(scaleless)[1]["num_classes"] == 0
    fields = {"model": "convnext_small", "num_classes": 1000, "in_channels": 3}
    crops = {family: table(family).config(fields).crop_fraction for family in ("convnext", "convnext_timm")}
    assert crops == {"convnext": pytest.approx(224 / 230), "convnext_timm": 0.875} and table("convnext").config(fields).labels


@pytest.mark.parametrize(
    ("expression", "head", "family", "name"),
    [
        ("vit_tiny(depth=1, pool='mean')", "linear", "vit", "fc_norm.weight"),
        ("vit_tiny(depth=1, width=96, heads=4, epsilon=1e-12, activation='gelu_tanh')", "linear", "vit_hf", "vit.layernorm.weight"),
        ("vit_tiny(depth=1, pre_logits=6)", "linear", "vit_npz", "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel"),
        ("deit_tiny(depth=1)", "distilled", "deit", "head_dist.weight"),
        ("dinov2_small(depth=1, registers=4, patches_only=True)", "linear", "dinov2_timm", "reg_token"),
        ("clip_image_base(depth=1)", "features", "clip_image", "visual.transformer.resblocks.0.attn.in_proj_weight"),
    ],
)
def test_out_again_and_in(expression, head, family, name, tmp_path):
    size = (28, 28) if "dino" in family else (32, 32)
    classes = 512 if head == "features" else 5
    model = models.create(expression, classes, head, input_size=size)
    np.savez(tmp_path / "x.npz", **drawn(family, model))
    start = weights.PretrainedConfig(model=expression, num_classes=classes, head=head, input_size=size)
    variables, _ = weights.load(tmp_path / "x.npz", model)
    weights.save_foreign(tmp_path / "out", variables, start, family)
    (tmp_path / "out" / "model.safetensors.json").unlink()  # the publisher's files alone
    again = weights.open(tmp_path / "out")
    assert again.report.family == family and again.model == model and name in weights.read(tmp_path / "out")
    np.testing.assert_array_equal(
        again.variables["params"]["backbone"]["block00"]["attention"]["key"]["kernel"],
        variables["params"]["backbone"]["block00"]["attention"]["key"]["kernel"],
    )
