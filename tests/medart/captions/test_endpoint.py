"""The endpoint describer against a local HTTP server that is often unkind."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synthmed.errors import UserError
from synthmed.medart.captions.chat import MAX_BYTES, Patience
from synthmed.medart.captions.domain import Domain, Wording
from synthmed.medart.captions.endpoint import EndpointDescriber, data_url
from synthmed.medart.captions.key import ApiKey
from synthmed.medart.captions.options import make_describer
from synthmed.medart.captions.protocol import Describer, Failure, Picture
from synthmed.medart.captions.wire import NoCompletion, chat_address, complaint, completion_text, retry_after

KEY = "sk-very-secret-0123456789"
DOMAIN = Domain(
    name="dermoscopy",
    summary="",
    modality="photo",
    template="A dermoscopy image of {label}.",
    plain="A dermoscopy image.",
    negative="A dermoscopy image of healthy skin.",
    attributes=("colour", "shape", "border"),
    wording=Wording(foreground="lesion", subject="the lesion", background="the skin", traits=()),
)
CAPTION = "A dermoscopy image of nevus. It is brown."


@dataclass
class Answer:
    """What the server does with one question."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    late: bool = False


def completion(text: object) -> Answer:
    message = {"role": "assistant", "content": text}
    return Answer(body=json.dumps({"choices": [{"index": 0, "message": message}], "usage": {}}).encode())


