"""SMnet at evaluation in plain NumPy, written from the description of the 2019 program and not from our layers."""

import numpy as np

STACKS = {
    "rgb": ("C3D_model/c3d_var", "C3D_model/c3d_rgb_encoder", ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b")),
    "depth": ("C3D_depth/c3d_depth", "C3D_depth/c3d_depth_encoder", ("1", "2", "3a", "3b", "4a", "4b")),
    "sk": ("C3D_sk_model/sk_var", "C3D_sk_model/c3d_sk_encoder", ("1", "2", "3a", "3b", "4a", "4b")),
}
POOLS = {"1": (1, 2, 2), "2": (2, 2, 2), "3b": (2, 2, 2), "4b": (2, 2, 2)}

Weights = dict[str, np.ndarray]


def clips_of(frames: np.ndarray) -> np.ndarray:
    """A batch `(B, T, ...)` with 16 - T mod 16 zero frames more, cut into clips `(B * C, 16, ...)`."""
    padded = np.zeros((len(frames), (frames.shape[1] // 16 + 1) * 16, *frames.shape[2:]), np.float32)
    padded[:, : frames.shape[1]] = frames
    return padded.reshape(-1, 16, *frames.shape[2:])


def convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3x3x3, stride 1, zero padding: the sum of 27 shifted matrix products."""
    n, d, h, w, _ = x.shape
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    total = np.tile(bias, (n * d * h * w, 1))
    for i, j, k in np.ndindex(3, 3, 3):
        shifted = padded[:, i : i + d, j : j + h, k : k + w].reshape(len(total), -1)
        total += shifted @ kernel[i, j, k]
    return total.reshape(n, d, h, w, -1)


def max_pool(x: np.ndarray, sizes: tuple[int, int, int]) -> np.ndarray:
    """The largest of each block; a last block that is cut short has fewer."""
    for axis, size in enumerate(sizes, 1):
        x = np.maximum.reduceat(x, np.arange(0, x.shape[axis], size), axis=axis)
    return x


def batch_norm(x: np.ndarray, weights: Weights, scope: str) -> np.ndarray:
    gamma, beta, mean, variance = (
        weights[f"{scope}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def encode(x: np.ndarray, weights: Weights, stream: str) -> np.ndarray:
    """Features of clips `(N, 16, 80, 80, 3)`."""
    stack, head, layers = STACKS[stream]
    for number, layer in enumerate(layers):
        x = convolution(x, weights[f"{stack}/wc{layer}"], weights[f"{stack}/bc{layer}"])
        suffix = f"_{number}" if number else ""
        x = np.maximum(batch_norm(x, weights, f"{stack}/batch_normalization{suffix}"), 0)
        if layer in POOLS:
            x = max_pool(x, POOLS[layer])
    x = max_pool(x, (2, 2, 2)).reshape(len(x), -1)
    x = x @ weights[f"{head}/dense/kernel"] + weights[f"{head}/dense/bias"]
    x = batch_norm(x, weights, f"{head}/batch_normalization")
    return np.where(x > 0, x, 0.2 * x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(x / 2)) / 2


def run_cell(steps: np.ndarray, weights: Weights, direction: str) -> np.ndarray:
    """Outputs `(n, U)` of the attention cell for one sequence's valid steps `(n, F)`."""
    scope = f"rnn_model/recurrent/bidirectional_rnn/{direction}/attention_cell_wrapper"

    def linear(name: str, *parts: np.ndarray) -> np.ndarray:
        return np.concatenate(parts) @ weights[f"{scope}{name}/kernel"] + weights[f"{scope}{name}/bias"]

    key, vector = weights[f"{scope}/attention/attn_w"][0, 0], weights[f"{scope}/attention/attn_v"]
    c, h, a = np.zeros((3, len(vector)), np.float32)
    memory = np.zeros((5, len(vector)), np.float32)
    outputs = []
    for x in steps:
        i, j, f, o = np.split(linear("/lstm_cell", linear("", x, a), h), 4)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        scores = np.tanh(memory @ key + linear("/attention", c, h)) @ vector
        share = np.exp(scores - scores.max())
        a = (share / share.sum()) @ memory
        outputs.append(linear("/attn_output_projection", h, a))
        memory = np.vstack([memory[1:], outputs[-1]])
    return np.stack(outputs)


def logits_of(features: np.ndarray, valid: np.ndarray, weights: Weights) -> np.ndarray:
    """Logits `(B, C, K)` from features `(B, C, F)`, of which each sequence owns the first `valid`."""
    units = len(weights["rnn_model/recurrent/bidirectional_rnn/fw/attention_cell_wrapper/attention/attn_v"])
    joined = np.zeros((*features.shape[:2], 2 * units), np.float32)
    for row, steps, count in zip(joined, features, valid, strict=True):
        row[:count, :units] = run_cell(steps[:count], weights, "fw")
        row[:count, units:] = run_cell(steps[:count][::-1], weights, "bw")[::-1]
    return joined @ weights["logits/dense/kernel"] + weights["logits/dense/bias"]


def forward(arrays: dict[str, np.ndarray], weights: Weights) -> np.ndarray:
    """Logits `(B, C, K)` of a padded batch: normalised `rgb` and `skeleton_img`, `depth`, `segmentation`, `length`."""
    cut_out = arrays["depth"] / np.float32(255) * (arrays["segmentation"] / np.float32(255))
    pictures = {"rgb": arrays["rgb"], "depth": cut_out, "sk": arrays["skeleton_img"]}
    features = [encode(clips_of(frames), weights, stream) for stream, frames in pictures.items()]
    batch = len(arrays["length"])
    joined = np.concatenate(features, axis=-1).reshape(batch, -1, sum(one.shape[-1] for one in features))
    return logits_of(joined, arrays["length"] // 16 + 1, weights)
