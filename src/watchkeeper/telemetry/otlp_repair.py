"""Protobuf bodies whose text is not UTF-8, made readable: broken characters are replaced, nothing else is touched.

Python's protobuf refuses a whole message for one broken character. The same message is therefore read once more
with every text field declared as bytes, which looks the same on the wire.
"""

from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass


def repaired(descriptor: Descriptor, body: bytes) -> bytes:
    """The body with each broken character replaced by U+FFFD; raises protobuf's DecodeError if it is no message."""
    message = GetMessageClass(_mirror(descriptor.file).FindMessageTypeByName(descriptor.full_name))()
    message.ParseFromString(body)
    _repair(message, descriptor)
    return message.SerializeToString()


@cache
def _mirror(file: FileDescriptor) -> DescriptorPool:
    """A pool with the file and what it imports, in which text is bytes."""
    pool = DescriptorPool()
    _add(file, pool, set())
    return pool


def _add(file: FileDescriptor, pool: DescriptorPool, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for needed in file.dependencies:
        _add(needed, pool, added)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _declare_bytes(message)
    pool.Add(proto)


def _declare_bytes(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("json_name")
    for nested in message.nested_type:
        _declare_bytes(nested)


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
