"""Reads YAML as data with positions: every value knows its file, line and column.

Scalars follow the YAML 1.2 core schema, so that `1e-3` is a number, `no` a word and `010` ten
(PyYAML by itself gives a string, False and 8). Duplicate keys, tags, and documents that grow
without bound through aliases are refused. Nothing is ever imported or executed.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from initlab.errors import InputError, Problem, SpecError
from initlab.userfiles import read_file

INVALID = "is not valid YAML: "
HINT = " (check the indentation, and the space after each colon)"  # of a file
MAX_BYTES = 1 << 20
#: endings of files that hold a network and not a description of one
MODELS = frozenset({".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".h5", ".keras"})
MAX_REPEATED = 100_000  # nodes to which aliases may lead again
MAX_DEPTH = 50

_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)

Path_ = tuple[Hashable, ...]


@dataclass
class Document:
    """A YAML document as plain data, with the place of every key and value by path."""

    name: str
    data: Any
    places: dict[Path_, str] = field(default_factory=dict)

    def known(self, path: Path_) -> Path_:
        """The part of a path that the document has.

        Elements that it lacks are skipped: validators add some of their own.
        """
        known: Path_ = ()
        for element in path:
            if (*known, element) in self.places:
                known = (*known, element)
        return known

    def where(self, path: Path_) -> str:
        """The place of the deepest known part of a path."""
        return self.places.get(self.known(path), self.name)

    def mark(self, path: Path_, place: str) -> None:
        """Note that `path` was set from `place`, with whatever stood there before forgotten."""
        self.places = {p: where for p, where in self.places.items() if p[: len(path)] != path}
        for end in range(1, len(path) + 1):
            self.places.setdefault(path[:end], place)


def read_bytes(source: str, stdin: BinaryIO | None) -> bytes:
    """What a file, or standard input for "-", holds.

    Raises:
        InputError: there is no such file, it is a folder or a device, it may not be read, it is too
            large, or its name says that it is a saved model.
    """
    if source != "-" and Path(source).suffix.lower() in MODELS:
        raise InputError(
            f"{source}: is a saved model; networks are built anew from a YAML spec: write the"
            " model's depth, width and activation into one",
            "initlab new my_sweep.yaml",
        )
    if source != "-" or stdin is None:
        path = Path(source)
        try:
            if path.is_dir():
                raise InputError(
                    f"{source}: is a folder; a spec file is needed", f"ls {source}/*.yaml"
                )
            return read_file(path, MAX_BYTES, where=source)
        except FileNotFoundError:
            raise InputError(f"{source}: no such file", "initlab new my_sweep.yaml") from None
        except OSError as error:
            raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    raw = stdin.read(MAX_BYTES + 1) or b""  # None: nothing came, of a stream that does not block
    if len(raw) > MAX_BYTES:
        raise InputError(f"{source}: larger than {MAX_BYTES:,} bytes; a spec is a page of YAML")
    return raw


def parse(raw: bytes, name: str) -> Document:
    """Data and places of a YAML document.

    Raises:
        SpecError: not UTF-8, not YAML, more than one document, duplicate keys, tags, alias bombs.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refuse(f"{name}:{line}", "is not UTF-8 text") from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except _TagError as error:
        raise _refuse(_place(name, error.problem_mark), str(error.problem)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(name, mark) if mark else name
        raise _refuse(
            place,
            f"{INVALID}{error.problem or error.context}{HINT}",
        ) from None
    except yaml.YAMLError as error:
        raise _refuse(name, f"is not YAML text: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise _refuse(name, "is nested too deeply") from None
    document = Document(name, None)
    if node is not None:
        document.data = _Converter(document).convert(node, ())
    return document


def value(text: str) -> Any:
    """A value given on the command line, read as YAML.

    Raises:
        InputError: if it is not YAML.
    """
    try:
        return parse(text.encode(), "value").data
    except UnicodeEncodeError:
        raise InputError(f"{text!r} is not text") from None
    except SpecError as error:
        told = error.problems[0].message.removeprefix(INVALID).removesuffix(HINT)
        told = told.replace("got '<stream end>'", "it ends")
        raise InputError(f"{text!r} is not a YAML value: {told}") from None


class _TagError(yaml.MarkedYAMLError):
    """A value that says of what type it is."""


class _Loader(yaml.BaseLoader):
    """Refuses tags where they stand; what a tag would make of a value is not asked."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if tag := getattr(event, "tag", None):
            problem = f"has the tag {tag!r}; a spec is plain data: leave it out, and quote text"
            raise _TagError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Converter:
    """Turns nodes into data, notes their places, and counts repeats so that aliases cannot explode.

    What stands in the file is bounded by its size, and so is not counted.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen: set[int] = set()
        self.repeated = 0

    def convert(self, node: yaml.Node, path: Path_) -> Any:
        self.repeated += id(node) in self.seen
        self.seen.add(id(node))
        place = _place(self.document.name, node.start_mark)
        if self.repeated > MAX_REPEATED:
            raise _refuse(place, "grows without bound through aliases")
        if len(path) > MAX_DEPTH:
            raise _refuse(place, "is nested too deeply")
        self.document.places.setdefault(path, place)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*path, i)) for i, item in enumerate(node.value)]
        value = _scalar(node)
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _refuse(place, f"{'.'.join(map(str, path))}: half a character cannot be written")
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            place = _place(self.document.name, key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refuse(place, "a key must be a word")
            key = key_node.value
            if key in mapping:
                raise _refuse(place, f"the key {key!r} stands twice; the first would be lost")
            self.document.places[(*path, key)] = place
            mapping[key] = self.convert(value_node, (*path, key))
        return mapping


def _scalar(node: Any) -> Any:
    return node.value if node.style is not None else resolve(node.value)  # quoted: always text


def resolve(text: str) -> Any:
    """What a plain scalar means: null, true, false, a number, or its own text."""
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else float("inf")
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _place(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}"


def _refuse(where: str, message: str) -> SpecError:
    return SpecError([Problem(where, "", message)])
