"""Runs that share fake GPUs: never more than a GPU holds, all are used, and what a killed run held is free again."""

import multiprocessing
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from smallbatch.study import accelerators, cards, gpu_memory
from smallbatch.study.cards import one_card
from smallbatch.study.file import parse_study


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cards, "WAIT", 0.02)


def work(folder, number, mib, there, log):
    os.chdir(folder)
    cards.WAIT = 0.02
    with one_card(mib, there) as card:
        log.put((time.monotonic(), number, card, mib))
        time.sleep(0.15)
        log.put((time.monotonic(), number, card, -mib))


def test_two_gpus_and_a_study_of_runs_are_never_above_the_limit_and_both_used(tmp_path):
    there = {"0": 10_000, "1": 6_000}
    context = multiprocessing.get_context("fork")
    log = context.Queue()
    needs = [4_000, 3_000, 6_000, 5_000, 9_000, 2_000, 4_000, 3_000]
    runs = [context.Process(target=work, args=(tmp_path, k, mib, there, log)) for k, mib in enumerate(needs)]
    for run in runs:
        run.start()
    events = sorted(log.get(timeout=60) for _ in range(2 * len(needs)))
    for run in runs:
        run.join(60)
    used, most = dict.fromkeys(there, 0), dict.fromkeys(there, 0)
    for _, _, card, mib in events:
        used[card] += mib
        most[card] = max(most[card], used[card])
    assert all(0 < most[card] <= there[card] for card in there), most
    assert used == {"0": 0, "1": 0}
    assert max(most.values()) > max(needs[:1])  # some ran side by side on one


def test_what_a_killed_run_held_is_free_again():
    code = "import time\nfrom smallbatch.study.cards import one_card\nwith one_card(900, {'0': 1000}):\n" \
           "    print('held', flush=True)\n    time.sleep(600)"  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert cards._taken(200, {"0": 1000}) is None
        process.kill()
    with one_card(200, {"0": 1000}) as card:
        assert card == "0"


def test_a_run_that_fits_no_gpu_gets_the_largest_to_itself():
    there = {"0": 1000, "1": 2000}
    with one_card(5000, there) as card:
        assert card == "1"
        assert cards._taken(1, {"1": 2000}) is None
    with one_card(100, {}) as card:
        assert card is None


def test_gpus_keep_the_names_that_a_scheduler_gave_them(monkeypatch):
    said = "A, 100, 1\nB, 200, 1\nC, 300, 1\n"
    monkeypatch.setattr(accelerators.subprocess, "run", lambda *a, **k: SimpleNamespace(stdout=said))
    assert cards.cards() == {"0": 100, "1": 200, "2": 300}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert cards.cards() == {"2": 300, "0": 100}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cards.cards() == {}


def test_the_memory_of_a_run_grows_with_its_batches_and_is_read_back(tmp_path):
    study = parse_study("two", "title: T\ndefaults: {n_train: 64}\nexperiments: {e: {grid: {batch_size: [4, 32]}}}")
    network = SimpleNamespace(memory_mib=lambda size: 100.0 * size)
    small, large = sorted(gpu_memory.needed_mib(config, lambda _: network) for config in study.runs.values())
    assert large - small == pytest.approx(1.5 * 100 * 28, abs=1) and small > 1.5 * 400
    assert cards.counted_mib("two") == {}
    (tmp_path / "logs").mkdir()
    cards.counted_file("two").write_text('{"b4-s0": 1300}')
    assert cards.counted_mib("two") == {"b4-s0": 1300}
