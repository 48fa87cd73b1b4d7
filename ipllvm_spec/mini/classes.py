"""Names of the classes that the twins of the classification sets show.

They are among those of the published sets, so that prompts, aliases and scorers meet their like;
what an image of one looks like is ours (questions/looks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "caltech101": (
            "accordion", "anchor", "ant", "barrel", "binocular", "bonsai", "brain", "buddha",
            "butterfly", "camera", "cannon", "chair", "chandelier", "cougar", "dollar", "ewer",
        ),
        "cifar100": (
            "apple", "bear", "bed", "bee", "beetle", "bicycle", "bottle", "boy", "bus", "camel",
            "castle", "cloud", "crab", "crocodile", "cup", "dolphin", "elephant", "fox", "girl",
            "lamb",
        ),
        "food101": (
            "bibimbap", "ceviche", "churros", "dumplings", "edamame", "gnocchi", "guacamole",
            "hummus", "lasagna", "nachos", "omelette", "pizza",
        ),
        "pets": (
            "Abyssinian", "Bengal", "Birman", "Siamese", "Sphynx",
            "beagle", "boxer", "chihuahua", "pug", "samoyed",
        ),
        "country211": (
            "Armenia", "Austria", "Belgium", "Bolivia", "Bulgaria", "Colombia", "Estonia",
            "France", "Gabon", "Germany", "Guinea", "Hungary", "India", "Ireland", "Italy",
            "Lithuania", "Luxembourg", "Mali", "Netherlands", "Nigeria", "Peru", "Romania",
            "Russia", "Yemen",
        ),
        "eurosat": (
            "annual crop", "forest", "herbaceous vegetation", "highway", "industrial", "pasture",
            "permanent crop", "residential", "river", "sea or lake",
        ),
        "aircraft": (
            "707-320", "727-200", "737-300", "747-400", "757-200", "767-300", "A300B4", "A310",
            "A320", "A340-200", "DC-10", "MD-11",
        ),
    }
)  # fmt: skip
"""Set to its class names, in the order of their labels."""

SCENE_CLASSES = (
    "beach", "harbor", "meadow", "lake", "mountain", "valley", "oasis", "savanna",
    "tower", "pillar", "gate", "goblet", "bridge", "ship", "pyramid", "bowl",
    "rows", "columns", "checkerboard", "halves", "layers", "rings",
)  # fmt: skip
"""Classes of ImageNet's twin: views, landmarks and artworks."""
