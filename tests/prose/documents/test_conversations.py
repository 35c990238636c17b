from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.documents.conversations import Message, exchanges, found, messages, rows
from stages.prose.documents.readers import Refusal

Json = dict[str, Any]
SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
]


def turns(text: str) -> list[Message]:
    """ "s u a" as messages that are numbered."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[letter], "content": f"{letter}{at}"} for at, letter in enumerate(text.replace(" ", ""))]


def spelled(conversation: Sequence[Message]) -> str:
    return " ".join(turn["content"].replace("\n\n", "+") for turn in conversation)


def refused(conversation: Any) -> str:
    with pytest.raises(Refusal) as error:
        messages(conversation)
    return error.value.reason


def node(parent: str | None, role: str, *parts: object, **more: object) -> Json:
    about = {"content": {"content_type": "text", "parts": list(parts)}, "author": {"role": role}, "recipient": "all"}
    return {"parent": parent, "message": about | more}


# A question answered twice: the second answer is the current one. A tool was asked on the way.
TREE: Json = {
    "current_node": "f",
    "mapping": {
        "r": {"parent": None, "message": None},
        "s": node("r", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        "a": node("s", "user", "Which lamp?"),
        "b": node("a", "assistant", "The first."),
        "c": node("a", "assistant", "lookup()", recipient="browser"),
        "d": node("c", "tool", "a table of lamps"),
        "x": node("d", "assistant", content={"content_type": "thoughts", "thoughts": []}),
        "e": node("x", "assistant", "The second."),
        "t": node("e", "user", "Thanks", "", "a lot"),
        "f": node("t", "assistant", "Not at all."),
        "g": node("e", "user", "Why?"),
    },
}


@pytest.mark.parametrize(
    "conversation",
    [
        SAID,
        {"messages": SAID},
        {"id": 7, "conversation": SAID},
        {"system": "Be brief.", "prompt": "Hi", "response": "Hello."},
        {"system": "Be brief.", "prompt": "Hi", "completion": "Hello."},
        {"system": "Be brief.", "question": "Hi", "answer": "Hello."},
        {
            "conversations": [
                {"from": f, "value": v} for f, v in [("system", "Be brief."), ("human", "Hi"), ("gpt", "Hello.")]
            ]
        },
        {
            "system": "Be brief.",
            "chat_messages": [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello."}],
        },
        {"messages": [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in SAID]},
        {"messages": [{**turn, "content": [{"type": "thinking", "thinking": "x"}, turn["content"]]} for turn in SAID]},
        {"system": [{"type": "text", "text": "Be brief."}], "messages": SAID[1:]},
        {"system": "Be brief.", "instruction": "Hi", "input": "", "output": "Hello."},
        {"system": "Be brief.", "instruction": "Hi", "output": "Hello."},
        {"system": "Be brief.", "instruction": "Hi", "context": None, "response": "Hello.", "category": "chat"},
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"text": "I think.", "thought": True}, {"text": "Hello."}]},
            ],
        },
        {
            "system": "Be brief.",
            "chat_messages": [
                {"sender": "human", "text": "Hi", "attachments": [], "files": []},
                {"sender": "assistant", "text": "Hello.", "attachments": []},
            ],
        },
        [{**turn, "role": turn["role"].upper()} for turn in SAID],
        [{**SAID[0], "role": "developer"}, *SAID[1:]],
    ],
)
def test_each_usual_form_gives_the_same_messages(conversation: Any) -> None:
    assert messages(conversation) == SAID


@pytest.mark.parametrize("keys", [("input", "output"), ("context", "response")])
def test_what_an_instruction_is_about_goes_with_the_question(keys: tuple[str, str]) -> None:
    row = {"instruction": "Name the colour.", keys[0]: "A red lamp.", keys[1]: "Red."}
    assert messages(row) == [
        {"role": "user", "content": "Name the colour.\n\nA red lamp."},
        {"role": "assistant", "content": "Red."},
    ]


# A part, a key of a turn or both, beside a text: without it the answer is to something that isn't there.
PICTURE = {"type": "image_url", "image_url": {"url": "x"}}
USE = {"type": "tool_use", "id": "1", "name": "add", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "42"}


@pytest.mark.parametrize(
    ("asked", "answered", "reason"),
    [
        ({"content": [{"type": "text", "text": "what is on it?"}, PICTURE]}, {}, "not_text"),
        ({"content": [{"type": "text", "text": "x"}, {"type": "document", "source": {}}]}, {}, "not_text"),
        ({"content": ["x", 5]}, {}, "not_text"),
        ({}, {"content": [{"type": "text", "text": "I look"}, USE]}, "tool_use"),
        ({"content": [RESULT]}, {"content": "42"}, "tool_use"),
        (
            {},
            {"content": [{"type": "text", "text": "I look"}, USE, RESULT, {"type": "text", "text": "42"}]},
            "tool_use",
        ),
        ({"attachments": [{"file_name": "a.txt", "extracted_content": "x"}]}, {}, "not_text"),
        ({"files": [{"file_name": "a.png"}]}, {}, "not_text"),
        ({"images": ["x"]}, {}, "not_text"),
        ({"content": [{"text": "x"}, {"inlineData": {"data": "x"}}]}, {}, "not_text"),
        ({}, {"content": [{"functionCall": {"name": "add"}}]}, "tool_use"),
        ({"content": [{"functionResponse": {"name": "add"}}]}, {}, "tool_use"),
    ],
)
def test_a_turn_with_more_than_its_text_refuses_the_conversation(asked: Json, answered: Json, reason: str) -> None:
    turns = [{"role": "user", "content": "Hi"} | asked, {"role": "assistant", "content": "Hello."} | answered]
    assert refused(turns) == refused({"messages": turns}) == reason
    if "content" in asked | answered:  # the parts of Gemini
        parts = [{"role": turn["role"], "parts": turn["content"]} for turn in turns]
        assert refused({"contents": parts}) == reason


def test_an_instruction_about_something_that_is_no_text_is_refused() -> None:
    assert refused({"instruction": "Add.", "input": [1, 2], "output": "3"}) == "not_text"


def test_of_a_tree_of_answers_the_current_branch_is_read_without_tools_and_hidden_turns() -> None:
    assert messages(TREE) == [
        {"role": "user", "content": "Which lamp?"},
        {"role": "assistant", "content": "The second."},
        {"role": "user", "content": "Thanks\n\na lot"},
        {"role": "assistant", "content": "Not at all."},
    ]
    assert spelled(messages(TREE | {"current_node": "b"})) == "Which lamp? The first."


def test_a_tree_that_leads_nowhere_or_in_a_circle_is_refused() -> None:
    assert refused(TREE | {"current_node": "zz"}) == "broken_tree"
    assert refused({"mapping": TREE["mapping"]}) == "broken_tree"
    circle = {"a": node("b", "user", "Hi"), "b": node("a", "assistant", "Hello")}
    assert refused({"current_node": "a", "mapping": circle}) == "broken_tree"
    assert refused({"current_node": ["a"], "mapping": circle}) == "broken_tree"
    picture = {"a": node(None, "user", {"asset_pointer": "x"}, "What is it?"), "b": node("a", "assistant", "A lamp.")}
    assert refused({"current_node": "b", "mapping": picture}) == "not_text"
    file = picture | {"a": node(None, "user", "What is it?", metadata={"attachments": [{"name": "a.pdf"}]})}
    assert refused({"current_node": "b", "mapping": file}) == "not_text"
    unused = {"current_node": "b", "mapping": picture | {"a": node(None, "user", "Hi", metadata={"attachments": []})}}
    assert spelled(messages(unused)) == "Hi A lamp."


def test_turns_of_one_role_are_merged_and_what_has_no_question_or_no_answer_is_cut() -> None:
    assert spelled(messages(turns("s u u a a u a"))) == "s0 u1+u2 a3+a4 u5 a6"
    assert spelled(messages(turns("u a u"))) == "u0 a1"
    assert spelled(messages(turns("u a s"))) == "u0 a1"
    assert spelled(messages(turns("a u a"))) == "u1 a2"
    assert spelled(messages(turns("s a s u a"))) == "s0+s2 u3 a4"
    assert spelled(messages(turns("u a s u a"))) == "u0 a1 s2 u3 a4"
    blank = turns("u a u a")
    blank[2]["content"] = " \n"
    assert spelled(messages(blank)) == "u0 a1+a3"


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        ([], "empty"),
        ({"messages": []}, "empty"),
        ([{"role": "user", "content": ""}, {"role": "assistant", "content": None}], "empty"),
        (turns("s u"), "no_assistant_turn"),
        (turns("a u"), "no_assistant_turn"),
        (turns("s a"), "no_user_turn"),
        (turns("s"), "no_user_turn"),
        ([{"role": "narrator", "content": "x"}], "unknown_role"),
        ([{"role": 3, "content": "x"}], "unknown_role"),
        ([{"role": "user", "content": 3}], "not_text"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}, {"text": 5}]}], "not_text"),
        ([*SAID, {"role": "tool", "content": "x"}], "tool_use"),
        ([*SAID, {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}], "tool_use"),
        (["Hi", "Hello"], "no_conversation"),
        ({"title": "x"}, "no_conversation"),
        ({"prompt": "Hi"}, "no_conversation"),
        ({}, "no_conversation"),
        (None, "no_conversation"),
        ("Hi", "no_conversation"),
        (3.5, "no_conversation"),
    ],
)
def test_what_is_no_conversation_or_has_no_answer_is_refused_with_a_reason(conversation: Any, reason: str) -> None:
    assert refused(conversation) == reason


def test_a_file_may_hold_one_conversation_or_many() -> None:
    assert found(SAID) == [SAID]
    assert found([SAID, SAID]) == [SAID, SAID]
    assert found({"messages": SAID}) == [{"messages": SAID}]
    assert found([{"messages": SAID}, "x"]) == [{"messages": SAID}, "x"]
    assert found({"conversations": [{"messages": SAID}, TREE]}) == [{"messages": SAID}, TREE]
    gemini = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert found(gemini) == found([gemini]) == [gemini]
    assert found(TREE) == [TREE] and found([TREE, TREE]) == [TREE, TREE]
    assert found([]) == [[]] and found("x") == ["x"]


def cut(text: str, each_answer: bool, most: int, limit: int = 10**6) -> tuple[list[str], int]:
    """Rows of the conversation; each message costs 10."""
    parts, left_out = rows(messages(turns(text)), each_answer, most, limit, lambda part: 10 * len(part))
    return [spelled(part) for part in parts], left_out


def test_a_conversation_is_one_row_if_it_fits_and_else_rows_of_whole_exchanges() -> None:
    assert cut("s u a u a u a", False, 0) == (["s0 u1 a2 u3 a4 u5 a6"], 0)
    assert cut("s u a u a u a", False, 2) == (["s0 u1 a2 u3 a4", "s0 u5 a6"], 0)
    assert cut("s u a u a u a", False, 0, 50) == (["s0 u1 a2 u3 a4", "s0 u5 a6"], 0)
    assert cut("u a s u a", False, 1) == (["u0 a1", "s2 u3 a4"], 0)
    assert cut("u a s u a", False, 0, 25) == (["u0 a1"], 1)  # three messages cost 30
    assert cut("s u a", False, 0, 20) == ([], 1)


def test_with_a_window_each_answer_ends_one_row_with_what_came_before_it() -> None:
    assert cut("s u a u a u a", True, 2) == (["s0 u1 a2", "s0 u1 a2 u3 a4", "s0 u3 a4 u5 a6"], 0)
    assert cut("u a u a", True, 0) == (["u0 a1", "u0 a1 u2 a3"], 0)
    assert cut("s u a u a u a", True, 0, 50) == (["s0 u1 a2", "s0 u1 a2 u3 a4", "s0 u3 a4 u5 a6"], 0)


@settings(max_examples=200, deadline=None)
@given(st.text("sua", max_size=14), st.booleans(), st.integers(0, 4), st.integers(10, 120))
def test_rows_open_with_the_system_message_and_a_question_and_end_with_an_answer(
    text: str, each_answer: bool, most: int, limit: int
) -> None:
    try:
        conversation = messages(turns(text))
    except Refusal:
        return
    assert all(one["role"] != other["role"] for one, other in pairwise(conversation))
    head, parts = exchanges(conversation)
    assert [*head, *(turn for part in parts for turn in part)] == conversation
    found, left_out = rows(conversation, each_answer, most, limit, lambda part: 10 * len(part))
    for row in found:
        assert row[: len(head)] == head and 10 * len(row) <= limit
        assert next(turn["role"] for turn in row if turn["role"] != "system") == "user"
        assert row[-1]["role"] == "assistant"
    answers = [part[-1]["content"] for part in parts]
    if each_answer:
        assert len(found) + left_out == len(parts)
        assert [row[-1]["content"] for row in found] == [
            answer for answer in answers if answer in {r[-1]["content"] for r in found}
        ]
    else:
        said = [turn["content"] for row in found for turn in row[len(head) :]]
        assert len(said) == len(set(said))  # nothing twice
        if not left_out:
            assert said == [turn["content"] for part in parts for turn in part]
