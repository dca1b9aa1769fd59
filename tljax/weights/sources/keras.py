"""Weights of keras.applications (keras/src/applications/*.py), with the licences that its documentation states."""

from tljax.weights.sources.entry import IN1K, Known

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "_weights_tf_dim_ordering_tf_kernels.h5"

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    *((f"vgg{depth}", f"VGG{depth}", f"{_BASE}vgg{depth}/vgg{depth}{_KERNELS}", "CC BY") for depth in (16, 19)),
    *(
        (f"resnet{depth}(stride_first=True, bias=True)", f"ResNet{depth}", f"{_BASE}resnet/resnet{depth}{_KERNELS}", "MIT")
        for depth in (50, 101, 152)
    ),
    *((f"resnet{depth}_v2", f"ResNet{depth}V2", f"{_BASE}resnet/resnet{depth}v2{_KERNELS}", "MIT") for depth in (50, 101, 152)),
    *((f"densenet{d}", f"DenseNet{d}", f"{_BASE}densenet/densenet{d}{_KERNELS}", "BSD-3-Clause") for d in (121, 169, 201)),
    ("inception_v3(norm_scale=False)", "InceptionV3", f"{_BASE}inception_v3/inception_v3{_KERNELS}", "Apache-2.0"),
    (
        "inception_resnet_v2(norm_scale=False)",
        "InceptionResNetV2",
        f"{_BASE}inception_resnet_v2/inception_resnet_v2{_KERNELS}",
        "Apache-2.0",
    ),
    ("xception", "Xception", f"{_BASE}xception/xception{_KERNELS}", "MIT"),
    ("nasnet_mobile", "NASNetMobile", f"{_BASE}nasnet/NASNet-mobile.h5", "Apache-2.0"),
    *(
        (f"mobilenet_v1{width}", f"MobileNet {digits}", f"{_BASE}mobilenet/mobilenet_{digits}_224_tf.h5", "Apache-2.0")
        for width, digits in (("", "1_0"), ("(width=0.75)", "7_5"), ("(width=0.5)", "5_0"), ("(width=0.25)", "2_5"))
    ),
    *(
        (f"mobilenet_v2{width}", f"MobileNetV2 {alpha}", f"{_BASE}mobilenet_v2/mobilenet_v2{_KERNELS[:-3]}_{alpha}_224.h5", "Apache-2.0")
        for width, alpha in (("", "1.0"), ("(width=1.4)", "1.4"), ("(width=0.5)", "0.5"))
    ),
    *(
        (
            f"mobilenet_v3_{size}",
            f"MobileNetV3{size.title()}",
            f"{_BASE}mobilenet_v3/weights_mobilenet_v3_{size}_224_1.0_float.h5",
            "Apache-2.0",
        )
        for size in ("small", "large")
    ),
    *(
        (f"efficientnet_b{i}", f"EfficientNetB{i}", f"https://storage.googleapis.com/keras-applications/efficientnetb{i}.h5", "Apache-2.0")
        for i in range(8)
    ),
)
"""Our model, Keras's name, URL, licence."""

SOURCES = tuple(Known(model, f"keras {name}", where, licence, IN1K) for model, name, where, licence in _ROWS)
