"""Writes the small Keras files beside this script: ``python tests/parity/make_keras_files.py`` (needs requirements-parity.txt).

``keras3.h5``, ``keras3.weights.h5``, ``keras3.keras``: one Keras 3 model saved in its three ways, and ``keras3.npz`` its weights.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

HERE = Path(__file__).parent


def main(folder: Path = HERE) -> None:
    """Write the files of a model with a model inside, trained by one step, so that it has an optimizer."""
    inner = keras.Sequential([keras.layers.Input((4, 4, 2)), keras.layers.DepthwiseConv2D(3, name="depth")], name="inner")
    x = inputs = keras.Input((4, 4, 2))
    for layer in (inner, keras.layers.BatchNormalization(name="norm"), keras.layers.Dropout(0.5), keras.layers.Flatten()):
        x = layer(x)
    net = keras.Model(inputs, keras.layers.Dense(3, name="out")(x))
    net.compile("adam", "mse")
    net.fit(np.ones((1, 4, 4, 2), "float32"), np.ones((1, 3), "float32"), verbose=0)
    net.save(folder / "keras3.h5")
    net.save(folder / "keras3.keras")
    net.save_weights(folder / "keras3.weights.h5")
    layers = {"inner/depth": inner.layers[0], "norm": net.get_layer("norm"), "out": net.get_layer("out")}
    arrays = {f"{name}/{w.name}": w.numpy() for name, layer in layers.items() for w in layer.weights}
    np.savez_compressed(folder / "keras3.npz", **arrays)


if __name__ == "__main__":
    main()
