"""YAMNet: names inside another model, the whole and its first layers, and the published trunk on spoken digits."""

import os
import tarfile
import wave
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.signal import resample_poly
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.weights import foreign
from tljax import models, weights
from tljax.weights.keymap import table

RATE, WINDOW, HOP, FFT, FRAMES = 16000, 400, 160, 512, 96
BANDS, LOW, HIGH, OFFSET = 64, 125.0, 7500.0, 0.001


def drawn(expression, classes):
    return foreign.drawn("yamnet_keras", models.create(expression, classes, in_channels=1))


def opened(path, arrays, **overrides):
    np.savez(path / "x.npz", **arrays)
    return weights.open(path / "x.npz", **overrides)


@pytest.mark.parametrize("prefix", ["model/", "model_2/", "model_17/"])
def test_layers_inside_another_model_are_found(tmp_path, prefix):
    arrays = drawn("yamnet(layers=3, width=4)", 5)
    a, b = opened(tmp_path, arrays), opened(tmp_path, {prefix + name: value for name, value in arrays.items()})
    assert b.config.model == "yamnet(layers=3, width=4)" and b.config.num_classes == 5 and not b.report.new
    jax.tree.map(np.testing.assert_array_equal, a.variables, b.variables)


def test_the_whole_with_its_classifier_under_a_number(tmp_path):
    arrays = {name.replace("logits", "dense_3"): a for name, a in drawn("yamnet", 521).items()}
    assert "dense_3/kernel" in arrays
    found = opened(tmp_path, arrays)
    assert found.config.model == "yamnet" and found.config.num_classes == 521 and not found.report.new
    assert found.config.input_size == (96, 64) and "125 to 7500 Hz" in found.config.source


def test_without_a_classifier_the_outputs_are_the_features(tmp_path):
    arrays = {name: a for name, a in drawn("yamnet(layers=2, width=4)", 5).items() if "logits" not in name}
    found = opened(tmp_path, arrays)
    assert (found.config.head, found.config.num_classes) == ("features", 8)
    assert set(opened(tmp_path, arrays, num_classes=3).report.new) == {"params/head/kernel", "params/head/bias"}


def test_what_is_no_such_network_is_told_why(tmp_path):
    arrays = drawn("yamnet(layers=3, width=4)", 5)
    with pytest.raises(ValueError, match=r"its layers are \[1, 3\]: some are left out"):
        opened(tmp_path, {name: a for name, a in arrays.items() if not name.startswith("layer2/")})
    with pytest.raises(ValueError, match="not its names: layer1/conv/bn/gamma"):
        opened(tmp_path, arrays | {"layer1/conv/bn/gamma": np.ones(4)})
    with pytest.raises(ValueError, match="no 4-dimensional layer1/conv"):
        table("yamnet_keras").infer({})


def log_mel(samples):
    """YAMNet's input of 16 kHz sound: `[frames, 64]`, a periodic Hann window of 25 ms every 10 ms, triangles on the mel scale."""
    at = np.arange(0, max(len(samples), WINDOW) - WINDOW + 1, HOP)[:, None] + np.arange(WINDOW)
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)

    def mel(hertz):
        return 1127 * np.log1p(hertz / 700)

    centers, edges = mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None], np.linspace(mel(LOW), mel(HIGH), BANDS + 2)
    rising, falling = (centers - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - centers) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.log(np.abs(np.fft.rfft(padded[at] * window, FFT)) @ triangles + OFFSET)


def patch(mels):
    """The first 96 frames, silence after the end."""
    return np.pad(mels[:FRAMES], ((0, max(0, FRAMES - len(mels))), (0, 0)), constant_values=np.log(OFFSET))


def spoken_digits(archive, per_digit):
    """Log-mel spectrograms, digits, speakers of the first recordings of every speaker."""
    mels, digits, speakers = [], [], []
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.name.endswith(".wav"):
                continue
            digit, speaker, number = Path(member.name).stem.split("_")
            if int(number) < per_digit:
                with wave.open(tar.extractfile(member)) as sound:
                    assert sound.getframerate() == RATE // 2
                    samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
                mels.append(log_mel(resample_poly(samples, 2, 1)))
                digits.append(int(digit))
                speakers.append(speaker)
    return mels, np.array(digits), np.array(speakers)


@pytest.mark.skipif("TLJAX_DATA" not in os.environ, reason="TLJAX_DATA names no folder with the published weights")
def test_the_published_trunk_opens_alone_and_its_features_beat_mean_log_mels_for_a_new_speaker():
    folder = Path(os.environ["TLJAX_DATA"])
    found = weights.open(folder / "weights" / "audioset_yamnet256_backbone_keras.h5")
    assert found.config.model == "yamnet(layers=6)" and found.config.head == "features" and not found.report.new
    mels, digits, speakers = spoken_digits(folder / "archives" / "fsdd_3000wav.tar.xz", per_digit=5)
    assert len(mels) == 6 * 10 * 5
    x = np.stack([patch(m) for m in mels]).astype(np.float32)[..., None]
    run = jax.jit(lambda x: found.model.apply(found.variables, x).logits)
    features = np.concatenate([run(x[i : i + 60]) for i in range(0, len(x), 60)])

    def accuracy(of):
        """Of logistic regression trained on five speakers and measured on the sixth, each in turn."""
        scores = []
        for speaker in sorted(set(speakers)):
            new = speakers == speaker
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(of[~new], digits[~new])
            scores.append(model.score(of[new], digits[new]))
        return np.mean(scores)

    # 0.533 and 0.420 were measured; 0.1 is chance
    assert accuracy(features) > accuracy(np.stack([m.mean(axis=0) for m in mels])) + 0.05