@dataclass
class Server:
    """Answers by the red of the picture and how often it was asked of it; keeps what it was sent."""

    url: str = ""
    answers: dict[int, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        red = int(sent_pixels(body)[0, 0, 0])
        with self.lock:
            self.asked.append((path, headers, body))
            queue = self.answers[red]
            return queue.pop(0) if len(queue) > 1 else queue[0]


def sent_pixels(body: dict[str, Any]) -> np.ndarray[Any, Any]:
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KEY_OF_TEST", KEY)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = state.answer(self.path, dict(self.headers), body)
            if answer.late:
                state.free.wait(30)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.handle_error = lambda *args: None  # type: ignore[method-assign]  # a client that hangs up is no news
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    state.free.set()
    http.shutdown()
    http.server_close()
    thread.join()


class Sleeps(list[float]):
    """A sleep that only notes how long."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def describer(server: Server, sleeps: Callable[[float], None], **options: Any) -> EndpointDescriber:
    patience = options.pop("patience", Patience(timeout=20.0, retries=2))
    options = {"model": "tiny", "key_env": "KEY_OF_TEST", "url": server.url, "tries": 1, "image": "png"} | options
    return EndpointDescriber(patience=replace(patience, sleep=sleeps), **options)


def picture(red: int, label: str = "nevus") -> Picture:
    return Picture(f"{red}.jpg", np.full((8, 8, 3), (red, 0, 0), np.uint8), label)


def describe(asked: EndpointDescriber, reds: Sequence[int]) -> list[str | Failure]:
    return asked.describe([picture(red) for red in reds], DOMAIN, list(reds))


def test_what_is_sent(server: Server) -> None:
    server.answers = {40: [completion(CAPTION)]}
    asked = describer(server, Sleeps(), image="png", extra='{"top_k": 50, "max_tokens": null}')
    assert isinstance(asked, Describer)
    assert asked.name == "endpoint:tiny"
    assert describe(asked, [40]) == [CAPTION]
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (sent_pixels(body) == picture(40).pixels).all()
    prompt = body["messages"][0]["content"][1]["text"]
    assert prompt.count("A dermoscopy image of nevus.") == 2
    assert "colour, shape and border" in prompt
    assert {name: body[name] for name in ("model", "temperature", "top_p", "top_k")} == {
        "model": "tiny",
        "temperature": 0.8,
        "top_p": 0.9,
        "top_k": 50,
    }
    assert "max_tokens" not in body
    assert 0 <= body["seed"] < 2**31
    describe(asked, [40])
    assert server.asked[1][2] == body
    asked.describe([picture(40)], DOMAIN, [41])
    assert server.asked[2][2]["seed"] != body["seed"]


def test_no_key_is_sent_where_none_is_named(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    server.answers = {40: [completion(CAPTION)]}
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert describe(describer(server, Sleeps(), key_env="", url=f"{server.url}/chat/completions/"), [40]) == [CAPTION]
    assert "Authorization" not in server.asked[0][1]
    assert server.asked[0][0] == "/v1/chat/completions"


GARBAGE = {
    "not json": b"<html>\n busy </html>",
    "another form": b'{"choices": []}',
    "no text": b'{"choices": [{"message": {"content": 7}}]}',
    "deep": b"[" * 200_000,
    "not text": b"\xff\xfe\x00",
    "nothing": b"",
}


def test_one_bad_picture_never_stops_the_run(server: Server) -> None:
    busy = Answer(429, b'{"error": {"message": "slow\\ndown"}}', {"Retry-After": "0"})
    broken = Answer(500, f"oops {KEY}\n".encode())
    server.answers = {
        10: [busy, broken, completion(CAPTION)],
        20: [broken],
        30: [busy],
        40: [Answer(body=b" " * (MAX_BYTES + 1))],
        50: [Answer(400, b'{"detail": "this picture is\\n not allowed"}')],
        60: [completion(None)],
        70: [completion([{"type": "text", "text": "A dermoscopy image of nevus, red."}])],
        80: [Answer(403, json.dumps({"error": f"key {KEY} may not"}).encode())],
        90: [completion(f"{CAPTION} The key is {KEY}.")],
    }
    for place, body in enumerate(GARBAGE.values()):
        server.answers[100 + 10 * place] = [Answer(body=body)]
    server.answers[200] = [Answer(body=b"<html>"), completion(CAPTION)]
    sleeps = Sleeps()
    reds = list(server.answers)
    captions = dict(zip(reds, describe(describer(server, sleeps, concurrency=3), reds), strict=True))
    assert [captions[red] for red in (10, 70, 200)] == [CAPTION, "A dermoscopy image of nevus, red.", CAPTION]
    assert captions[90] == f"{CAPTION} The key is [key]."
    reasons = {red: said.reason for red, said in captions.items() if isinstance(said, Failure)}
    assert reasons == {
        20: "the server answered 500: oops [key] (3 tries)",
        30: "the server answered 429: slow down (3 tries)",
        40: f"the server's answer has more than {MAX_BYTES} bytes",
        50: "the server answered 400: this picture is not allowed",
        60: "no usable caption in 1 tries; the last is empty",
        80: "the server answered 403: key [key] may not",
        **{100 + 10 * place: "the server's answer is no chat completion (3 tries)" for place in range(len(GARBAGE))},
    }
    counts = Counter(int(sent_pixels(body)[0, 0, 0]) for _, _, body in server.asked)
    assert [counts[red] for red in (10, 20, 30, 40, 50, 80, 100)] == [3, 3, 3, 1, 1, 1, 3]


def test_late_and_absent_servers(server: Server) -> None:
    server.answers = {10: [Answer(late=True)], 20: [completion(CAPTION)]}
    asked = describer(server, Sleeps(), patience=Patience(timeout=0.3, retries=1), concurrency=2)
    assert describe(asked, [10, 20]) == [Failure("the server gave no answer within 0.3 s (2 tries)"), CAPTION]
    assert len(server.asked) == 3
    nowhere = describer(server, Sleeps(), url="http://127.0.0.1:9/v1")
    (lost,) = describe(nowhere, [10])
    assert lost == Failure("the connection to the server failed (ConnectionError) (3 tries)")


def test_a_body_that_drips_has_an_end(server: Server) -> None:
    """Each piece comes in time; the whole does not."""
    server.answers = {10: [completion(CAPTION)]}
    ticks = iter(range(0, 10**6, 15))
    patience = Patience(timeout=10.0, retries=0, clock=lambda: float(next(ticks)))
    assert describe(describer(server, Sleeps(), patience=patience), [10]) == [
        Failure("the server gave no answer within 10 s")
    ]


def test_waiting_grows_with_jitter_and_honours_retry_after(server: Server) -> None:
    server.answers = {10: [Answer(503)]}
    sleeps = Sleeps()
    describe(describer(server, sleeps, patience=Patience(retries=9, first_wait=1.0, longest_wait=60.0)), [10])
    tops = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(sleeps) == 9
    assert all(top / 2 <= wait <= top for wait, top in zip(sleeps, tops, strict=True))
    assert len({wait / top for wait, top in zip(sleeps, tops, strict=True)}) > 1

    def told(value: str) -> tuple[Sleeps, str | Failure]:
        server.answers = {10: [Answer(429, headers={"Retry-After": value}), completion(CAPTION)]}
        waits = Sleeps()
        return waits, describe(describer(server, waits), [10])[0]

    waits, said = told("7")
    assert said == CAPTION
    assert len(waits) == 1
    assert 7 <= waits[0] <= 8
    waits, said = told(formatdate(usegmt=True))  # a date that is now
    assert said == CAPTION
    assert 0 <= waits[0] <= 2
    waits, said = told("soon")  # nonsense is no header
    assert said == CAPTION
    assert 0.5 <= waits[0] <= 1
    assert told("3600") == ([], Failure("the server answered 429, and asks to wait 3600 s"))


def test_a_rejected_answer_is_asked_for_again_with_another_seed(server: Server) -> None:
    server.answers = {10: [completion("It shows colour, shape and border."), completion(CAPTION)]}
    assert describe(describer(server, Sleeps(), tries=3), [10]) == [CAPTION]
    seeds = [body["seed"] for _, _, body in server.asked]
    assert len(set(seeds)) == 2


@pytest.mark.parametrize(
    ("status", "body"), [(401, b'{"error": {"message": "bad key %b"}}' % KEY.encode()), (404, b""), (302, b"")]
)
def test_what_concerns_all_pictures_stops_the_run_at_its_start(server: Server, status: int, body: bytes) -> None:
    elsewhere = {"Location": f"{server.url}/elsewhere"} if status == 302 else {}
    server.answers = {10: [Answer(status, body, elsewhere)], 20: [completion(CAPTION)]}
    with pytest.raises(UserError, match=rf"answered {status}.*see to the url, the model's name and the key") as caught:
        describe(describer(server, Sleeps(), concurrency=1), [10, 20])
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    asked = describer(server, Sleeps(), concurrency=1)
    captions = describe(asked, [20, 10])
    assert captions[0] == CAPTION
    assert isinstance(captions[1], Failure)


def test_the_pace_counts_every_call(server: Server) -> None:
    server.answers = {10: [Answer(500), completion(CAPTION)], 20: [completion(CAPTION)]}
    sleeps = Sleeps()
    patience = Patience(retries=1, clock=lambda: 0.0)
    assert (
        describe(describer(server, sleeps, patience=patience, per_minute=6, concurrency=1), [10, 20]) == [CAPTION] * 2
    )
    paces = [wait for wait in sleeps if wait >= 10]
    assert all(later - earlier == 10 for earlier, later in pairwise(paces))
    assert paces == [10.0, 20.0]


def test_data_url() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    head, data = data_url(pixels, form="png").split(",")
    assert head == "data:image/png;base64"
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) == pixels).all()
    head, data = data_url(pixels, longest=25).split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (25, 15)


def test_a_picture_that_cannot_be_sent(server: Server) -> None:
    server.answers = {20: [completion(CAPTION)]}
    empty = Picture("e.png", np.zeros((0, 4, 3), np.uint8))
    said = describer(server, Sleeps()).describe([empty, picture(20)], DOMAIN, [0, 1])
    assert isinstance(said[0], Failure)
    assert said[1] == CAPTION


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "model: name the model"),
        ({"url": "localhost:8000"}, "url: needs http"),
        ({"url": "file:///etc/passwd"}, "url: needs http"),
        ({"url": "http://[::bad"}, "url: "),
        ({"url": f"https://me:{KEY}@host/v1"}, "url: no password, query or fragment"),
        ({"url": f"https://host/v1?key={KEY}"}, "url: no password, query or fragment"),
        ({"key_env": "NOT_SET_IN_ANY_TEST"}, "the environment has no NOT_SET_IN_ANY_TEST"),
        ({"key_env": "WRONG_KEY"}, "WRONG_KEY holds characters that no API key has"),
        ({"image": "bmp"}, "image = 'bmp': jpeg or png"),
        ({"concurrency": 0}, "concurrency = 0: must be 1 or more"),
        ({"per_minute": -1.0}, r"per_minute = -1.0: must be 0 or more"),
        ({"timeout": float("nan")}, "timeout = nan: must be more than 0"),
        ({"tries": 0}, "tries = 0"),
        ({"extra": "{top_k: 50}"}, "extra: not JSON"),
        ({"extra": "[1]"}, "extra: needs a JSON object"),
    ],
)
def test_wrong_options_stop_before_any_picture(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_KEY", f"{KEY}\nX-Other: 1")
    with pytest.raises(UserError, match=message) as caught:
        EndpointDescriber(**{"model": "tiny", "concurrency": 1, **options})
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_key_is_in_no_text_of_ours(server: Server) -> None:
    asked = describer(server, Sleeps())
    key = ApiKey("KEY_OF_TEST")
    assert KEY not in f"{asked!r} {asked.name} {key!r} {vars(asked)!r} {key.hidden_in('a ' + KEY)}"
    assert key.hidden_in("x\n" * 500) == ("x " * 500)[:200] + "…"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://host", "https://host/chat/completions"),
        (" https://host/a/v1/ ", "https://host/a/v1/chat/completions"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert chat_address(url) == address


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_a_text_or_no_completion(data: bytes) -> None:
    with suppress(NoCompletion):
        assert isinstance(completion_text(data), str)
    assert isinstance(complaint(data), str)
    waited = retry_after(data.decode("latin-1"))
    assert waited is None or waited >= 0


def test_the_command_line_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", KEY)
    options = ["model=tiny", "key_env=KEY_OF_TEST", "concurrency=2", "image=png", 'extra={"top_k": 50}', "timeout=3"]
    made = make_describer("endpoint", options)
    assert isinstance(made, EndpointDescriber)
    assert (made.model, made.concurrency, made.image, made.timeout) == ("tiny", 2, "png", 3.0)
