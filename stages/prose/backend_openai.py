"""An endpoint that speaks OpenAI's chat completions: asked by several threads, at a rate, with patience."""

import json
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Annotated, Any

from pydantic import Field

from stages.params import Params
from stages.prose.answers import NOTHING, Answer, spoken
from stages.prose.rewriter import TASKS, Done, Group, Request, Task, UnansweredError
from stages.run import StageError

PASSING = (408, 409, 425, 429)  # of the client errors, those that go by; all 5xx do
SPENT = "insufficient_quota"  # a 429 that doesn't
STOPPED = "stopped"  # why a thread gives up when another one failed
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
PATIENCE_S = 600.0  # an endpoint that asks for a longer wait is left; what it answered is kept

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class OpenAIParams(Params):
    """Where the endpoint is, and how it is asked."""

    base_url: str = Field(pattern=r"^https?://")
    model: str = Field(min_length=1)
    key_variable: Variable | None  # environment variable that holds the key; null where none is needed
    temperature: float = Field(ge=0)
    max_tokens: int = Field(ge=16)  # of an answer
    requests_per_minute: int = Field(ge=0)  # 0: no limit
    concurrency: int = Field(ge=1)  # requests at a time
    timeout: float = Field(gt=0)  # seconds without an answer
    retries: int = Field(ge=0)  # after the first try, for what goes by


class Pace:
    """A rate, and pauses that an endpoint asks for, shared by all threads. Times are seconds of one clock."""

    def __init__(self, per_minute: int) -> None:
        self.gap = 60 / per_minute if per_minute else 0.0
        self.next = 0.0
        self.paused = 0.0
        self.lock = threading.Lock()

    def turn(self, now: float) -> float:
        """How long the next request has to wait, which takes its turn by that."""
        with self.lock:
            start = max(now, self.next)
            self.next = start + self.gap
            return start - now

    def pause(self, until: float) -> None:
        """Let no request begin before `until`."""
        with self.lock:
            self.paused = max(self.paused, until)

    def held(self, now: float) -> float:
        """How long a request whose turn it is still has to wait."""
        return max(self.paused - now, 0.0)


class TryError(Exception):
    """A try that gave no answer."""

    def __init__(self, message: str, passing: bool, after_s: float | None = None) -> None:
        super().__init__(message)
        self.passing = passing  # another try may do
        self.after_s = after_s  # what the endpoint asks to wait


