"""The guard's questions to a suite's real rows and to its generators' cards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from synthmed.downstream.suite.data import RealRows, rows_folder
from synthmed.downstream.suite.generators import Opened
from synthmed.downstream.suite.guard import Real, check_card, check_strict
from synthmed.downstream.suite.outcome import Check
from synthmed.downstream.suite.plan import Job, draws
from synthmed.downstream.suite.schema import Suite
from synthmed.downstream.suite.sets import drawn
from synthmed.evaluation.results import read_json, write_json

KEPT = "guard.json"


def guard_real(suite: Suite, real: RealRows, out: Path) -> tuple[Real, list[Check]]:
    """What the rows' files hold, and training rows against test rows; kept, as every file is read for it.

    Raises:
        UserError: they overlap.
    """
    keys = {
        role: sorted({key for task in suite.tasks for key in rows_folder(out, role, task.key).load().keys})
        for role in real.roles
    }
    told = json.dumps([real.digests(), keys, suite.guard.allow_near], sort_keys=True)
    identity = hashlib.sha256(told.encode()).hexdigest()
    kept = read_json(out / KEPT)
    if isinstance(kept, dict) and kept.get("identity") == identity:
        ids = {role: {key: frozenset(of) for key, of in rows.items()} for role, rows in kept["ids"].items()}
        return Real(ids), [Check(**check) for check in kept["checks"]]
    held = Real()
    for role in real.roles:
        held.add(role, real.records(role), frozenset(keys[role]))
    checks = held.checks(suite.guard.allow_near)
    ids_told = {role: {key: sorted(of) for key, of in rows.items()} for role, rows in held.ids.items()}
    write_json(out / KEPT, {"identity": identity, "checks": [vars(check) for check in checks], "ids": ids_told})
    return held, checks


def guard_generator(opened: Opened, suite: Suite, jobs: Sequence[Job], held: Real, out: Path) -> list[Check]:
    """What a generator was trained on, by its card, against the test rows and, where it is strict, the drawn ones.

    Raises:
        UserError: it has seen what it must not.
    """
    spec = opened.spec
    if spec.per_draw:
        return []
    checks = [check_card(spec.name, opened.card, opened.reason, held)]
    if spec.setting == "strict":
        seen = [
            frozenset(drawn(out, task, amount, seed).keys)
            for task in suite.tasks
            for amount, seed in draws(jobs, spec, task.key)
        ]
        keys = sorted(frozenset.intersection(*seen)) if seen else []
        checks.append(check_strict(spec.name, opened.card, opened.reason, held, keys))
    return checks
