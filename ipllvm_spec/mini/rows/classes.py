"""Twins of the classification sets and of ImageNet: an image and its label."""

from __future__ import annotations

from typing import Any

from ipllvm_spec.mini.classes import CLASSES, SCENE_CLASSES
from ipllvm_spec.mini.questions import KINDS
from ipllvm_spec.mini.questions.base import seeded
from ipllvm_spec.mini.questions.pictures import ARTWORKS, LANDMARKS, VIEWS
from ipllvm_spec.mini.rows.base import Row

#: Kinds of scene whose names are the classes of ImageNet's twin.
SCENE_KINDS = (("view", tuple(VIEWS)), ("landmark", tuple(LANDMARKS)), ("artwork", ARTWORKS))
ITEMS = 300
#: Columns of the labels that are not called "label".
LABELS = {"cifar100": "fine_label", "aircraft": "variant"}


def _drawn(kind: str, what: str, rng: Any) -> Any:
    """A held-out scene of a kind that shows one class."""
    while True:
        spec = KINDS[kind].sample(rng)
        # a silhouette's place depends on what it is, so a spec is drawn until it shows the class
        if spec.what == what and (scene := KINDS[kind].draw(spec)).held_out:
            return scene


def class_rows(name: str) -> list[Row]:
    """300 images of a classification set, its classes in turn."""
    rng = seeded(f"twin:{name}")
    names = CLASSES[name]
    rows: list[Row] = []
    for number in range(ITEMS):
        label = number % len(names)
        pixels = _drawn(name, names[label], rng).pixels
        if name == "cifar100":
            coarse = label * 5 // len(names)
            rows.append({"img": pixels, LABELS[name]: label, "coarse_label": coarse})
        elif name == "pets":
            dog = int(label >= len(names) // 2)
            identity = f"{names[label]}_{number}"
            rows.append(
                {"image": pixels, "label": label, "image_id": identity, "label_cat_dog": dog}
            )
        else:
            rows.append({"image": pixels, LABELS.get(name, "label"): label})
    return rows


def imagenet_rows() -> list[Row]:
    """300 scenes, their classes in turn."""
    rng = seeded("twin:imagenet")
    rows: list[Row] = []
    for number in range(ITEMS):
        label = number % len(SCENE_CLASSES)
        what = SCENE_CLASSES[label]
        kind = next(kind for kind, names in SCENE_KINDS if what in names)
        rows.append({"image": _drawn(kind, what, rng).pixels, "label": label})
    return rows
