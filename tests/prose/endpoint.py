"""A server on this machine that speaks OpenAI's chat completions, and notes what it is asked."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stages.prose.instructions import MARK, TABLE

KEY = "a-key"


@dataclass(frozen=True)
class Asked:
    """A request for a completion."""

    number: int  # from 0, as they come
    prompt: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        return self.prompt.partition(MARK)[2]

    @property
    def task(self) -> str:
        # the longest instruction that fits: the standard one is the start of others
        fits = [(len(text), task) for (task, _), text in TABLE.items() if self.prompt.startswith(text.split("{")[0])]
        return max(fits)[1]


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def said(text: str | None, finish: str = "stop") -> Reply:
    """A completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return Reply(200, json.dumps(body).encode())


def failed(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message, "code": code, "type": "e"}}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def plain(asked: Asked) -> Reply:
    """What a rewriting of text in the past tense might be: plain words, or another person, or another topic."""
    text = asked.text
    if asked.task == "neutralize":
        thing = "[THING]" if "[THING]" in asked.prompt.partition(MARK)[0] else "matter"
        return said(re.sub(r"\b[a-z]{6,}\b", thing, text))
    if asked.task == "snowflake":
        return said(text.replace("lantern", "kettle").replace("lighthouse", "laundry"))
    person = {"our": ("we", "our"), "the observer": ("the observer", "the observer’s"), "the passive": ("one", "one’s")}
    subject, owner = next(words for sign, words in person.items() if sign in asked.prompt.partition(MARK)[0])
    text = re.sub(r"(?:(?<=[.!?] )|(?<=\n)|\A)I\b", subject[0].upper() + subject[1:], text)
    return said(re.sub(r"\bmy\b", owner, re.sub(r"\bI\b", subject, text)))


class Endpoint:
    """A running server; `answer` decides each reply."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.hold: int | None = None
        self.released = threading.Event()
        self.arrived = threading.Condition()
        self.asked: list[Asked] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def hold_from(self, number: int) -> None:
        """Have the requests from `number` on wait for their release."""
        self.hold = number
        self.released.clear()

    def release(self) -> None:
        """Answer those that wait, and all that come."""
        self.hold = None
        self.released.set()

    def wait_for(self, count: int) -> None:
        """Return when `count` requests have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.asked) >= count, timeout=60)

    def _note(self, body: Mapping[str, Any]) -> Asked:
        with self.arrived:
            asked = Asked(len(self.asked), body["messages"][-1]["content"], body)
            self.asked.append(asked)
            self.arrived.notify_all()
        return asked

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/v1/models":
                    self._reply(Reply(200, b'{"object":"list","data":[]}'))
                else:
                    self._reply(failed(404))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = endpoint._note(body)
                if endpoint.hold is not None and asked.number >= endpoint.hold:
                    endpoint.released.wait(60)
                self._reply(endpoint.answer(asked))

            def _reply(self, reply: Reply) -> None:
                if self.headers["Authorization"] != f"Bearer {KEY}":
                    reply = failed(401, "Incorrect API key provided")
                try:
                    self.send_response(reply.status)
                    for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)
                except ConnectionError:  # the client was killed
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that http.server has
                pass

        return Handler


@contextmanager
def serving(answer: Callable[[Asked], Reply] = plain) -> Iterator[Endpoint]:
    """A server for the block."""
    endpoint = Endpoint(answer)
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.release()
        endpoint.server.shutdown()
        thread.join()
        endpoint.server.server_close()
