"""A name that nobody has given is refused wherever it turns up; nothing takes it for the last kind it knows."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_arrays import settings_of

from gesture.base.errors import GestureError
from gesture.catalog import FORMATS, NETWORKS
from gesture.config.schedule import rates
from gesture.config.settings import Data, parse
from gesture.convert.reader import Records, records_digest
from gesture.formats.sequence import Sequence
from gesture.inputs.batch import Inputs, images_of
from gesture.inputs.pictures import Colour
from gesture.networks.base import InputSpec
from gesture.networks.smnet import layers_of
from gesture.networks.tcn import TcnSettings


def test_a_network() -> None:
    with pytest.raises(GestureError, match=r"'nonesuch' is not a network \(smnet, tcn, stgcn, "):
        NETWORKS["nonesuch"]


def test_a_raw_format() -> None:
    with pytest.raises(GestureError, match=r"'nonesuch' is not a data set \(synthetic, montalbano2014, "):
        FORMATS["nonesuch"]


def test_a_kind_of_input() -> None:
    with pytest.raises(GestureError, match=r"'nonesuch' is not a kind of input \(rgb, depth, skeleton_image, "):
        Inputs.made([InputSpec("nonesuch")])


def test_a_kind_of_input_that_a_network_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TcnSettings, "inputs", lambda self, variant: (InputSpec("skelleton"),))
    with pytest.raises(GestureError, match=r"variants\.joints: 'skelleton' is not a kind .*did you mean 'skeleton'"):
        parse(settings_of(Path("x")), "c.yaml")


def test_a_kind_of_picture() -> None:
    sequence = Sequence(1, "test", skeleton=np.zeros((2, 20, 9), np.float32))
    with pytest.raises(GestureError, match=r"'nonesuch' is not a kind of picture \(rgb, depth, skeleton_image\)"):
        images_of(sequence, "nonesuch", Colour(), 16)


def test_a_clip_encoder() -> None:
    with pytest.raises(GestureError, match=r"'nonesuch' is not a clip encoder \(c3d, r2plus1d\)"):
        layers_of("nonesuch", [8])


def test_a_schedule_of_rates() -> None:
    training = parse(settings_of(Path("x")), "c").training
    stage = training.stages[0].model_copy(update={"final_learning_rate": 1e-4})
    odd = training.model_copy(update={"learning_rate_schedule": "nonesuch", "stages": [stage]})
    with pytest.raises(GestureError, match=r"'nonesuch' is not a schedule \(cosine, exponential\)"):
        rates(odd, 1, 1, 8)


def test_a_role_of_sequences(tmp_path: Path) -> None:
    index = "shard,offset,size,id,split,label,subject,source\na,0,0,1,test,,,\n"
    (tmp_path / "index.csv").write_text(index)
    manifest = {"classes": [], "modalities": [], "size": 16, "counts": {}, "shards": {}}
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "digest": records_digest({}, index)}))
    records = Records(tmp_path / "manifest.json")
    assert records.positions("test", Data()).tolist() == [0]
    with pytest.raises(GestureError, match=r"'nonesuch' is not a role \(training, validation, test\)"):
        records.positions("nonesuch", Data())
