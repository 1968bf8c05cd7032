"""How many GPUs a job asks for, in every dialect of a profile."""

import pytest

from gesture.schedulers.gpus import asked


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ({}, 0),
        ({"gpu": 0}, 0),
        ({"gpu": 1, "gpu_model": "TeslaV100"}, 1),
        ({"gpu": "2"}, 2),
        ({"gres": "gpu"}, 1),
        ({"gres": "gpu:2", "ngpus": 2}, 2),
        ({"gres": "gpu:v100:4"}, 4),
        ({"gres": "lustre:1,gpu:a100:2"}, 2),
        ({"gres": "lustre:1"}, 0),
        ({"ngpus": 3}, 3),
        ({"lsf_extra": '-R "rusage[ngpus_excl_p=2]" -R "select[gpu_model0==TeslaV100]"'}, 2),
        ({"lsf_extra": '-gpu "num=4:mode=exclusive_process:gmodel=TeslaV100"'}, 4),
        ({"lsf_extra": '-gpu "mode=exclusive_process:num=2"'}, 2),
        ({"lsf_extra": "-gpu -"}, 1),
        ({"lsf_extra": "-q normal"}, 0),
        ({"slurm_extra": "--gres=gpu:v100:2"}, 2),
        ({"slurm_extra": "--gres=gpu"}, 1),
        ({"slurm_extra": "--gpus=a100:2"}, 2),
        ({"slurm_extra": "--signal=URG@600"}, 0),
    ],
)
def test_the_number_is_found_however_it_is_written(resources: dict, count: int) -> None:
    assert asked(resources) == count
