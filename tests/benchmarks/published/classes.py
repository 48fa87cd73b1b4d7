"""Images with class labels, and captioned photographs."""

import datasets

from ipllvm_spec.benchmarks.classification_lists import class_list
from tests.benchmarks.published import STRING, cell

INTEGER = datasets.Value("int64")
SETS = (
    "caltech101",
    "cifar100",
    "food101",
    "pets",
    "country211",
    "eurosat",
    "aircraft",
    "imagenet",
)


def labels(name):
    """The column type of the published labels; ImageNet's texts are longer than CLIP's names."""
    known = class_list(name)
    names = known.labels or [f"{text}, number {at}" for at, text in enumerate(known.names)]
    return datasets.ClassLabel(names=list(names))


FEATURES = {name: {"image": datasets.Image(), "label": labels(name)} for name in SETS}
FEATURES["cifar100"] = {
    "img": datasets.Image(),
    "fine_label": labels("cifar100"),
    "coarse_label": INTEGER,
}
FEATURES["aircraft"] = {"image": datasets.Image(), "variant": labels("aircraft")}
FEATURES["pets"] |= {
    "image_id": STRING,
    "label_cat_dog": datasets.ClassLabel(names=["cat", "dog"]),
}
FEATURES["docci"] = {"image": datasets.Image(), "example_id": STRING, "description": STRING}

SPLITS = dict.fromkeys(FEATURES, "test") | {"food101": "validation", "imagenet": "validation"}


def class_rows(name, count):
    """Rows of a set, its classes in turn."""
    kinds = len(class_list(name).names)
    found = [(cell(i), i % kinds) for i in range(count)]
    if name == "cifar100":
        return [{"img": i, "fine_label": n, "coarse_label": n // 5} for i, n in found]
    column = "variant" if name == "aircraft" else "label"
    rows = [{"image": image, column: number} for image, number in found]
    if name != "pets":
        return rows
    return [r | {"image_id": f"pet_{i}", "label_cat_dog": i % 2} for i, r in enumerate(rows)]


def docci_rows(count):
    """Rows in another order than that of their ids."""
    return [
        {
            "image": cell(i),
            "example_id": f"test_{(count - i):05d}",
            "description": f" A long description of photograph {i}. ",
        }
        for i in range(count)
    ]


ROWS = {name: lambda count, name=name: class_rows(name, count) for name in SETS}
ROWS["docci"] = docci_rows
