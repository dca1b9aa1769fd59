"""The head ``decoder``: a class for every pixel from maps of several resolutions, or from patches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees
from tljax.models.heads import decoder

SIZE = (16, 24)
CNN = "cnn(widths=(4, 6, 8, 8, 8))"  # 16x24, 8x12, 4x6, 2x3, 1x2
VIT = "vit_tiny(width=16, depth=2, heads=2, patch=4, registers=3)"


def built(backbone=CNN, head="decoder(width=8)", size=SIZE):
    model = models.create(backbone, 3, head, input_size=size)
    return model, models.init(model, jax.random.key(0))


def laterals(backbone=CNN, head="decoder(width=8)", size=SIZE):
    parameters = models.shapes(models.create(backbone, 3, head, input_size=size))["params"]["head"]
    return {name for name in parameters if name.startswith("lateral")}


def images(n=2, size=SIZE, seed=0):
    return jax.random.normal(jax.random.key(seed), (n, *size, 3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_logits_have_the_size_of_the_image(dtype):
    model = models.create(CNN, 3, "decoder(width=8)", input_size=SIZE, dtype=dtype)
    variables = models.init(model, jax.random.key(0))
    logits = model.apply(variables, images(1)).logits
    assert logits.shape == (1, *SIZE, 3) and logits.dtype == jnp.float32 and float(logits.std()) > 0
    assert not any("head" in path for path in trees.flatten(variables["batch_stats"]))


def test_the_four_coarsest_resolutions_are_read_unless_taps_are_named():
    assert laterals() == {f"lateral_stage{i}" for i in (1, 2, 3, 4)}
    assert laterals(head="decoder(width=8, taps=('stem', 'stage3'))") == {"lateral_stem", "lateral_stage3"}
    assert laterals("resnet20_cifar", size=(16, 16)) == {"lateral_stage1", "lateral_stage2", "lateral_stage3"}


def test_by_hand_for_one_tap():
    model, variables = built(head="decoder(width=8, taps=('stage1',))")
    outputs = model.apply(variables, images(), taps=("stage1",))
    head = variables["params"]["head"]
    y = outputs.taps["stage1"] @ head["lateral_stage1"]["kernel"] + head["lateral_stage1"]["bias"]
    padded = np.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = sum(padded[:, u : u + 8, v : v + 12] @ head["conv"]["kernel"][u, v] for u in range(3) for v in range(3))
    y = (y - y.mean((1, 2, 3), keepdims=True)) / np.sqrt(y.var((1, 2, 3), keepdims=True) + 1e-6)  # one group of 8 channels
    logits = np.maximum(y, 0) @ head["classes"]["kernel"]
    np.testing.assert_allclose(outputs.logits, jax.image.resize(logits, (2, *SIZE, 3), "bilinear"), atol=1e-4)


def test_an_example_does_not_depend_on_its_batch():
    model, variables = built()
    alone = model.apply(variables, images()[:1], train=("head",), rngs={"dropout": jax.random.key(0)}, mutable=["batch_stats"])[0]
    np.testing.assert_allclose(model.apply(variables, images()).logits[:1], alone.logits, atol=1e-5)


def test_the_head_goes_on_from_the_end_of_the_backbone():
    model, variables = built()
    before = model.apply(variables, images(), stop="head")
    np.testing.assert_array_equal(model.apply(variables, before.batch, start="head").logits, model.apply(variables, images()).logits)


def test_every_parameter_gets_a_gradient():
    model, variables = built()

    def loss(head):
        logits = model.apply(variables | {"params": variables["params"] | {"head": head}}, images()).logits
        return jax.nn.log_softmax(logits)[..., 0].mean()

    gradients = trees.flatten(jax.grad(loss)(variables["params"]["head"]))
    assert gradients and all(float(jnp.abs(g).max()) > 0 for path, g in gradients.items() if path.endswith("kernel"))


def test_patches_of_a_vision_transformer_lie_in_their_grid():
    model, variables = built(VIT)
    outputs = model.apply(variables, images(), taps=("norm",))
    assert outputs.logits.shape == (2, 16, 24, 3) and outputs.taps["norm"].shape == (2, 1 + 3 + 4 * 6, 16)
    assert laterals(VIT) == {"lateral_norm"}
    tokens = outputs.taps["norm"]
    grid = decoder._as_map(tokens, (16, 24))
    assert np.array_equal(grid[:, 1, 2], tokens[:, 4 + 6 + 2])


@pytest.mark.parametrize(
    ("count", "size", "grid"),
    [
        (197, (224, 224), (14, 14)),
        (198, (224, 224), (14, 14)),
        (261, (224, 224), (16, 16)),
        (24, (16, 24), (4, 6)),
        (5, (8, 8), (2, 2)),
        (1, (8, 8), (1, 1)),
        (150, (224, 224), None),
        (0, (8, 8), None),
    ],
)
def test_the_grid_of_patches(count, size, grid):
    assert decoder.patch_grid(count, size) == grid


def test_backbones_and_taps_without_maps_are_refused():
    with pytest.raises(ValueError, match="not images"):
        models.create("mlp(widths=(4,))", 3, "decoder", in_channels=5, input_size=())
    with pytest.raises(ValueError, match="not images"):
        models.create("bert(width=16, depth=1, heads=4, positions=20)", 3, "decoder", in_channels=60, input_size=(12,))
    with pytest.raises(ValueError, match=r"'norm' is \(1, 16\)"):
        models.shapes(models.create(VIT.replace(")", ", pool='mean')"), 3, "decoder(width=8, taps=('norm',))", input_size=SIZE))
    with pytest.raises(ValueError, match=r"no stage .* layer0 \(1, 4\)"):
        models.shapes(models.create("mlp(widths=(4,))", 3, "decoder", input_size=(4, 4)))
    with pytest.raises(ValueError, match="no intermediate is called"):
        models.shapes(models.create(CNN, 3, "decoder(taps=('stage9',))", input_size=SIZE))
    with pytest.raises(ValueError, match="multiple of 8"):
        models.create(CNN, 3, "decoder(width=12)", input_size=SIZE)