class OpenAI:
    """An endpoint. Any thread that fails for good ends the others."""

    name = "openai"
    tasks: frozenset[Task] = frozenset(TASKS)
    keeps = True
    together = 1
    varies = True

    def __init__(self, params: OpenAIParams) -> None:
        self.params = params
        self.stopped = threading.Event()
        self.pace = Pace(params.requests_per_minute)
        self.client: Any = None

    def about(self) -> Mapping[str, Any]:
        """See Backend. How fast it is asked decides nothing."""
        deciding = ("model", "base_url", "temperature", "max_tokens")
        return {"name": self.name, **{name: getattr(self.params, name) for name in deciding}}

    def identity(self) -> Mapping[str, Any]:
        """See Backend."""
        return self.about()

    def check(self) -> None:
        """See Backend: the key is there, the endpoint too, and it takes the key.

        An endpoint that doesn't list its models, or not for this key, is asked all the same.
        """
        import openai

        variable = self.params.key_variable
        key = os.environ.get(variable, "").strip() if variable else "none"
        if not key:
            raise StageError(f"{variable} is not set, expected the key of {self.params.base_url}; export {variable}")
        if not key.isascii() or not key.isprintable():
            raise StageError(f"{variable} holds characters that no key has; export it again")
        self.client = openai.OpenAI(
            api_key=key, base_url=self.params.base_url, timeout=self.params.timeout, max_retries=0
        )
        try:
            self.client.models.with_raw_response.list()
        except openai.AuthenticationError as error:
            raise StageError(self._refused(error.status_code)) from error
        except openai.APITimeoutError:
            pass  # slow at first: the requests have their retries
        except openai.APIConnectionError as error:
            raise StageError(
                f"{self.params.base_url} can't be reached: {_line(error.__cause__ or error)}; start it, or correct "
                "openai.base_url"
            ) from error
        except openai.APIError:
            pass

    def answer(self, groups: Sequence[Group], done: Done) -> None:
        """See Backend. Whatever ends this, requests under way are waited for, and their answers told."""
        self.stopped.clear()

        def one(number: int, request: Request) -> None:
            try:
                done(number, [self._answer(request)])
            except BaseException:
                self.stopped.set()  # before this thread could begin another one
                raise

        pool = ThreadPoolExecutor(self.params.concurrency, thread_name_prefix=self.name)
        try:
            futures = [pool.submit(one, number, request) for number, (request,) in enumerate(groups)]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            self.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self.client.close()
        _raise_first(futures)

    def _answer(self, request: Request) -> Answer:
        """The answer to `request`, after as many tries as it takes. Raises UnansweredError when none are left.

        An answer that says nothing is asked for again at once, with another seed; the last of them is the answer.
        """
        failure: TryError | None = None
        for tried in range(self.params.retries + 1):
            if failure:
                wait_s = backoff_s(tried)
                if failure.after_s is not None:  # an endpoint may ask for no wait at all, or for one that is over
                    self.pace.pause(time.monotonic() + max(failure.after_s, wait_s))
                else:
                    self.stopped.wait(wait_s)
            self.stopped.wait(self.pace.turn(time.monotonic()))
            while (left := self.pace.held(time.monotonic())) > 0 and not self.stopped.wait(left):
                pass
            if self.stopped.is_set():
                raise UnansweredError(STOPPED)
            try:
                answer = self._asked(request, request.seed + tried)
                if answer.reason not in NOTHING or tried == self.params.retries:
                    return answer
                failure = None
            except TryError as error:
                failure = error
                if not failure.passing:
                    raise UnansweredError(str(failure)) from error
        raise UnansweredError(f"{failure}, after {self.params.retries + 1} tries") from failure

    def _asked(self, request: Request, seed: int) -> Answer:
        """One try."""
        import openai

        where = self.params.base_url
        try:
            raw = self.client.chat.completions.with_raw_response.create(
                model=self.params.model,
                messages=[{"role": "user", "content": request.prompt}],
                temperature=self.params.temperature,
                max_tokens=self.params.max_tokens,
                seed=seed,
            )
            return read(raw.text)
        except openai.APITimeoutError as error:
            raise TryError(f"{where} gave no answer within {self.params.timeout:g} s", True) from error
        except openai.APIConnectionError as error:
            raise TryError(f"{where} broke off: {_line(error.__cause__ or error)}", True) from error
        except openai.APIStatusError as error:
            status = error.status_code
            said = _line(error).removeprefix(f"Error code: {status} - ")
            if status == 401:
                raise TryError(self._refused(status), False) from error
            after_s = retry_after_s(error.response.headers)
            passing = status >= 500 or (status in PASSING and error.code != SPENT)
            if passing and after_s is not None and after_s > PATIENCE_S:
                raise TryError(f"{where} answered {status} and asks to wait {after_s:.0f} s", False) from error
            advice = "" if passing else "; correct openai.model, the other settings or the account"
            raise TryError(f"{where} answered {status}: {said}{advice}", passing, after_s) from error
        except ValueError as error:
            raise TryError(f"{where} gave no chat completion: {_line(error)}", True) from error

    def _refused(self, status: int) -> str:
        key = f"the key in {self.params.key_variable}" if self.params.key_variable else "a request without a key"
        return f"{self.params.base_url} refuses {key} ({status}); correct openai.key_variable, or export the right key"


def read(text: str) -> Answer:
    """The answer in a chat completion. Raises ValueError if `text` is none."""
    try:
        choice = json.loads(text)["choices"][0]
        content, reason = choice["message"]["content"], choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no choices[0].message.content in {text[:60]!r}") from error
    if content is not None and not isinstance(content, str):
        raise ValueError(f"content is {type(content).__name__}, expected text")
    ends = {"length": "truncated", "content_filter": "refusal"}
    return spoken(content or "", ends.get(reason, ""))


def backoff_s(tried: int) -> float:
    """How long to wait after `tried` failures (from 1): twice as long each time.

    Up to half of it is left off by chance, so that several threads don't come back together.
    """
    return min(FIRST_WAIT_S * 2.0 ** (tried - 1), LONGEST_WAIT_S) * random.uniform(0.5, 1)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), given as such or as a date."""
    from email.utils import parsedate_to_datetime

    text = headers.get("retry-after", "").strip()
    try:
        return max(float(text), 0.0) if text else None
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _raise_first(futures: Sequence["Future[None]"]) -> None:
    """Raise what ended the work: the first failure of its own, not that of a thread that was told to stop."""
    errors = [error for one in futures if not one.cancelled() and (error := one.exception())]
    own = [error for error in errors if str(error) != STOPPED]
    if own or errors:
        raise (own or errors)[0]


def _line(error: BaseException) -> str:
    """The message of `error` on one line of bearable length."""
    return " ".join(str(error).split())[:200]
