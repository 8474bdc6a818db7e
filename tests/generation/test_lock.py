from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthmed.errors import UserError
from synthmed.generation.lock import STALE_SECONDS, locked
from synthmed.generation.storage import Store

HOLD = """
import sys
from synthmed.generation.lock import locked
from synthmed.generation.storage import Store
with locked(Store(sys.argv[1]), range(0, 5)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_living_run_is_named_and_a_killed_one_is_succeeded(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    store = Store(tmp_path)
    with pytest.raises(UserError, match=f"process {holder.pid} on"), locked(store, range(4, 8)):
        pass
    with locked(store, range(5, 8)):
        assert len(list(tmp_path.glob(".lock-*"))) == 2
    holder.kill()
    holder.wait()
    with locked(store, range(5)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_pid_that_another_process_has_now_is_not_the_holder(tmp_path: Path) -> None:
    _write(tmp_path, pid=os.getppid(), host=socket.gethostname())
    with locked(Store(tmp_path), range(5)):
        pass


@pytest.mark.parametrize(("age", "free"), [(0.0, False), (STALE_SECONDS + 60, True)])
def test_another_hosts_lock_holds_while_it_is_touched(tmp_path: Path, age: float, free: bool) -> None:
    path = _write(tmp_path, pid=1, host="elsewhere")
    os.utime(path, (time.time() - age, time.time() - age))
    if free:
        with locked(Store(tmp_path), range(5)) as lock:
            lock.touch()
    else:
        with pytest.raises(UserError, match="process 1 on elsewhere"), locked(Store(tmp_path), range(5)):
            pass


def _write(folder: Path, *, pid: int, host: str) -> Path:
    path = folder / ".lock-000000-000005"
    path.write_text(json.dumps({"pid": pid, "host": host, "started": 1.0, "shards": [0, 5]}))
    return path
