"""What is wrong with a file is one clear error that names keys, whichever the family; half precision is no error."""

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from tests.weights.foreign import drawn
from tljax import models, trees, weights

MODELS = {
    "resnet": "resnet18(width=4)",
    "vit": "vit_tiny(depth=2)",
    "mobilenet_v1_keras": "mobilenet_v1(width=0.25, activation='relu6', padding='asymmetric', epsilon=0.001)",
}
LAST = {"resnet": "layer4.", "vit": "blocks.1.", "mobilenet_v1_keras": "conv_pw_13"}
KERNEL = {"resnet": "layer3.1.conv2.weight", "vit": "blocks.1.mlp.fc2.weight", "mobilenet_v1_keras": "conv_pw_7/kernel"}
BIAS = {"resnet": "layer2.0.bn1.bias", "vit": "blocks.0.norm2.bias", "mobilenet_v1_keras": "conv_dw_3_bn/beta"}
HEAD = {"resnet": "fc.weight", "vit": "head.weight", "mobilenet_v1_keras": "conv_preds/kernel"}


def made(family):
    return models.create(MODELS[family], 3, input_size=(32, 32))


@pytest.fixture(scope="module", params=MODELS)
def file(request):
    """A family and what a file of it holds."""
    return request.param, drawn(request.param, made(request.param))


def write(tmp_path, arrays):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors.numpy.save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))
    return path


def error(call):
    with pytest.raises(ValueError) as raised:
        call()
    said = str(raised.value)
    assert "weights.safetensors" in said
    return said


def test_half_a_checkpoint(file, tmp_path):
    family, arrays = file
    half = {name: a for name, a in arrays.items() if not name.startswith(LAST[family]) and not name.startswith("norm.")}
    said = error(lambda: weights.open(write(tmp_path, half)))
    if family == "resnet":
        assert "nearest is resnet" in said and "[2, 2, 2, 0]" in said
    elif family == "vit":  # one block less is a ViT as well, but its last norm is gone
        assert " - params/backbone/norm/bias (norm.bias)" in said
    else:
        assert "conv_pw_13" in said
    variables = error(lambda: weights.load(write(tmp_path, half), made(family)))
    assert " - params/backbone/" in variables and LAST[family] in variables and "key table" in variables


def test_a_renamed_key(file, tmp_path):
    family, arrays = file
    name = KERNEL[family]
    renamed = {(name + "s" if n == name else n): a for n, a in arrays.items()}
    said = error(lambda: weights.open(write(tmp_path, renamed)))
    assert "of no known family; nearest is" in said and f"{family}" in said and f"not its names: {name}s" in said
    said = error(lambda: weights.load(write(tmp_path, renamed), made(family)))
    assert f" + {name}s" in said and f"({name})" in said and said.count("\n") == 2  # missing one, unexpected the other


def test_a_missing_key(file, tmp_path):
    family, arrays = file
    said = error(lambda: weights.open(write(tmp_path, {n: a for n, a in arrays.items() if n != BIAS[family]})))
    assert f"({BIAS[family]})" in said and " - params/backbone/" in said and "1 missing" in said


def test_a_transposed_kernel(file, tmp_path):
    family, arrays = file
    name = KERNEL[family]
    turned = arrays | {name: arrays[name].swapaxes(0, 1) if family == "vit" else np.moveaxis(arrays[name], 0, -1)}
    said = error(lambda: weights.open(write(tmp_path, turned)))
    if family == "resnet":  # shapes of its convolutions tell groups, so another model is thought of
        assert name in said and "inputs a group" in said
    else:
        assert f"({name}): got shape" in said and " ! params/backbone/" in said and "wanted" in said


def test_another_number_of_axes(file, tmp_path):
    family, arrays = file
    name = KERNEL[family]
    said = error(lambda: weights.open(write(tmp_path, arrays | {name: arrays[name].reshape(-1)})))
    assert name in said and "shape" in said


def test_a_wider_model_and_another_family_are_refused_by_names(file, tmp_path):
    family, arrays = file
    other = {"resnet": "resnet18(width=8)", "vit": "vit_small(depth=2)", "mobilenet_v1_keras": "mobilenet_v1(width=0.5)"}[family]
    said = error(lambda: weights.load(write(tmp_path, arrays), models.create(other, 3, input_size=(32, 32))))
    assert " ! params/backbone/" in said and "got shape" in said and "mismatched" in said
    wrong = next(name for name in MODELS if name != family)
    said = error(lambda: weights.load(write(tmp_path, arrays), made(wrong)))
    assert "does not fit" in said or "none of its" in said
    assert error(lambda: weights.open(write(tmp_path, arrays), family=wrong)).count("\n") == 0


def test_of_no_family(file, tmp_path):
    _, arrays = file
    said = error(lambda: weights.open(write(tmp_path, {f"x.{n}.y": a for n, a in arrays.items()})))
    first = sorted(f"x.{n}.y" for n in arrays)[:3]
    assert "of no known family: none of its" in said and all(name in said for name in first) and len(said) < 400
    near = error(lambda: weights.open(write(tmp_path, arrays | {"extra": np.zeros(1, np.float32)})))
    assert f"{len(arrays)} of {len(arrays) + 1} names fit" in near and "not its names: extra" in near and len(near) < 600


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_loads_as_the_same_numbers(file, tmp_path, dtype):
    family, arrays = file
    opened = weights.open(write(tmp_path, {n: a.astype(dtype) for n, a in arrays.items()}))
    assert opened.report.family == family and {leaf.dtype.name for leaf in trees.flatten(opened.variables).values()} == {"float32"}
    again = drawn(family, opened.model)
    head = np.asarray(opened.variables["params"]["head"]["kernel"])
    stored = again[HEAD[family]].astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(head, stored.T if stored.ndim == 2 else stored.reshape(head.shape))


def test_an_empty_file_and_integers_where_numbers_belong(file, tmp_path):
    family, arrays = file
    said = error(lambda: weights.open(write(tmp_path, arrays | {BIAS[family]: arrays[BIAS[family]].astype(np.int32)})))
    assert f"({BIAS[family]}): got int32, wanted float32" in said
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert "the file is empty" in error(lambda: weights.open(tmp_path / "weights.safetensors"))
