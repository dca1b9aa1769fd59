"""Published weights: NASNet-Mobile."""

from tljax.weights.published import KERAS, Published, keras

PUBLISHED: tuple[Published, ...] = (*keras("Apache-2.0", {"nasnet_mobile": ("NASNetMobile", f"{KERAS}nasnet/NASNet-mobile.h5")}),)
