import pytest

from stages.lora import chatml


def test_a_document_is_the_prompt_the_answer_and_the_end_of_the_turn() -> None:
    assert chatml.document("S", "U", " A") == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n A<|im_end|>\n"
    )
    assert chatml.document("S", "U", " A").startswith(chatml.prompt("S", "U"))


def test_the_frame_is_what_the_chat_template_of_the_tiny_base_writes() -> None:
    jinja2 = pytest.importorskip("jinja2")
    from stages.lora.tokenizer import TEMPLATE

    roles = {"system": "S", "user": "U", "assistant": " A"}
    messages = [{"role": role, "content": content} for role, content in roles.items()]
    template = jinja2.Template(TEMPLATE)
    assert template.render(messages=messages) == chatml.document("S", "U", " A")
    assert template.render(messages=messages[:2], add_generation_prompt=True) == chatml.prompt("S", "U")
