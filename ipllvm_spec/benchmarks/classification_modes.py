"""Protocol modes of the classification sets: what is asked, and who reads the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Protocol:
    """What one mode asks, and who reads the answers.

    Attributes:
        listed: Whether the prompt lists the classes.
        scorer: ``contains`` and ``extract`` are rules; ``verify`` asks a judge.
        likelihood: Whether the class of the largest likelihood is the answer.
        every_row: Whether all rows are items rather than those of the index list.
    """

    listed: bool = False
    scorer: Literal["contains", "extract", "verify"] = "contains"
    likelihood: bool = False
    every_row: bool = False


#: ``all`` is for encoders, which are cheap enough to see every image of a split.
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "standard": Protocol(listed=True),
        "paper": Protocol(listed=True, scorer="verify"),
        "extract": Protocol(listed=True, scorer="extract"),
        "open": Protocol(),
        "verify": Protocol(scorer="verify"),
        "likelihood": Protocol(likelihood=True),
        "all": Protocol(every_row=True),
    }
)
