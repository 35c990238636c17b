"""ChatML, the frame Qwen puts around a conversation, written as the chat template of Qwen2.5 writes it."""

END = "<|im_end|>"


def prompt(system: str, user: str) -> str:
    """All that comes before the answer to `user`."""
    return f"<|im_start|>system\n{system}{END}\n<|im_start|>user\n{user}{END}\n<|im_start|>assistant\n"


def document(system: str, user: str, answer: str) -> str:
    """A whole exchange: the prompt, `answer` and the end of the turn."""
    return f"{prompt(system, user)}{answer}{END}\n"
