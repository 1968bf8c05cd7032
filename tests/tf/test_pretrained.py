"""Pretrained C3D convolutions from every form in which they are published."""

import os
import pickle
from pathlib import Path

import h5py
import made_up_torch as torch_files
import numpy as np
import pytest
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.config.settings import Variant
from gesture.legacy2019.pretrained import load_pretrained, read_convolutions
from gesture.legacy2019.weight_files import digest, pretrained_files
from gesture.legacy2019.weights import variables_by_name
from gesture.networks.layers.build import build
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import CONVOLUTIONS, SMnetSettings

DATA = Path(__file__).parents[1] / "data" / "smnet"
WIDTHS = (2, 3, 4, 4, 5, 5, 5, 5)


def c3d(seed: int = 0, widths=WIDTHS) -> dict[str, np.ndarray]:
    """Random convolutions `wc1`, `bc1`, ... as our networks hold them."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, fan_in, width in zip(CONVOLUTIONS, (3, *widths), widths, strict=False):
        found[f"wc{name}"] = rng.normal(size=(3, 3, 3, fan_in, width)).astype(np.float32)
        found[f"bc{name}"] = rng.normal(size=width).astype(np.float32)
    return found


def save_tensorflow(path: Path, tensors: dict[str, np.ndarray]) -> None:
    names = list(tensors)
    values = [tf.constant(tensors[name]) for name in names]
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)


def write_tensorflow(path: Path, weights: dict[str, np.ndarray]) -> None:
    fully = {"var_name/wd1": np.zeros((6, 7), np.float32), "var_name/bd1": np.zeros(7, np.float32)}
    save_tensorflow(path, {f"var_name/{name}": one for name, one in weights.items()} | fully)


def write_keras(path: Path, weights: dict[str, np.ndarray], kernel="kernel:0", bias="bias:0") -> None:
    with h5py.File(path, "w") as file:
        for name, one in weights.items():
            layer = f"conv{name[2:]}"
            file[f"{layer}/{layer}/{kernel if one.ndim == 5 else bias}"] = one
        file["fc6/fc6/kernel:0"] = np.zeros((6, 7), np.float32)


def write_keras1(path: Path, weights: dict[str, np.ndarray]) -> None:
    write_keras(path, weights, "layer_W", "layer_b")


def torch_names(weights: dict[str, np.ndarray], name_of) -> dict[str, np.ndarray]:
    def turned(one):
        return one.transpose(4, 3, 0, 1, 2) if one.ndim == 5 else one

    parts = {"w": "weight", "b": "bias"}
    named = {f"{name_of(key[2:])}.{parts[key[0]]}": turned(one) for key, one in weights.items()}
    return named | {"fc6.weight": np.zeros((7, 6), np.float32)}


def plain_names(weights):
    return torch_names(weights, lambda layer: f"conv{layer}")


def mmaction_names(weights):
    return torch_names(weights, lambda layer: f"backbone.conv{layer if layer[1:] else layer + 'a'}.conv")


def sequential_names(weights):
    number = dict(zip(CONVOLUTIONS, (0, 3, 6, 8, 11, 13, 16, 18), strict=True))
    return torch_names(weights, lambda layer: f"features.{number[layer]}")


FORMS = {
    "c3d.ckpt": write_tensorflow,
    "c3d.h5": write_keras,
    "c3d_keras1.h5": write_keras1,
    "c3d.pickle": lambda path, weights: torch_files.write_pickles(path, plain_names(weights)),
    "c3d_plain.pickle": lambda path, weights: torch_files.write_plain(path, plain_names(weights)),
    "c3d.pth": lambda path, weights: torch_files.write_zip(path, {"state_dict": mmaction_names(weights), "meta": {}}),
    "c3d_features.pth": lambda path, weights: torch_files.write_zip(path, sequential_names(weights)),
    "c3d_half.pth": lambda path, weights: torch_files.write_zip(
        path, {name: one.astype(np.float16) for name, one in plain_names(weights).items()}
    ),
}


def micro(widths=WIDTHS, modalities=("rgb", "depth", "skeleton"), seed: int = 0) -> SMnet:
    settings = SMnetSettings(widths=widths, head_units=(3, 3, 3), recurrent_units=4)
    return build(settings, modalities, classes=3, image_size=16, seed=seed)


def everywhere(path: Path) -> dict[str, Path]:
    return dict.fromkeys(("rgb", "depth", "skeleton"), path)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_convolutions_to_all_streams(tmp_path: Path, name: str):
    weights, network = c3d(), micro()
    FORMS[name](tmp_path / name, weights)
    load_pretrained(network, everywhere(tmp_path / name))
    ours = variables_by_name(network)
    close = 1e-3 if "half" in name else 0
    for stream, stack in (("C3D_model/c3d_var", 8), ("C3D_depth/c3d_depth", 6), ("C3D_sk_model/sk_var", 6)):
        for layer in CONVOLUTIONS[:stack]:
            for part in ("wc", "bc"):
                assert np.allclose(ours[f"{stream}/{part}{layer}"], weights[part + layer], rtol=close, atol=0)


def test_blue_first_weights_are_turned_over_for_the_colour_stream_alone(tmp_path: Path):
    weights, network = c3d(), micro()
    write_tensorflow(tmp_path / "c3d.ckpt", weights)
    load_pretrained(network, everywhere(tmp_path / "c3d.ckpt"), blue_first=True)
    ours = variables_by_name(network)
    assert np.array_equal(ours["C3D_model/c3d_var/wc1"], weights["wc1"][:, :, :, ::-1])
    assert np.array_equal(ours["C3D_sk_model/sk_var/wc1"], weights["wc1"])
    red_first, blue_first = np.random.default_rng(0).normal(size=(2, 1, 4, 4, 4, 3)).astype(np.float32)
    blue_first = red_first[..., ::-1]
    stack = network.encoders[0].stack.convolutions[0]
    assert np.allclose(
        stack(red_first), tf.nn.conv3d(blue_first, weights["wc1"], [1] * 5, "SAME") + weights["bc1"], atol=1e-5
    )


@pytest.mark.parametrize("folder", ["pretrained", "pretrained_v1"])
def test_the_files_of_2019_in_both_formats_set_the_convolutions_only(folder: str):
    network = build(
        SMnetSettings(widths=(4, 6, 10, 10, 12, 12, 12, 12), head_units=(14, 8, 10), recurrent_units=16),
        ["rgb", "depth", "skeleton"], classes=20, image_size=80, seed=0,
    )  # fmt: skip
    variant = Variant(
        network={"model": "smnet"}, modalities=["rgb", "depth", "skeleton"], pretrained=str(DATA / folder),
        training={"stages": [{"steps": 1, "learning_rate": 0.1}]},
    )  # fmt: skip
    before = {name: v.numpy() for name, v in variables_by_name(network).items()}
    load_pretrained(network, pretrained_files(variant))
    changed = {name for name, v in variables_by_name(network).items() if not np.array_equal(v, before[name])}
    assert changed == {name for name in before if "/wc" in name or "/bc" in name}
    reader = tf.train.load_checkpoint(str(DATA / folder / "c3d_sk.chkp"))
    name = "C3D_sk_model/sk_var/wc3b"
    assert np.array_equal(variables_by_name(network)[name], reader.get_tensor(name))


def test_a_stream_takes_its_own_stack_out_of_a_whole_checkpoint():
    tensors, _ = read_convolutions(DATA / "ckpt/model-1", "C3D_depth/c3d_depth")
    reader = tf.train.load_checkpoint(str(DATA / "ckpt/model-1"))
    assert np.array_equal(tensors["wc2"], reader.get_tensor("C3D_depth/c3d_depth/wc2"))
    assert "wc5a" not in tensors


# ---- Files that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c3d.ckpt", "c3d.h5", "c3d.pth"])
def test_a_file_that_lacks_layers_says_which_and_what_it_has_and_changes_nothing(tmp_path: Path, name: str):
    weights, network = c3d(), micro()
    del weights["wc5b"], weights["bc5b"]
    FORMS[name](tmp_path / name, weights)
    before = network.get_weights()
    with pytest.raises(
        GestureError, match=rf"{name}: does not fit.*no tensor wc5b; no tensor bc5b; it has .*(fc6|wd1)"
    ):
        load_pretrained(network, everywhere(tmp_path / name))
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))


def test_other_widths_are_named(tmp_path: Path):
    write_keras(tmp_path / "c3d.h5", c3d(widths=(2, 3, 4, 4, 5, 5, 5, 6)))
    with pytest.raises(GestureError, match=r"wc5b is \(3, 3, 3, 5, 6\), expected \(3, 3, 3, 5, 5\); bc5b is \(6,\)"):
        load_pretrained(micro(), everywhere(tmp_path / "c3d.h5"))


def test_a_file_of_something_else_says_what_it_has(tmp_path: Path):
    torch_files.write_zip(tmp_path / "other.pth", {"layer1.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(
        GestureError, match=r"other\.pth: does not fit.*no tensor wc1.*and 13 more; it has layer1\.weight"
    ):
        load_pretrained(micro(), everywhere(tmp_path / "other.pth"))


@pytest.mark.parametrize(
    "content", [None, b"", b"no checkpoint at all", b"\x80\x02X", b"PK\x03\x04 cut", b"\x89HDF\r\n\x1a\n"]
)
def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path, content: bytes | None):
    path = tmp_path / "c3d.any"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GestureError, match=r"c3d\.any: (no such|not readable)") as caught:
        load_pretrained(micro(), everywhere(path))
    assert "\n" not in str(caught.value)


# ---- Torch files are programs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, 1e300])
def test_kernels_that_are_not_finite_in_float32_are_named_and_change_nothing(tmp_path: Path, value: float):
    weights, network = {key: one.astype(np.float64) for key, one in c3d().items()}, micro()
    weights["wc3a"][0, 0, 0, 0, 0] = value
    before = [one.numpy() for one in network.weights]
    with np.errstate(over="ignore"):
        write_keras(tmp_path / "c3d.h5", weights)
        with pytest.raises(GestureError, match=r"c3d\.h5: wc3a: values that are not finite in float32"):
            load_pretrained(network, everywhere(tmp_path / "c3d.h5"))
    assert all(np.array_equal(old, new) for old, new in zip(before, network.weights, strict=True))


def test_an_hdf5_file_that_takes_its_numbers_from_another_file_is_refused(tmp_path: Path):
    (tmp_path / "secret").write_bytes(bytes(4 * 27 * 3 * 2))
    with h5py.File(tmp_path / "c3d.h5", "w") as file:
        stored = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("conv1/kernel:0", (3, 3, 3, 3, 2), "<f4", external=stored)
    with pytest.raises(GestureError, match=r"c3d\.h5: conv1/kernel:0 lies in other files, which are not read"):
        read_convolutions(tmp_path / "c3d.h5")


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_checkpoint_that_was_cut_is_one_line(tmp_path: Path, part: str):
    write_tensorflow(tmp_path / "c3d.ckpt", c3d())
    path = tmp_path / f"c3d.ckpt.{part}"
    for kept in (0, 10, path.stat().st_size // 2):
        os.truncate(path, kept)
        with pytest.raises(GestureError, match=r"c3d\.ckpt: not readable as a TensorFlow checkpoint \(.+\)$"):
            read_convolutions(tmp_path / "c3d.ckpt")


class Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("write", [torch_files.write_pickles, torch_files.write_zip, torch_files.write_plain])
def test_code_in_a_pickle_is_refused_and_does_not_run(tmp_path: Path, write):
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Malicious(mark)))
    mark.rmdir()  # what any other reader would have made
    write(tmp_path / "c3d.pth", plain_names(c3d()) | {"conv9.weight": Malicious(mark)})
    with pytest.raises(
        GestureError, match=r"c3d\.pth: names posix\.mkdir, which no file of weights needs; nothing was run"
    ):
        load_pretrained(micro(), everywhere(tmp_path / "c3d.pth"))
    assert not mark.exists()


@pytest.mark.parametrize("size", [(3, 3, 3, 3, 200), (-1,)])
def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path, size):
    torch_files.write_zip(tmp_path / "c3d.pth", {"conv1.weight": torch_files.Lying(np.zeros(5, np.float32), size)})
    with pytest.raises(GestureError, match=r"not readable as a file of torch \(ValueError: a tensor reaches beyond"):
        read_convolutions(tmp_path / "c3d.pth")


# ---- Where a setting points ------------------------------------------------------------------------------------------


def variant(**changes) -> Variant:
    given = {
        "network": {"model": "smnet"},
        "modalities": ["rgb", "depth"],
        "training": {"stages": [{"steps": 1, "learning_rate": 1}]},
    }
    return Variant(**given | changes)


def test_a_folder_gives_each_stream_its_file_in_any_form(tmp_path: Path):
    write_keras(tmp_path / "c3d_rgb.h5", c3d())
    write_tensorflow(tmp_path / "c3d_depth.chkp", c3d())
    found = pretrained_files(variant(pretrained=str(tmp_path)))
    assert found == {"rgb": tmp_path / "c3d_rgb.h5", "depth": tmp_path / "c3d_depth.chkp"}
    with pytest.raises(GestureError, match=r"no file c3d_sk\.\*"):
        pretrained_files(variant(pretrained=str(tmp_path), modalities=["skeleton"]))
    (tmp_path / "c3d_rgb.pth").touch()
    with pytest.raises(GestureError, match=r"several files c3d_rgb\.\* \(c3d_rgb\.h5, c3d_rgb\.pth\)"):
        pretrained_files(variant(pretrained=str(tmp_path)))


def test_the_digest_changes_with_any_byte_of_a_checkpoint(tmp_path: Path):
    write_tensorflow(tmp_path / "c3d.ckpt", c3d())
    before = digest([tmp_path / "c3d.ckpt"])
    data = tmp_path / "c3d.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    assert digest([tmp_path / "c3d.ckpt"]) != before
