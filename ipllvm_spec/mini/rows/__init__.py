"""The rows of the benchmark twins: which scenes are asked what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from ipllvm_spec.mini.classes import CLASSES
from ipllvm_spec.mini.rows.answers import (
    CAPABILITIES,
    TALKS,
    docci_rows,
    llava_w_rows,
    mmvet_rows,
)
from ipllvm_spec.mini.rows.base import Ask, Row
from ipllvm_spec.mini.rows.charts import CHARTS, chartqa_rows
from ipllvm_spec.mini.rows.choices import ABILITIES, SUBTASKS, mme_rows, mmstar_rows
from ipllvm_spec.mini.rows.classes import class_rows, imagenet_rows
from ipllvm_spec.mini.rows.mathematics import CHOICES, VALUES, gsm8k_rows, mathvista_rows
from ipllvm_spec.mini.rows.pairs import PAIRS, mmvp_rows
from ipllvm_spec.mini.rows.quality import QUALITY, qbench_rows
from ipllvm_spec.mini.rows.science import DIAGRAMS, LESSONS, ai2d_rows, sqa_rows

__all__ = ["ASKS", "LESSON_ASKS", "MATH_ASKS", "ROWS", "Ask", "Row"]

ROWS: Mapping[str, Callable[[], list[Row]]] = MappingProxyType(
    {
        "mmvp": mmvp_rows,
        "qbench": qbench_rows,
        "mme": mme_rows,
        "mmstar": mmstar_rows,
        "mmvet": mmvet_rows,
        "llava_w": llava_w_rows,
        "mathvista": mathvista_rows,
        "sqa": sqa_rows,
        "chartqa": chartqa_rows,
        "ai2d": ai2d_rows,
        "gsm8k": gsm8k_rows,
        **{name: partial(class_rows, name) for name in CLASSES},
        "imagenet": imagenet_rows,
        "docci": docci_rows,
    }
)
"""Name of the twin to its rows; images are uint8 (64, 64, 3)."""

MATH_ASKS: tuple[Ask, ...] = tuple(ask for *_, ask in (*CHOICES, *VALUES))
"""What MathVista's twin asks."""

LESSON_ASKS: tuple[Ask, ...] = tuple(ask for *_, ask in LESSONS)
"""What SQA-IMG's twin asks."""

ASKS: tuple[Ask, ...] = (
    *PAIRS,
    *(ask for *_, ask in QUALITY),
    *(ask for _, asks in SUBTASKS for ask in asks),
    *(ask for *_, asks in ABILITIES for ask in asks),
    *(ask for _, ask in CAPABILITIES),
    *(Ask(kind, (*topics, "why"), 8) for kind, topics in TALKS),
    *(ask for *_, ask in LESSONS),
    *CHARTS,
    *DIAGRAMS,
    *(Ask(name, ("class",), 300) for name in CLASSES),
)
"""What any other twin asks."""
