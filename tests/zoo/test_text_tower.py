"""Text towers: which tokens are seen, which is pooled, how long texts may be."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tljax import models, trees

CLIP = "clip_text_base(width=16, depth=2, heads=2, projection=8, positions=7)"
SIGLIP = "siglip_text_base(width=16, depth=2, heads=2, projection=8, positions=7)"


@pytest.fixture(scope="module")
def towers():
    made = {name: models.create(name, 3, in_channels=20, input_size=(7,)) for name in (CLIP, SIGLIP)}
    key = jax.random.key(0)

    def variables(model):  # large enough values that texts differ
        return jax.tree.map(lambda a: 5 * a if a.ndim > 1 else a, models.init(model, key))

    return {name: (model, variables(model)) for name, model in made.items()}


@functools.partial(jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0})
def run(model, variables, batch):
    return model.apply(variables, batch, taps=("block01",), stop="head")


def features(tower, batch):
    return np.asarray(run(*tower, batch).features)


IDS = np.array([[3, 9, 4, 19, 0, 0, 0], [3, 5, 6, 7, 8, 9, 19]], np.int32)
MASK = (IDS > 0).astype(np.int32)


def test_clip_pools_the_last_real_token_and_sees_no_padding(towers):
    full = features(towers[CLIP], {"x": IDS, "mask": MASK})
    padded = features(towers[CLIP], {"x": np.where(MASK, IDS, 11), "mask": MASK})
    short = features(towers[CLIP], {"x": IDS[:1, :4], "mask": MASK[:1, :4]})
    np.testing.assert_allclose(padded, full, atol=1e-5)
    np.testing.assert_allclose(short, full[:1], atol=1e-5)
    swapped = IDS.copy()
    swapped[0, 1:3] = swapped[0, 2:0:-1]
    assert np.abs(features(towers[CLIP], {"x": swapped, "mask": MASK})[0] - full[0]).max() > 1e-3
    assert full.shape == (2, 8)


def test_a_causal_block_s_token_depends_on_those_before_it_alone(towers):
    changed = IDS.copy()
    changed[:, 4] = 13
    taps = [run(*towers[CLIP], {"x": ids, "mask": MASK}).taps["block01"] for ids in (IDS, changed)]
    np.testing.assert_allclose(taps[0][:, :4], taps[1][:, :4], atol=1e-5)
    assert np.abs(taps[0][:, 4:] - taps[1][:, 4:]).max(axis=(0, 2)).min() > 1e-4


def test_siglip_sees_padding_takes_no_mask_and_wants_the_full_length(towers):
    model, _ = towers[SIGLIP]
    assert list(model.input_spec) == ["x"]
    full, padded = (features(towers[SIGLIP], {"x": ids}) for ids in (IDS, np.where(MASK, IDS, 11)))
    assert np.abs(full[0] - padded[0]).max() > 1e-3
    np.testing.assert_allclose(full[1], padded[1], atol=1e-6)
    with pytest.raises(ValueError, match="5 tokens, but there are positions for 7: pad or truncate"):
        features(towers[SIGLIP], {"x": IDS[:, :5]})


def test_texts_that_are_too_long_or_have_no_mask_are_refused(towers):
    with pytest.raises(ValueError, match="8 tokens, but there are positions for 7: truncate"):
        features(towers[CLIP], {"x": np.ones((1, 8), np.int32), "mask": np.ones((1, 8), np.int32)})
    with pytest.raises(ValueError, match="no 'mask'"):
        features(towers[CLIP], {"x": IDS})


def test_published_sizes_and_plain_stages():
    counts = {"clip_text_base": 63_428_096, "clip_text_large": 123_650_304, "siglip_text_base": 110_271_744}
    for name, count in counts.items():
        model = models.create(name, 1, in_channels=32000 if "siglip" in name else 49408)
        assert trees.size(models.shapes(model)["params"]["backbone"]) == count
        assert model.stages == ("embed", *(f"block{i:02}" for i in range(12)), "norm", "projection")
    early = models.create(CLIP, 3, in_channels=20, input_size=(7,))
    out = jax.eval_shape(
        lambda v, b: early.apply(v, b, stop="norm").features,
        models.shapes(early),
        {"x": jnp.zeros((2, 5), jnp.int32), "mask": jnp.ones((2, 5), jnp.int32)},
    )
    assert out.shape == (2, 16)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("clip_text_base(pool='first')", "pool='first'.*last, end"),
        ("clip_text_base(positions=50)", r"input_size=\(77,\): expected \(tokens,\), 1 to 50"),
        ("siglip_text_base(positions=70)", r"input_size=\(64,\): expected \(tokens,\), 70"),
        ("clip_text_base(heads=5)", "heads=5"),
        ("clip_text_base(activation='relo')", "activation='relo'.*quick_gelu"),
        ("clip_text_base(dropout=1.5)", "dropout=1.5 is a rate"),
    ],
)
def test_arguments_outside_their_range_are_named(expression, said):
    with pytest.raises(ValueError, match=said):
        models.create(expression, 3)
