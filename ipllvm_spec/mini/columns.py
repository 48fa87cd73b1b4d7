"""Columns of the twins as the published data sets name and type them, and their splits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ipllvm_spec.mini.classes import CLASSES, SCENE_CLASSES

_TEXT, _IMAGE, _LABEL = "string", "image", "label"
_QUESTION = {"question": _TEXT, "answer": _TEXT}
_OPTIONS = {f"option{i}": _TEXT for i in range(4)}
_LABELLED = {"image": _IMAGE, "label": _LABEL}

#: Type of every column: a type of ``datasets``, "image", "label", "list", or a mapping of such.
COLUMNS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "mmvp": {
            "Index": "int64",
            "Question": _TEXT,
            "Options": _TEXT,
            "Correct Answer": _TEXT,
            "image": _IMAGE,
        },
        "qbench": {
            "id": _TEXT,
            "image": _IMAGE,
            "question": _TEXT,
            **_OPTIONS,
            "question_type": "int64",
            "question_concern": "int64",
            "correct_choice": _TEXT,
        },
        "mme": {
            "question_id": _TEXT,
            "image": _IMAGE,
            "question": _TEXT,
            "answer": _TEXT,
            "category": _TEXT,
        },
        "mmstar": {
            "index": "int64",
            "question": _TEXT,
            "image": _IMAGE,
            "answer": _TEXT,
            "category": _TEXT,
            "l2_category": _TEXT,
            "meta_info": {"source": _TEXT, "split": _TEXT, "image_path": _TEXT},
        },
        "mmvet": {
            "question_id": _TEXT,
            "image": _IMAGE,
            **_QUESTION,
            "image_source": _TEXT,
            "capability": _TEXT,
        },
        "llava_w": {
            "question_id": "int64",
            "question": _TEXT,
            "image": _IMAGE,
            "image_id": _TEXT,
            "category": _TEXT,
            "caption": _TEXT,
            "gpt_answer": _TEXT,
        },
        "mathvista": {
            "pid": _TEXT,
            "question": _TEXT,
            "image": _TEXT,
            "decoded_image": _IMAGE,
            "choices": "list",
            "unit": _TEXT,
            "precision": "float64",
            "answer": _TEXT,
            "question_type": _TEXT,
            "answer_type": _TEXT,
            "metadata": {
                "category": _TEXT,
                "context": _TEXT,
                "grade": _TEXT,
                "img_height": "int64",
                "img_width": "int64",
                "language": _TEXT,
                "skills": "list",
                "source": _TEXT,
                "split": _TEXT,
                "task": _TEXT,
            },
            "query": _TEXT,
        },
        "sqa": {
            "image": _IMAGE,
            "question": _TEXT,
            "choices": "list",
            "answer": "int8",
            "hint": _TEXT,
            "task": _TEXT,
            "grade": _TEXT,
            "subject": _TEXT,
            "topic": _TEXT,
            "category": _TEXT,
            "skill": _TEXT,
            "lecture": _TEXT,
            "solution": _TEXT,
        },
        "chartqa": {"type": _TEXT, **_QUESTION, "image": _IMAGE},
        "ai2d": {"question": _TEXT, "options": "list", "answer": _TEXT, "image": _IMAGE},
        "gsm8k": _QUESTION,
        "caltech101": _LABELLED,
        "cifar100": {"img": _IMAGE, "fine_label": _LABEL, "coarse_label": "int64"},
        "food101": _LABELLED,
        "pets": {**_LABELLED, "image_id": _TEXT, "label_cat_dog": "int64"},
        "country211": _LABELLED,
        "eurosat": _LABELLED,
        "aircraft": {"image": _IMAGE, "variant": _LABEL},
        "imagenet": _LABELLED,
        "docci": {"image": _IMAGE, "example_id": _TEXT, "description": _TEXT},
    }
)

SPLITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(COLUMNS, "test"),
        "mmvp": "train",
        "qbench": "dev",
        "mmstar": "val",
        "llava_w": "train",
        "mathvista": "testmini",
        "food101": "validation",
        "imagenet": "validation",
    }
)
"""Name of the twin to its published split."""


def twin_features(name: str) -> Any:
    """The published ``datasets.Features`` of a twin."""
    import datasets

    names = CLASSES.get(name, SCENE_CLASSES)

    def made(kind: Any) -> Any:
        if isinstance(kind, Mapping):
            return {column: made(inner) for column, inner in kind.items()}
        if kind == _IMAGE:
            return datasets.Image()
        if kind == _LABEL:
            return datasets.ClassLabel(names=list(names))
        return datasets.List(datasets.Value(_TEXT)) if kind == "list" else datasets.Value(kind)

    return datasets.Features(made(COLUMNS[name]))
