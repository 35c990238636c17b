"""Conversations, in the forms that chat programs and datasets have them, as messages and as rows of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from stages.prose.documents.readers import Refusal

Message = dict[str, str]  # role and content

ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "ai"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
TURNS = ("messages", "conversations", "conversation", "chat_messages", "contents")  # keys of a list of turns
ROLE = ("role", "from", "sender")  # keys of who speaks in a turn
CONTENT = ("content", "value", "text", "parts")  # keys of what is said
SYSTEM = ("system", "systemInstruction", "system_instruction")  # keys of the system message beside the turns
FILES = ("attachments", "files", "images")  # keys of what a turn has beside its text
# Keys of what is asked, of what the question is about and may be left out, and of the answer.
PAIRS = (
    ("prompt", "", "response"),
    ("prompt", "", "completion"),
    ("question", "", "answer"),
    ("instruction", "input", "output"),  # Alpaca
    ("instruction", "context", "response"),  # Dolly
)
BESIDE_TEXT = "a message has a picture, a sound or a file"
THOUGHT = frozenset({"thinking", "redacted_thinking", "reasoning"})  # types of parts that aren't said


def found(value: Any) -> list[Any]:
    """The conversations in a JSON value, as they are: one, or a list of them, bare or under one of the usual keys."""
    if isinstance(value, dict):
        for key in TURNS:
            inside = value.get(key)
            if isinstance(inside, list) and inside and not _is_turn(inside[0]):
                return inside
        return [value]
    if isinstance(value, list) and value and not _is_turn(value[0]):
        return value
    return [value]


def messages(conversation: Any) -> list[Message]:
    """The messages of one conversation: its roles are system, user and assistant, and none speaks twice in a row.

    It starts with a user, or a system message before one, and ends with the assistant; what comes before or after is
    cut. Raises Refusal if it has no known form, or no question with an answer.
    """
    if isinstance(conversation, Refusal):
        raise conversation
    turns = [turn for turn in _turns(conversation) if turn["content"].strip()]
    if not turns:
        raise Refusal("empty")
    roles = [turn["role"] for turn in turns]
    if "user" not in roles:
        raise Refusal("no_user_turn")
    first = roles.index("user")
    turns = [turn for at, turn in enumerate(turns) if at >= first or turn["role"] == "system"]
    roles = [turn["role"] for turn in turns]
    if "assistant" not in roles:
        raise Refusal("no_assistant_turn")
    turns = turns[: len(roles) - roles[::-1].index("assistant")]
    return [
        {"role": role, "content": "\n\n".join(turn["content"] for turn in same)}
        for role, same in groupby(turns, key=lambda turn: turn["role"])
    ]


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in ROLE) and any(key in value for key in CONTENT)


def _turns(conversation: Any) -> list[Message]:
    """What is said in `conversation`, in order."""
    if isinstance(conversation, list):
        return [_turn(turn) for turn in conversation]
    if not isinstance(conversation, dict):
        raise Refusal("no_conversation", f"{type(conversation).__name__}, expected an object or a list of messages")
    if isinstance(conversation.get("mapping"), dict):
        return list(_branch(conversation))
    before = [{"role": "system", "content": _text(conversation[key])} for key in SYSTEM if key in conversation]
    for key in TURNS:
        if isinstance(conversation.get(key), list):
            return [*before, *map(_turn, conversation[key])]
    for asked, about, answered in PAIRS:
        match conversation.get(asked), conversation.get(answered):
            case str(question), str(answer):
                question = "\n\n".join(text for text in (question, _text(conversation.get(about))) if text.strip())
                return [*before, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    keys = ", ".join(sorted(map(str, conversation))[:8])
    raise Refusal(
        "no_conversation",
        f"keys {keys or 'none'}, expected messages, conversations, contents, mapping, prompt or instruction",
    )


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Refusal("no_conversation", f"a message is {type(turn).__name__}, expected an object")
    role = next((turn[key] for key in ROLE if key in turn), None)
    known = ROLES.get(role.lower()) if isinstance(role, str) else None
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Refusal("tool_use")
    if known is None:
        raise Refusal("tool_use" if role in ("tool", "function") else "unknown_role", repr(role)[:80])
    if any(turn.get(key) for key in FILES):
        raise Refusal("not_text", BESIDE_TEXT)
    return {"role": known, "content": _text(next((turn[key] for key in CONTENT if key in turn), None))}


def _text(content: Any) -> str:
    """What a turn says: a text, or a list of parts that are texts."""
    match content:
        case str():
            return content
        case None:
            return ""
        case {"parts": parts}:  # the system message of Gemini
            return _text(parts)
        case list():
            return "\n\n".join(_part(part) for part in content if part and not _is_thought(part))
    raise Refusal("not_text", f"content is {type(content).__name__}, expected a text")


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") in THOUGHT or part.get("thought") is True)


def _part(part: Any) -> str:
    """The text of a part. A row of text would have the answer to a picture or of a tool, but not what it came from."""
    match part:
        case str(text) | {"text": str(text)}:
            return text
        case {"type": str(kind)} if "tool" in kind or "function" in kind:
            raise Refusal("tool_use", kind[:80])
        case {"functionCall": _} | {"functionResponse": _} | {"function_call": _} | {"function_response": _}:
            raise Refusal("tool_use")
    raise Refusal("not_text", BESIDE_TEXT)


def _branch(export: Mapping[str, Any]) -> Iterator[Message]:
    """The turns of the current branch of a ChatGPT export, which keeps each answer made anew in a tree.

    What the model wrote to its tools, what they answered, and what was never shown are left out.
    """
    nodes, name = export["mapping"], export.get("current_node")
    path: list[dict[str, Any]] = []
    while name is not None:
        node = nodes.get(name) if isinstance(name, str) else None
        if not isinstance(node, dict) or len(path) > len(nodes):
            raise Refusal("broken_tree", f"current_node leads to {name!r}, which is no node, or in a circle"[:120])
        path.append(node)
        name = node.get("parent")
    if not path:
        raise Refusal("broken_tree", "no current_node")
    for node in reversed(path):
        match node.get("message"):
            case {"metadata": {"is_visually_hidden_from_conversation": True}} | {"author": {"role": "tool"}}:
                continue
            case {"recipient": str(recipient)} if recipient != "all":
                continue
            case {"content": {"content_type": str(kind)}} if kind not in ("text", "multimodal_text"):
                continue
            case {"metadata": {"attachments": [_, *_]}}:
                raise Refusal("not_text", BESIDE_TEXT)
            case {"author": {"role": str(role)}, "content": {"parts": list(parts)}}:
                yield _turn({"role": role, "content": parts})


def exchanges(turns: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """The system message that `turns` open with, if any, and the exchanges after it.

    An exchange goes from a question, and the system message right before it, to the last answer before the next.
    """
    head = [turn for turn in turns[:1] if turn["role"] == "system"]
    parts: list[list[Message]] = []
    answered = True
    for at, turn in enumerate(turns[len(head) :], start=len(head)):
        speaks = turn["role"] if turn["role"] != "system" else turns[at + 1]["role"]
        if answered and speaks == "user":
            parts.append([])
        answered = turn["role"] == "assistant" or (answered and turn["role"] == "system" and speaks != "user")
        parts[-1].append(turn)
    return head, parts


def rows(
    turns: Sequence[Message], each_answer: bool, most: int, limit: int, cost: Callable[[Sequence[Message]], int]
) -> tuple[list[list[Message]], int]:
    """Rows of `turns` (as `messages` gives them) that cost at most `limit`, and how many exchanges are too long alone.

    With `each_answer` there is a row for each exchange, with up to `most` - 1 exchanges before it; else the exchanges
    fill one row after the other, at most `most` in each (0: no such bound). Each row opens with the system message.
    """
    head, parts = exchanges(turns)
    bound = most or len(parts)
    costs = [cost(part) for part in parts]
    room = limit - cost(head)
    found: list[list[Message]] = []
    start = left_out = 0
    for at, own in enumerate(costs):
        if own > room:
            left_out += 1
            continue
        if each_answer:
            while at + 1 - start > bound or sum(costs[start : at + 1]) > room:
                start += 1
            found.append([*head, *(turn for part in parts[start : at + 1] for turn in part)])
        elif at > start and at - start < bound and sum(costs[start : at + 1]) <= room:
            found[-1] += parts[at]
        else:
            start = at
            found.append([*head, *parts[at]])
    return found, left_out
