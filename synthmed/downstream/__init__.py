"""What synthetic rows are good for: tasks trained on real rows, on synthetic ones and on both, and judged on real ones.

A cell is one training: a task, an arm, a draw of real rows and a seed. `synthmed.downstream.arms` trains it,
`synthmed.downstream.cell` is what is kept of it, `synthmed.downstream.effects` compares the arms.
"""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry, Registry

TASKS: Registry[Any] = Registry(
    "tasks",
    (
        Entry(
            "classification",
            "Which findings or class an image shows: MONAI DenseNet, macro AUROC",
            "synthmed.downstream.tasks.classification:Classification",
        ),
        Entry(
            "segmentation",
            "Where the structures are: MONAI UNet or DynUNet, Dice",
            "synthmed.downstream.tasks.segmentation:Segmentation",
        ),
        Entry(
            "detection",
            "Boxes around findings or cells: MONAI RetinaNet, mAP",
            "synthmed.downstream.tasks.detection:Detection",
        ),
    ),
)
