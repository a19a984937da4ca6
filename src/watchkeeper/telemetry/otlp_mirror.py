"""OTLP's messages declared a little differently, though the same on the wire, for what Python's protobuf does badly.

Attributes repeat from record to record: declared as bytes they can be looked up, not read again, which halves the
time that a span takes. And Python's protobuf refuses a whole message for one character that is not UTF-8: with
text declared as bytes such a message can be read, and repaired.
"""

from collections.abc import Callable
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_IsBytes = Callable[[FieldDescriptorProto], bool]


def with_raw_attributes(descriptor: Descriptor) -> type[Message]:
    """The message's class, in which each of a record's `attributes` is the bytes of a KeyValue."""
    return _class(descriptor, _is_attributes)


def repaired(descriptor: Descriptor, body: bytes) -> bytes:
    """The body with each broken character replaced by U+FFFD; raises protobuf's DecodeError if it is no message."""
    message = _class(descriptor, _is_text)()
    message.ParseFromString(body)
    _repair(message, descriptor)
    return message.SerializeToString()


def _is_attributes(field: FieldDescriptorProto) -> bool:
    return field.name == "attributes" and field.type_name.endswith(".KeyValue")


def _is_text(field: FieldDescriptorProto) -> bool:
    return field.type == FieldDescriptorProto.TYPE_STRING


def _class(descriptor: Descriptor, is_bytes: _IsBytes) -> type[Message]:
    return GetMessageClass(_pool(descriptor.file, is_bytes).FindMessageTypeByName(descriptor.full_name))


@cache
def _pool(file: FileDescriptor, is_bytes: _IsBytes) -> DescriptorPool:
    """A pool with the file and what it imports, in which the chosen fields are bytes."""
    pool = DescriptorPool()
    _add(file, pool, is_bytes, set())
    return pool


def _add(file: FileDescriptor, pool: DescriptorPool, is_bytes: _IsBytes, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for needed in file.dependencies:
        _add(needed, pool, is_bytes, added)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _declare_bytes(message, is_bytes)
    pool.Add(proto)


def _declare_bytes(message: DescriptorProto, is_bytes: _IsBytes) -> None:
    for field in message.field:
        if is_bytes(field):
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
            field.ClearField("json_name")
    for nested in message.nested_type:
        _declare_bytes(nested, is_bytes)


def _repair(message: Message, meant: Descriptor) -> None:
    """Rewrite in place what `meant`, the real message, declares as text and is not UTF-8."""
    for field, value in message.ListFields():
        declared = meant.fields_by_number[field.number]
        if declared.message_type is not None:
            for nested in value if field.is_repeated else [value]:
                _repair(nested, declared.message_type)
        elif declared.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, _text(value))
        elif declared.type == FieldDescriptor.TYPE_STRING:
            value[:] = [_text(item) for item in value]


def _text(raw: bytes) -> bytes:
    return raw.decode("utf-8", "replace").encode()
