"""`gesture doctor` judges what schedulers, drivers and file systems print; here they are texts."""

import json
import os
import time
from pathlib import Path

import pytest

from gesture.base import yaml_file
from gesture.base.errors import GestureError
from gesture.base.hardware import Device, Hardware
from gesture.cli import main
from gesture.config import settings
from gesture.operate import doctor, gpu, storage
from gesture.operate.trial import Trial
from gesture.schedulers import lsf, profile, slurm
from gesture.schedulers.ask import ask
from gesture.schedulers.finding import Finding
from gesture.schedulers.profile import scheduler_of
from gesture.schedulers.scheduler import Request

ROOT = Path(__file__).parent.parent.parent
LSF = Request("lsf-steady", minutes=240, memory_mb=40000, gpus=1, gpu_model="TeslaV100_SXM2_32GB", unit="MB")
SLURM = Request("slurm-steady", minutes=240, memory_mb=40000, gpus=1)
BQUEUES = """
QUEUE: short
  -- Quick ones.

PARAMETERS/STATISTICS
PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS
 35    0  Open:Active       -    -    -    -     0     0     0     0     0    0     0

 RUNLIMIT
 60.0 min

QUEUE: normal
  -- For normal jobs, running only if hosts are lightly loaded.  This is the
     default queue.

DEFAULT LIMITS:
 RUNLIMIT
 30.0 min

MAXIMUM LIMITS:
 RUNLIMIT
 1440.0 min of host1
"""
LSHOSTS = """
HOST_NAME   gpu_id       gpu_model   gpu_driver   gpu_factor      numa_id
node1            0 TeslaV100_SXM2_32GB       535.104          7.0            0
                 1 TeslaV100_SXM2_32GB       535.104          7.0            1
node2            0        TeslaK80       470.82          3.7            0
login            -               -            -            -            -
"""
SHOWCONF = "MBD configuration at Mon\n  LSF_UNIT_FOR_LIMITS = MB\n  LSF_CONFDIR = /opt/lsf\n"


def answers(texts: dict[str, str]):
    """Commands that print these texts; all others are missing."""
    return lambda *command: texts.get(command[0])


def levels(found: list[Finding]) -> dict[str, str]:
    return {one.check: one.level for one in found}


def lsf_findings(request: Request, **texts: str) -> dict[str, str]:
    return levels(lsf.findings(request, answers({"bqueues": BQUEUES, "lshosts": LSHOSTS, "badmin": SHOWCONF, **texts})))


def submission(request: Request, folder: Path) -> list[str]:
    return scheduler_of(request.executor).submission(request, 10, 8000, "look", folder / "log")


def changed(request: Request, **values: object) -> Request:
    return Request(**{**request.__dict__, **values})


def test_an_lsf_that_fits_has_no_problem() -> None:
    assert set(lsf_findings(LSF).values()) == {"ok"}


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"minutes": 1500.0}, "walltime"),
        ({"queue": "short"}, "walltime"),
        ({"queue": "gpu"}, "queue"),
        ({"gpu_model": "TeslaV100"}, "gpu model"),
    ],
)
def test_a_request_that_lsf_would_not_run_is_a_problem(values: dict[str, object], check: str) -> None:
    found = lsf_findings(changed(LSF, **values))
    assert [name for name, level in found.items() if level == "problem"] == [check]


def test_a_bare_memory_number_needs_megabytes() -> None:
    bare = changed(LSF, unit="none")
    assert lsf_findings(bare)["memory unit"] == "ok"
    assert lsf_findings(bare, badmin=SHOWCONF.replace("= MB", "= KB"))["memory unit"] == "problem"


def test_resource_strings_are_refused_where_the_new_gpu_syntax_is_on() -> None:
    modern = SHOWCONF + "  LSF_GPU_NEW_SYNTAX = extend\n"
    assert lsf_findings(LSF, badmin=modern)["gpu dialect"] == "problem"
    assert lsf_findings(changed(LSF, gpu_dialect="gpu-option"), badmin=modern)["gpu dialect"] == "ok"


