"""Images and depths as files hold them, made into those of the records."""

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


def gray_depth(millimetres: np.ndarray, max_depth_mm: int) -> np.ndarray:
    """Depth as uint8 gray, where 255 stands for ``max_depth_mm`` and beyond, and 0 still for no reading."""
    gray = np.rint(millimetres * (255.0 / max_depth_mm))
    # 1 and not 0 for what is very near: 0 means no reading.
    return np.where(millimetres > 0, np.clip(gray, 1, 255), 0).astype(np.uint8)
