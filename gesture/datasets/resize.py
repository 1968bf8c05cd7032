"""Images of any size, scaled to the square images of the records."""

import numpy as np
from PIL import Image


def resize(images: np.ndarray, size: int, blend: bool) -> np.ndarray:
    """Scales `(T, H, W, C)` uint8 to `(T, size, size, C)`.

    Args:
        images: the images; returned as they are if they have the size already.
        size: height and width of the result.
        blend: average neighbours, as colour wants it; depths and masks must not be blended: a mean of person and
            wall lies where nothing is.
    """
    if images.shape[1:3] == (size, size):
        return images
    resample = Image.Resampling.BOX if blend else Image.Resampling.NEAREST
    frames = [Image.fromarray(np.squeeze(frame, -1) if frame.shape[-1] == 1 else frame) for frame in images]
    scaled = [np.asarray(frame.resize((size, size), resample)) for frame in frames]
    return np.stack(scaled).reshape(len(images), size, size, -1)