@pytest.mark.parametrize("judge", [lsf.findings, slurm.findings])
def test_a_scheduler_that_does_not_answer_is_one_problem(judge) -> None:
    (found,) = judge(LSF, answers({}))
    assert (found.check, found.level) == ("scheduler", "problem")
    assert found.why
    assert found.todo


def slurm_findings(request: Request, sinfo: str, **texts: str) -> dict[str, str]:
    config = "MinJobAge               = 300 sec\n"
    return levels(slurm.findings(request, answers({"sinfo": sinfo, "scontrol": config, **texts})))


SINFO = "cpu*|2-00:00:00|(null)|192000|up|40\ngpu|8:00:00|gpu:v100:4(S:0-1)|384000+|up|4\n"


def test_a_slurm_that_fits_has_no_problem() -> None:
    assert set(slurm_findings(changed(SLURM, queue="gpu"), SINFO).values()) == {"ok"}


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"queue": "gpu", "minutes": 481.0}, "walltime"),
        ({"queue": "gpu", "gpu_model": "a100"}, "gpu model"),
        ({"queue": None}, "gpu model"),
        ({"queue": "long"}, "queue"),
        ({"queue": "gpu", "memory_mb": 400000}, "memory"),
    ],
)
def test_a_request_that_slurm_would_not_run_is_a_problem(values: dict[str, object], check: str) -> None:
    found = slurm_findings(changed(SLURM, **values), SINFO)
    assert [name for name, level in found.items() if level == "problem"] == [check]


def test_a_slurm_that_forgets_jobs_at_once_is_a_warning() -> None:
    assert slurm_findings(changed(SLURM, queue="gpu"), SINFO, scontrol="MinJobAge = 5 sec")["status"] == "warning"


@pytest.mark.parametrize(
    ("text", "minutes"), [("1-00:00:00", 1440), ("4:00:00", 240), ("30:00", 30), ("infinite", float("inf"))]
)
def test_slurm_time_limits_are_minutes(text: str, minutes: float) -> None:
    assert slurm.limit_minutes(text) == minutes


def test_gpu_types_of_slurm_are_told_apart() -> None:
    assert slurm.gpu_models(["gpu:v100:4(S:0-1),gpu:a100:2", "gpu:8", "(null)"]) == {"v100", "a100", ""}


def environment(wants_gpu: bool, name: str | None, **packages: str) -> dict[str, str]:
    versions = {package.replace("_", "-"): version for package, version in packages.items()}
    return levels(gpu.environment(versions.get, wants_gpu, name))


@pytest.mark.parametrize(
    ("cudnn", "name", "level"),
    [
        ("9.10.2.21", "TeslaV100_SXM2_32GB", "ok"),
        ("9.28.0.31", "Tesla V100-SXM2-32GB", "problem"),
        ("9.11.0.1", "v100", "problem"),
        ("9.28.0.31", "NVIDIA A100-SXM4-40GB", "ok"),
        ("9.28.0.31", None, "warning"),
    ],
)
def test_a_cudnn_without_code_for_the_v100_is_found_from_its_version(cudnn: str, name: str | None, level: str) -> None:
    assert environment(True, name, tensorflow="2.21.0", nvidia_cudnn_cu12=cudnn)["tensorflow"] == level


def test_a_cpu_tensorflow_is_refused_under_a_gpu_profile() -> None:
    assert environment(True, None, tensorflow="2.21.0")["tensorflow"] == "problem"
    assert environment(False, None, tensorflow="2.21.0") == {"tensorflow": "ok", "determinism": "ok"}
    assert environment(False, None) == {"tensorflow": "problem"}
    assert environment(False, None, tensorflow="2.7.4")["determinism"] == "problem"


def test_gpus_are_read_from_nvidia_smi() -> None:
    seen = gpu.visible("Tesla V100-SXM2-32GB, 32768\nTesla V100-SXM2-32GB, 32768\n")
    assert seen == [("Tesla V100-SXM2-32GB", 32768)] * 2
    assert gpu.visible("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.") == []
    assert (gpu.absent(True).level, gpu.absent(False).level) == ("problem", "ok")


