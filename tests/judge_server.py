"""A judge on localhost that says exactly what a test has written down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request: its path, headers in lower case, and body."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def last(self) -> str:
        """The content of the last message."""
        return str(self.body["messages"][-1]["content"])


@dataclass
class Said:
    """One response.

    Attributes:
        body: What is sent, as it is.
        status: HTTP status.
        headers: Headers beside the content type.
        delay_s: Seconds before anything is sent.
        cut: Bytes of the body that are not sent although they are announced.
    """

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int = 0


def reply(text: Any, **more: Any) -> Said:
    """A chat completion of this text; 10 tokens sent, 2 received."""
    message = {"role": "assistant", "content": text}
    body = {
        "id": "x",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }
    return Said(json.dumps(body), **more)


def refusal(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> Said:
    """An error as OpenAI's servers word it."""
    body = {"error": {"message": message, "type": "error", "code": None}}
    return Said(json.dumps(body), status, headers or {})


class ScriptedJudge:
    """What was asked, and how many requests were under way at most."""

    def __init__(self, answer: Callable[[Asked], Said]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.busiest = 0
        self.url = ""
        self._busy = 0
        self._lock = threading.Lock()

    def respond(self, asked: Asked) -> Said:
        """Notes a request and looks up the response."""
        with self._lock:
            self.asked.append(asked)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        said = self.answer(asked)
        time.sleep(said.delay_s)
        with self._lock:
            self._busy -= 1
        return said


@contextmanager
def scripted_judge(answer: Callable[[Asked], Said] | list[Said]) -> Iterator[ScriptedJudge]:
    """Serves until the block ends.

    Args:
        answer: Gives the response to a request, or the responses in order, the last one for ever.
    """
    if isinstance(answer, list):
        script = iter(answer)
        last = answer[-1]
        judge = ScriptedJudge(lambda _: next(script, last))
    else:
        judge = ScriptedJudge(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = json.loads(self.rfile.read(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = judge.respond(Asked(self.path, headers, body))
            content = said.body.encode()
            self.send_response(said.status)
            for name, value in {"content-type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - said.cut])
            self.close_connection = said.cut > 0

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    judge.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield judge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
