from __future__ import annotations

import subprocess
import sys

import pytest

from synthmed.errors import UserError
from synthmed.load import load_model
from synthmed.modality import MODALITIES, Modality
from synthmed.registry import Entry, Registry, nearest


def test_entries_are_the_thing_or_where_it_is() -> None:
    registry: Registry[object] = Registry(
        "things", [Entry("pi", "a number", 3.14), Entry("tau", "another", "math:tau")]
    )
    assert registry.get("pi") == 3.14
    assert registry.get("tau") == pytest.approx(6.283, abs=1e-3)
    assert "tau" in registry
    assert [(entry.name, entry.summary) for entry in registry] == [("pi", "a number"), ("tau", "another")]


def test_a_name_is_taken_once() -> None:
    registry: Registry[int] = Registry("things", [Entry("one", "", 1)])
    with pytest.raises(ValueError, match="'one' is registered already"):
        registry.add(Entry("one", "", 2))
    registry.add(Entry("two", "", 2))
    assert registry.get("two") == 2


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    registry: Registry[int] = Registry("things", [Entry("consolidation", "", 1), Entry("mass", "", 2)])
    with pytest.raises(UserError, match="things: there is no 'consolidaton'; did you mean 'consolidation'"):
        registry.get("consolidaton")
    assert nearest("zzz", ["b", "a"]) == "; there are: a, b"


def test_a_third_partys_package_adds_a_modality_by_an_entry_point_alone() -> None:
    ultrasound = MODALITIES.get("us")
    assert isinstance(ultrasound, Modality)
    assert ultrasound.name == "us"


def test_a_third_party_cannot_take_a_name() -> None:
    script = """
import importlib.metadata as metadata
from synthmed import registry
registry.entry_points = lambda group: [metadata.EntryPoint("ct", "elsewhere:CT", group)]
from synthmed.modality import MODALITIES
MODALITIES.get("xray")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "'elsewhere:CT' takes the name 'ct', which is taken" in done.stderr


@pytest.mark.parametrize("name", ["medm2g", "medart"])
def test_a_class_without_a_packaged_model_says_what_to_do(name: str) -> None:
    with pytest.raises(UserError, match=f"^{name}: no trained model .* `synthmed ls recipes`") as error:
        load_model(name)
    assert "\n" not in str(error.value)


def test_names_import_nothing() -> None:
    script = "import sys; from synthmed.load import MODELS; print(MODELS.names(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['flaky', 'medart', 'medm2g', 'phantom', 'testnet'] False\n"
