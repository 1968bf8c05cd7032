"""The networks' settings: cheap to import, strict, documented."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from gesture.catalog import AnyNetwork
from gesture.networks.smnet import SMnetSettings
from gesture.networks.tcn import TcnSettings


def test_importing_them_pulls_in_no_numpy_and_no_tensorflow():
    code = "import sys, gesture.catalog; sys.exit(bool({'numpy', 'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_key_model_chooses_the_network():
    adapter = TypeAdapter(AnyNetwork)
    assert isinstance(adapter.validate_python({"model": "tcn", "width": 32}), TcnSettings)
    assert isinstance(adapter.validate_python({"model": "smnet", "widths": [8, 16]}), SMnetSettings)


@pytest.mark.parametrize(
    "value",
    [
        {"model": "smnet", "width": 8},
        {"model": "smnet", "widths": []},
        {"model": "smnet", "widths": [8] * 9},
        {"model": "smnet", "head_units": [8, 8]},
        {"model": "smnet", "dropout": 1},
        {"model": "tcn", "streams": ["speed"]},
        {"model": "lstm"},
    ],
)
def test_values_without_sense_are_refused(value):
    with pytest.raises(ValidationError):
        TypeAdapter(AnyNetwork).validate_python(value)


@pytest.mark.parametrize("settings", [SMnetSettings, TcnSettings])
def test_every_key_has_a_sentence_and_a_default(settings):
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert not field.is_required(), name
