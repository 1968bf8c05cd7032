"""What only a card can prove; `benchmarks/gpu.py` prints the same as tables, with speed and memory."""

import os
import subprocess
import sys

import pytest
from gpu import KILLS, KINDS, LEAVES, PRECISIONS, TOLERANCE, Proof, card_nearly_full, differences, inside, worst
from gpu_memory import RATIO, measured
from made_up_steps import made_up

from gesture.config.gpu_memory import SLACK
from gesture.networks.memory import step_memory

DRY = os.environ.get("GESTURE_GPU_TESTS") == "cpu"
QUICK = KINDS[2:4] if DRY else KINDS


def test_tensorflow_computes_on_the_gpu_of_this_node(seen: dict) -> None:
    print(seen["line"])
    assert seen["line"]
    assert seen["gpus"] or DRY


def test_the_doctor_agrees() -> None:
    command = [sys.executable, "-m", "gesture.cli", "doctor", "--node"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", QUICK)
def test_the_first_steps_lose_what_they_lose_on_a_cpu(kind: str, precision: str, small: bool) -> None:
    here, there = differences(kind, precision, small)
    print(f"{kind} {precision}: {here} here, {there} on the CPU")
    assert worst(here, there) < TOLERANCE[precision]


@pytest.mark.parametrize("kind", QUICK)
def test_a_step_repeats_itself_to_the_last_bit(kind: str, small: bool) -> None:
    options = ("--image", 0 if small else 40)
    assert inside("losses", kind, "float32", *options) == inside("losses", kind, "float32", *options)


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory, small: bool) -> Proof:
    return Proof(tmp_path_factory.mktemp("proof"), small)


def test_stages_that_are_killed_end_in_the_bytes_of_undisturbed_ones(proof: Proof) -> None:
    assert proof.different(proof.chain("killed", KILLS[: 1 if DRY else None])) == []


def test_they_do_so_on_a_card_that_another_process_nearly_fills(proof: Proof) -> None:
    with card_nearly_full(LEAVES) as held:
        assert held or DRY
        assert proof.different(proof.chain("full", KILLS[: 1 if DRY else None])) == []


def test_two_processes_on_one_card_end_in_the_same_bytes(proof: Proof) -> None:
    found = proof.both_at_once()
    assert [proof.different(digests) for digests in found] == [[], []]


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_clip_takes_the_memory_that_was_predicted(precision: str) -> None:
    if DRY:
        pytest.skip("a CPU's kernels take other memory: benchmarks/gpu_memory.py compares that")
    case, kind = ("smnet", precision, False, 80), made_up(80)["smnet"]
    few, many = (measured(case, clips, "GPU")[1] for clips in (4, 12))
    predicted = step_memory(kind.settings, kind.modalities, kind.image, precision).unit
    print(f"{(many - few) / 8 / 1e6:.0f} MB a clip, predicted {predicted / 1e6:.0f} MB")
    assert (many - few) / 8 / predicted < RATIO[1] * SLACK
