"""YAML whose every value knows the line and the path it stands at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from routing.validation import did_you_mean, shown

_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_TEXTS = ("str", "int", "float", "bool", "timestamp")


class Place(NamedTuple):
    """Where something stands: line (from 1) and path, like ``chargers[2].routes[1].role``."""

    line: int
    path: str


class Fault(NamedTuple):
    """What is wrong at a place, in a sentence."""

    place: Place
    sentence: str


class Refused(Exception):
    """A file that can't be applied; ``str()`` names file, line, path and problem of every fault."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.faults = sorted(set(faults))
        lines = [
            ": ".join(filter(None, (f"{name}:{f.place.line}", f.place.path, f.sentence))) for f in self.faults
        ]
        super().__init__("\n".join(lines))


class Item(NamedTuple):
    """A value as YAML has it, and its place."""

    node: yaml.Node
    place: Place


class Document:
    """A YAML file that is read piece by piece; what is wrong with it gathers in ``faults``."""

    def __init__(self, name: str, content: bytes | str) -> None:
        """Raises Refused for what is not one YAML document."""
        self.name = name
        self.faults: list[Fault] = []
        try:
            self._loader = yaml.SafeLoader(content)
            self.root = self._loader.get_single_node()
        except yaml.YAMLError as error:
            raise Refused(name, [_syntax(error)]) from None
        except RecursionError:
            raise Refused(name, [Fault(Place(1, ""), "this is nested too deeply")]) from None

    def fault(self, place: Place, sentence: str) -> None:
        """Note what is wrong and go on, so that one run names every fault."""
        self.faults.append(Fault(place, sentence))

    def mapping(self, item: Item, known: Mapping[str, bool]) -> dict[str, Item]:
        """The values under ``known`` keys (True: required) and a fault for every other one."""
        members = dict(self.members(item))
        for key in set(members) - set(known):
            place = members[key].place._replace(line=self._key_line(item.node, key))
            hint = did_you_mean(key, known) or f"; expected one of {', '.join(known)}"
            self.fault(place, f"{shown(key)} is not a key here{hint}")
        for key, required in known.items():
            if required and key not in members and isinstance(item.node, yaml.MappingNode):
                self.fault(item.place, f"{key} is missing")
        return {key: value for key, value in members.items() if key in known}

    def members(self, item: Item) -> Iterator[tuple[str, Item]]:
        """Keys and values of a mapping, with a fault for a key that stands twice."""
        if not isinstance(item.node, yaml.MappingNode):
            self.fault(item.place, f"{self._shown(item)} is not a mapping; expected keys with values")
            return
        self._refuse_twice(item)
        try:
            self._loader.flatten_mapping(item.node)  # "<<" merges another mapping in
        except yaml.YAMLError as error:
            self.fault(item.place, _syntax(error).sentence)
        for key_node, value_node in item.node.value:
            key = _key(key_node)
            yield key, Item(value_node, Place(value_node.start_mark.line + 1, _join(item.place.path, key)))

    def _refuse_twice(self, item: Item) -> None:
        seen: set[str] = set()
        for key_node, _ in item.node.value:
            key = _key(key_node)
            if key in seen:
                place = Place(key_node.start_mark.line + 1, _join(item.place.path, key))
                self.fault(place, "stands here twice; keep one of them")
            seen.add(key)

    def items(self, item: Item) -> list[Item]:
        """The values of a list; null is an empty one."""
        if item.node.tag == _NULL:
            return []
        if not isinstance(item.node, yaml.SequenceNode):
            self.fault(item.place, f"{self._shown(item)} is not a list; start each entry with a dash")
            return []
        return [
            Item(node, Place(node.start_mark.line + 1, f"{item.place.path}[{index}]"))
            for index, node in enumerate(item.node.value)
        ]

    def text(self, item: Item) -> str | None:
        """Text exactly as written, so that 0123 keeps its zero; None for null."""
        if item.node.tag == _NULL:
            return None
        if isinstance(item.node, yaml.ScalarNode) and item.node.tag.rpartition(":")[2] in _TEXTS:
            return str(item.node.value)
        self.fault(item.place, "this is not text")
        return None

    def flag(self, item: Item) -> bool:
        """True or false."""
        if item.node.tag != _BOOL:
            self.fault(item.place, f"{self._shown(item)} is neither true nor false")
            return False
        return bool(self.plain(item))

    def plain(self, item: Item) -> Any:
        """The value as Python has it: text, numbers, lists, dictionaries."""
        if isinstance(item.node, yaml.MappingNode):
            self._refuse_twice(item)
        try:
            return self._loader.construct_object(item.node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            self.fault(item.place, f"this is no value that YAML knows ({str(error).splitlines()[0]})")
            return None

    def place_in(self, item: Item, key: str) -> Place:
        """Where ``key`` stands in the mapping, the mapping itself if it is not there."""
        path = _join(item.place.path, key) if key else item.place.path
        return Place(self._key_line(item.node, key) or item.place.line, path)

    def _key_line(self, node: yaml.Node, key: str) -> int:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        return next((k.start_mark.line + 1 for k, _ in pairs if _key(k) == key), 0)

    def _shown(self, item: Item) -> str:
        return shown(item.node.value) if isinstance(item.node, yaml.ScalarNode) else "this"


def _key(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else "(not text)"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _syntax(error: yaml.YAMLError) -> Fault:
    """A syntax error without the text around it, which may be a password."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be read"
    column = f" at column {mark.column + 1}" if mark else ""
    return Fault(Place(mark.line + 1 if mark else 1, ""), f"this is not YAML: {what}{column}")
