"""What leaves for the model: messages made anew from the few fields that are sent, each redacted."""

from collections.abc import Callable, Sequence

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

Clean = Callable[[str], str]
SECRET = "[redacted:secret]"
UNNAMED = "unnamed"
"""What a tool call without a name is called when it is shown to the model again."""


def cleaned(messages: Sequence[BaseMessage], clean: Clean) -> list[BaseMessage]:
    """The messages without secrets; what the libraries would send beside content and tool calls is left out."""
    return [_cleaned(message, clean) for message in messages]


def _cleaned(message: BaseMessage, clean: Clean) -> BaseMessage:
    content = _text(message, clean)
    match message:
        case SystemMessage():
            return SystemMessage(content)
        case HumanMessage():
            return HumanMessage(content)
        case ToolMessage():
            return ToolMessage(content, tool_call_id=message.tool_call_id)
        case AIMessage():
            calls = [_call(call, clean) for call in message.tool_calls]
            calls += [_malformed(call, clean) for call in message.invalid_tool_calls]
            return AIMessage(content, tool_calls=calls)
    raise TypeError(f"a model is sent system, human, AI and tool messages, not {type(message).__name__}")


def _text(message: BaseMessage, clean: Clean) -> str:
    # Blocks of text come as one text: a secret that is split over two of them is seen so.
    return clean(str(message.text))


def _call(call: ToolCall, clean: Clean) -> ToolCall:
    arguments = {clean(name): _value(name, value, clean) for name, value in call["args"].items()}
    return ToolCall(name=clean(call["name"]), args=arguments, id=call["id"])


def _malformed(call: InvalidToolCall, clean: Clean) -> ToolCall:
    # Endpoints read the arguments of earlier calls as JSON, and some fail where they are none.
    return ToolCall(name=clean(call["name"] or UNNAMED), args={"malformed": clean(call["args"] or "")}, id=call["id"])


def _value(name: str, value: object, clean: Clean) -> object:
    """A value of a tool call's arguments; `name` is what it stands under, which may say that it is secret."""
    match value:
        case str():
            said = clean(value)
            # Under the name `password` every text is a secret.
            return SECRET if said == value and clean(f"{name}: {value}") != f"{name}: {value}" else said
        case int() if clean(str(value)) != str(value):
            return SECRET
        case dict():
            return {clean(str(key)): _value(str(key), inner, clean) for key, inner in value.items()}
        case list():
            return [_value(name, inner, clean) for inner in value]
    return value
