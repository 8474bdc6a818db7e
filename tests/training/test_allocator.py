from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from synthmed.training.allocator import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
torch.set_num_threads(1)
def step():
    return [torch.ones(10 * 2**20) for _ in range(2)]  # freed at once: by default no block over 32 MiB stays
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(word: str) -> tuple[str, int]:
    printed = subprocess.run([sys.executable, "-c", FAULTS, word], capture_output=True, text=True, check=True).stdout
    kept, count = printed.split()
    return kept, int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_memory_is_used_again_without_new_pages() -> None:
    kept, count = faults("keep")
    assert kept == "True"
    # By default at least a page a block, of 2 MiB where the system has huge ones. How a heap lies can cost a few.
    given_back = faults("default")[1]
    assert given_back >= 10 * 2 * 20
    assert count < given_back / 2


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from synthmed.training import allocator

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