def test_space_and_quota_are_judged_by_what_the_experiment_needs(tmp_path: Path) -> None:
    demo = settings.load(ROOT / "config/demo.yaml")
    big = settings.load(ROOT / "config/smnet.yaml")
    assert storage.needed_bytes(big, tmp_path) > storage.needed_bytes(demo, tmp_path) > 0
    assert storage.space(1e12, 1e9).level == "ok"
    assert storage.space(1e8, 1e9).level == "problem"


QUOTA = """Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
     server:/home {used} 20000000 22000000              100       0       0
"""


@pytest.mark.parametrize(("used", "level"), [("1000000", "ok"), ("19000000", "problem"), ("21000000*", "problem")])
def test_a_nearly_used_up_quota_is_a_problem(used: str, level: str) -> None:
    found = storage.quota(QUOTA.format(used=used), 5e9)
    assert found is not None
    assert found.level == level


def test_no_quota_is_no_finding() -> None:
    assert storage.quota(None, 1e9) is None
    assert storage.quota("Disk quotas for user root (uid 0): none", 1e9) is None
    assert storage.quota("  /lustre 1234 0 0 - 7 0 0 -\n", 1e9) is None


def test_the_file_system_of_this_test_is_good_and_left_clean(tmp_path: Path) -> None:
    assert set(levels(storage.file_system(tmp_path)).values()) == {"ok"}
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_is_off_is_found(tmp_path: Path) -> None:
    late = levels(storage.file_system(tmp_path, clock=lambda: time.time() - 3600))
    assert late["clock"] == "problem"
    assert storage.skew(-10).level == "warning"


def test_a_file_system_without_links_or_exclusive_files_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(self: Path, target: Path) -> None:
        raise OSError("no links here")

    real_open = os.open
    monkeypatch.setattr(Path, "hardlink_to", no_link)
    monkeypatch.setattr(
        os, "open", lambda path, flags, *rest, **more: real_open(path, flags & ~os.O_EXCL, *rest, **more)
    )
    found = levels(storage.file_system(tmp_path))
    assert (found["hard links"], found["exclusive files"]) == ("warning", "problem")


def test_a_missing_working_directory_is_one_problem(tmp_path: Path) -> None:
    (found,) = storage.file_system(tmp_path / "missing")
    assert found.level == "problem"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lsf", LSF),
        ("slurm", changed(SLURM, extra="--signal=URG@600")),
        ("local", Request("local", 1440)),
    ],
)
def test_the_shipped_profiles_are_understood(name: str, expected: Request) -> None:
    assert profile.request(profile.find(name)) == expected


def test_other_ways_to_write_a_profile_are_understood(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "executor: lsf\n"
        "default-resources: [mem_mb=1000, lsf_queue=long]\n"
        "set-resources:\n"
        "  - train:runtime=4h\n"
        '  - train:lsf_extra=-gpu "num=1:mode=exclusive_process:gmodel=TeslaV100"\n'
    )
    found = profile.request(profile.find(str(tmp_path)))
    assert found == Request(
        "lsf",
        240,
        1000,
        1,
        "TeslaV100",
        "long",
        unit="none",
        extra='-gpu "num=1:mode=exclusive_process:gmodel=TeslaV100"',
    )
    assert submission(found, tmp_path).count("-gpu") == 1


def test_the_probe_asks_for_the_queue_and_gpu_of_the_training_job(tmp_path: Path) -> None:
    line = submission(changed(LSF, queue="gpu", account="ours"), tmp_path)
    assert line[-1] == "look"
    assert {"gpu", "ours", "0:10", "rusage[ngpus_excl_p=1]", "select[gpu_model0==TeslaV100_SXM2_32GB]"} <= set(line)
    modern = submission(changed(LSF, gpu_dialect="gpu-option"), tmp_path)
    assert "num=1:mode=exclusive_process:gmodel=TeslaV100_SXM2_32GB" in modern
    assert "--gres=gpu:1" in submission(SLURM, tmp_path)
    assert scheduler_of("lsf").job_number("Job <17> is submitted to queue <normal>.") == "17"
    assert scheduler_of("slurm").job_number("18;cluster\n") == "18"
    assert all(scheduler_of(name).job_number("refused") is None for name in ("lsf", "slurm", "local"))


