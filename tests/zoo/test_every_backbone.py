"""What every backbone must hold, at tiny sizes: stages, features, slices, freezing, gradients.

Each family is compiled once, without LLVM's optimization, as one program that returns all that is compared.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, strategies, trees
from tljax.registry import subpackages


@dataclasses.dataclass(frozen=True)
class Case:
    """A small model of a family.

    Attributes:
      model: call expression.
      features: their expected number.
      cut: the stage at which the network is cut in two, or ``"head"``; those before it are frozen. A late one compiles faster.
      start: the first stage that is computed, from a drawn input; of networks with many layers, which compile slowly.
      size: of the input.
      channels: of images; 1 is the harder case for most.
    """

    model: str
    features: int
    cut: str
    start: str = ""
    size: tuple[int, ...] = (32, 24)
    channels: int = 1


BLOCKS = "patch=8, depth=2, width=16, heads=2"
ENCODER = "width=16, depth=2, heads=2, mlp_dim=24, positions=12"

CASES = {
    "albert": Case(f"albert({ENCODER}, embedding=8, dropout=0.1)", 16, "pooler", size=(9,)),
    "alexnet": Case("alexnet(width=2, fc=(12, 10), dropout=0.5)", 10, "fc6", size=(71, 63)),
    "bert": Case(f"bert({ENCODER}, dropout=0.1)", 16, "block01", size=(9,)),
    "clip": Case(f"clip_image_base({BLOCKS}, projection=5)", 5, "block01"),
    "cnn": Case("cnn(widths=(4, 6), dropout=0.1)", 6, "stage1"),
    "convnext": Case("convnext_tiny(width=4, depths=(1, 2), drop_path=0.5)", 8, "norm", start="stage2", size=(8, 8)),
    "deit": Case(f"deit_tiny({BLOCKS}, dropout=0.1)", 32, "block01"),
    "densenet": Case("densenet121(layers=(1, 2, 1, 1), growth=2, width=4, dropout=0.5)", 4, "stage3", size=(64, 32)),
    "dinov2": Case("dinov2_small(patch=8, depth=2, width=16, heads=2, registers=2, drop_path=0.5)", 16, "block01"),
    "distilbert": Case("distilbert(width=16, depth=2, heads=2, positions=12)", 16, "block01", size=(9,)),
    "efficientnet": Case("efficientnet_b0(width=0.1, depth=0.3, drop_path=0.5)", 128, "last", start="stage3"),
    "googlenet": Case("googlenet(width=0.0625)", 64, "head", start="stage3"),
    "inception_resnet_v2": Case("inception_resnet_v2(width=0.03125, blocks=(1, 1, 0))", 48, "stage4", start="stage3", size=(75, 79)),
    "inception_v3": Case("inception_v3(width=0.03125)", 64, "head", start="stage3", size=(75, 79)),
    "mlp": Case("mlp(widths=(8, 6), dropout=0.5)", 6, "layer1", size=(), channels=5),
    "mobilenet_v1": Case("mobilenet_v1(width=0.125)", 128, "stage5", start="stage3"),
    "mobilenet_v2": Case("mobilenet_v2(width=0.1, depth=0.3)", 1280, "stage5", start="stage3", size=(64, 48)),
    "mobilenet_v3": Case("mobilenet_v3_small(width=0.1, dropout=0.2)", 104, "last", start="stage3"),
    "nasnet_mobile": Case("nasnet_mobile(filters=4, cells=1, stem_width=4)", 96, "head", start="stage4"),
    "resnet": Case("resnet18(width=4)", 32, "stage3"),
    "resnet8": Case("resnet8(width=2)", 8, "stage2"),
    "resnet_cifar": Case("resnet20_cifar(width=4)", 16, "stage2"),
    "resnet_v2": Case("resnet50_v2(blocks=(1, 2), width=4)", 32, "stage2"),
    "roberta": Case("roberta_base(width=16, depth=2, heads=2, positions=12)", 16, "block01", size=(9,)),
    "siglip": Case(f"siglip_image_base({BLOCKS})", 16, "map"),
    "squeezenet": Case("squeezenet(width=2)", 64, "stage2", size=(48, 40)),
    "text_tower": Case("clip_text_base(width=16, depth=2, heads=2, projection=8, positions=9, dropout=0.1)", 8, "block01", size=(9,)),
    "vgg": Case("vgg11_bn(width=2, fc=(12, 10), dropout=0.5)", 10, "fc6", size=(32, 64)),
    "vit": Case(f"vit_tiny({BLOCKS}, dropout=0.1, drop_path=0.5)", 16, "block01"),
    "xception": Case("xception(width=0.03125, middle=1)", 64, "stage4", start="stage3"),
    "yamnet": Case("yamnet(layers=6, width=8)", 64, "stage2"),
}

TOKENS = 20


def drawn(r, shape):
    """Kernels of variance 2 / fan-in, and scales, biases and statistics about 1, without a program being compiled."""
    values = r.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape) if len(shape) > 1 else r.uniform(0.5, 1.5, shape)
    return jnp.asarray(values, jnp.float32)


@functools.cache
def built(family):
    """The model, its variables, the trained parts, and all that is compared.

    That is the network in training mode behind a frozen prefix, whole; the same in two slices; the batch statistics after it; and the
    gradients of the trained parts.
    """
    case = CASES[family]
    text = len(case.size) == 1
    model = models.create(case.model, 3, in_channels=TOKENS if text else case.channels, input_size=case.size)
    r = np.random.default_rng(1)
    variables = jax.tree.map(lambda leaf: drawn(r, leaf.shape), models.shapes(model))
    if text:
        batch = {name: r.integers(1, 2 if name != "x" else TOKENS, (2, *case.size)).astype(np.int32) for name in model.input_spec}
        batch |= {"segment": batch["segment"] - 1} if "segment" in batch else {}
    else:
        batch = {"x": r.normal(size=(2, *model.input_spec["x"].shape)).astype(np.float32)}
    start = case.start or model.stages[0]
    if case.start:
        shapes = jax.eval_shape(functools.partial(model.apply, stop=start), variables, batch).batch
        batch = {name: r.uniform(size=leaf.shape).astype(np.float32) for name, leaf in shapes.items() if name != "taps"}
    phase = strategies.create(f"freeze_first({(*model.stages, 'head').index(case.cut)})", model.stages).phases[0]
    parts = strategies.trained_parts(strategies.groups(phase, variables["params"]), model.stages)

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def program(variables, batch):
        call = functools.partial(model.apply, train=parts, mutable=["batch_stats"], rngs={"dropout": jax.random.key(3)})
        whole, changed = call(variables, batch, start=start, taps=model.stages[model.stages.index(start) :])
        first, _ = call(variables, batch, start=start, stop=case.cut)
        second, _ = call(variables, first.batch, start=case.cut)

        def loss(trained):
            params = variables["params"] | {"head": trained["head"]}
            params |= {"backbone": params["backbone"] | {part: trained[part] for part in parts if part != "head"}}
            return (call(variables | {"params": params}, first.batch, start=case.cut)[0].logits ** 2).sum()

        params = variables["params"]
        trained = {part: params["head"] if part == "head" else params["backbone"][part] for part in parts}
        return whole, second.logits, changed.get("batch_stats", {}), jax.grad(loss)(trained)

    return model, variables, parts, program(variables, batch)


@pytest.mark.parametrize("family", CASES)
def test_a_backbone(family):
    case = CASES[family]
    model, variables, parts, (whole, sliced, statistics, gradients) = built(family)
    frozen = model.stages[: (*model.stages, "head").index(case.cut)]
    assert set(variables["params"]["backbone"]) == set(model.stages), "every stage owns parameters"
    assert parts == (*model.stages[len(frozen) :], "head")
    assert whole.features.shape == (2, case.features) and whole.features.dtype == whole.logits.dtype == jnp.float32

    np.testing.assert_array_equal(sliced, whole.logits, err_msg="two slices equal the whole")
    assert np.isfinite(whole.logits).all() and np.abs(whole.features[0] - whole.features[1]).max() > 0, "examples differ"

    before, after = trees.flatten(variables["batch_stats"]), trees.flatten(statistics)
    assert after.keys() == before.keys()
    for path, leaf in after.items():
        assert np.array_equal(leaf, before[path]) == (path.split("/")[1] in frozen), f"{path}: statistics move in trained stages alone"

    for part, gradient in gradients.items():
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient)), part
        assert any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient)), f"no gradient reaches {part}"


def test_every_family_has_a_case():
    assert set(subpackages("tljax.zoo")) == set(CASES) - {"text_tower"}
