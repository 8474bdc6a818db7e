"""plan.json: the same command goes on where it stopped; another one is refused with the difference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from synthmed.errors import UserError
from synthmed.generation.environment import difference
from synthmed.generation.plan import Plan
from synthmed.generation.storage import Store

PLAN = "plan.json"


def open_plan(plan: Plan, store: Store, accept_environment: bool = False) -> Plan:
    """Write the folder's ``plan.json``, or see that the one there is this plan's. A larger n extends it.

    Returns:
        The plan with the environment that the folder was begun in, which each shard's own is compared with.

    Raises:
        UserError: the folder holds another dataset, its plan asks for more samples, or it was begun in an environment
            whose bytes may differ (unless accepted, when each shard records it).
    """
    old = read_plan(store)
    if old is None:
        _refuse_strangers(store)
        store.write(PLAN, plan.to_json())
        return plan
    content = {name: old.get(name) for name in plan.content()}
    wrong = difference({**content, "n": 0}, {**plan.content(), "n": 0})
    if wrong:
        name, (there, here) = next(iter(wrong.items()))
        raise UserError(
            f"{store}/{PLAN}: another dataset is there: {name} is {_short(there)}, this command's is {_short(here)}"
            f"{f', and {len(wrong) - 1} more differ' if len(wrong) > 1 else ''}; name another folder with --out"
        )
    if not isinstance(content["n"], int) or content["n"] > plan.n:
        raise UserError(
            f"{store}/{PLAN}: n = {content['n']} there, {plan.n} here; a larger n extends a set, a smaller is refused"
        )
    changed = difference(old.get("environment", {}), plan.environment)
    if changed and not accept_environment:
        name, (there, here) = next(iter(changed.items()))
        raise UserError(
            f"{store}/{PLAN}: begun with {name} {there}, here it is {here}"
            f"{f' (and {len(changed) - 1} more)' if len(changed) > 1 else ''}: bytes may differ; go on all the same "
            "with --accept-environment"
        )
    begun = replace(plan, environment=old.get("environment", {}))
    store.write(PLAN, begun.to_json())
    return begun


def read_plan(store: Store) -> dict[str, Any] | None:
    """The folder's ``plan.json``; None where there is none.

    Raises:
        UserError: it is not one.
    """
    data = store.read(PLAN, limit=2**24)
    if data is None:
        return None
    try:
        plan = json.loads(data)
    except ValueError as error:
        raise UserError(f"{store}/{PLAN}: not JSON ({error}); move it away or name another folder") from None
    if not isinstance(plan, dict):
        raise UserError(f"{store}/{PLAN}: not a plan; move it away or name another folder")
    return plan


def _refuse_strangers(store: Store) -> None:
    """A folder with files of somebody else's is not ours to fill."""
    strangers = [name for name in store.names() if not name.startswith(".")]
    if strangers:
        raise UserError(f"{store}: holds {strangers[0]} and no {PLAN}; name an empty or a new folder with --out")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
