"""How clients and engines talk: JSON texts over a local socket, never pickles. Free of torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ipllvm_spec import errors
from ipllvm_spec.errors import EngineError, IpllvmError

#: File beside the sockets in which the controller says how the group fares.
STATE_FILE = "group.json"


@dataclass(frozen=True)
class EngineAddress:
    """Where the engines of a run listen, and the key that lets a client in.

    Attributes:
        sockets: One socket path per engine, by rank.
        authkey: Shared secret as hex digits.
    """

    sockets: tuple[str, ...]
    authkey: str

    def to_json(self) -> dict[str, Any]:
        """Returns lists and strings only, fit for ``workerinput`` of pytest-xdist."""
        return {"sockets": list(self.sockets), "authkey": self.authkey}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineAddress:
        """Rebuilds an address from ``to_json``."""
        return cls(tuple(data["sockets"]), data["authkey"])

    @property
    def state_path(self) -> Path:
        """The file in which the controller says how the group fares."""
        return Path(self.sockets[0]).parent / STATE_FILE


def send(connection: Connection, message: object) -> None:
    """Sends one JSON message."""
    connection.send_bytes(json.dumps(message, separators=(",", ":"), allow_nan=False).encode())


def receive(connection: Connection) -> Any:
    """Receives one JSON message.

    Raises:
        EOFError: When the other side is gone.
    """
    return json.loads(connection.recv_bytes())


def pack_error(error: IpllvmError) -> dict[str, str]:
    """Returns an error as JSON data."""
    return {"type": type(error).__name__, "problem": error.problem, "advice": error.advice}


def unpack_error(data: Mapping[str, str]) -> IpllvmError:
    """Rebuilds an error; a class that ``errors`` does not know becomes ``EngineError``."""
    kind = getattr(errors, data["type"], EngineError)
    if not (isinstance(kind, type) and issubclass(kind, IpllvmError)):
        kind = EngineError
    return kind(data["problem"], data["advice"])