def test_an_executor_that_is_not_installed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(doctor.findings(SLURM, tmp_path, None, answers({})))["executor"] == "ok"
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert levels(doctor.findings(SLURM, tmp_path, None, answers({})))["executor"] == "problem"


def test_an_executor_of_no_known_scheduler_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("executor: slrum\n")
    with pytest.raises(GestureError, match="did you mean 'slurm'"):
        profile.request(tmp_path / "config.yaml")


def test_a_node_is_judged_by_its_own_gpu(tmp_path: Path) -> None:
    v100 = Device("Tesla V100-SXM2-32GB", "7.0", 32768)
    seen = Hardware((v100,), "AMD EPYC", "550.54.15", "12.5.1", "9.28.0", False, "")
    trial = Trial(seen, (12, 4), ("default",), {}, {}, "")
    versions = {"tensorflow": "2.21.0", "nvidia-cudnn-cu12": "9.28.0.31"}
    found = levels(
        doctor.findings(SLURM, tmp_path, None, answers({}), on_node=True, version=versions.get, try_out=lambda: trial)
    )
    assert (found["gpu"], found["tensorflow"], found["cuDNN"]) == ("ok", "problem", "problem")
    assert "scheduler" not in found


@pytest.mark.parametrize(("gpus", "devices", "level"), [(1, 2, "problem"), (2, 2, None), (4, 2, None), (0, 2, None)])
def test_a_profile_that_asks_for_fewer_gpus_than_share_a_batch_is_told(
    tmp_path: Path, gpus: int, devices: int, level: str | None
) -> None:
    demo = yaml_file.read(ROOT / "config" / "demo.yaml")
    demo["training"] = {**demo["training"], "devices": devices, "batch_size": 8}
    asked = Request("slurm-steady", minutes=240, memory_mb=40000, gpus=gpus)
    found = levels(doctor.findings(asked, tmp_path, settings.parse(demo, "demo"), answers({})))
    assert found.get("gpus") == level


def test_this_machine_is_fit_for_the_local_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "ROOM", 0.0)  # its disk may be nearly full
    assert main(["doctor", "--directory", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["check"] for one in found} >= {"tensorflow", "determinism", "gpu", "atomic rename", "clock", "space"}


def test_problems_give_exit_code_2_and_are_named_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["doctor", "--profile", "slurm", "--directory", str(tmp_path), "--probe"]) == 2
    printed = capsys.readouterr()
    assert "gesture doctor: jobs would fail: scheduler" in printed.err
    assert "do:  log in to a submit host" in printed.out


def test_a_command_that_is_missing_fails_or_prints_has_an_answer_or_none() -> None:
    assert ask("no-such-command-anywhere") is None
    assert ask("false") is None
    assert ask("echo", "yes") == "yes\n"


@pytest.mark.parametrize(
    ("given", "minutes", "memory"),
    [
        ({"runtime": 240, "mem_mb": 40000}, 240, 40000),
        ({"runtime": "2 hours", "mem": "900GB"}, 120, 900_000),
        ({"runtime": "4h", "mem_mb": "16 GB"}, 240, 16_000),
        ({"runtime": "90 min", "mem": "1 GiB"}, 90, 1074),
    ],
)
def test_durations_and_sizes_are_read_as_snakemake_reads_them(tmp_path, given, minutes, memory) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"executor": "slurm", "set-resources": {"train": given}}))
    found = profile.request(path)
    assert (found.minutes, found.memory_mb) == (minutes, memory)


@pytest.mark.parametrize("given", [{"runtime": "soon"}, {"mem": "much"}, {"runtime": "-3h"}])
def test_a_duration_or_size_that_is_none_is_one_line(tmp_path, given) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"executor": "slurm", "default-resources": given}))
    with pytest.raises(GestureError, match=rf"config.yaml: {next(iter(given))} of"):
        profile.request(tmp_path / "config.yaml")
