"""YAML as data: the core of YAML 1.2, without what makes files surprising or dangerous."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

__all__ = ["MAX_DEPTH", "MAX_NODES", "MAX_SIZE", "parse_yaml"]

MAX_SIZE = 2**20  # bytes
MAX_DEPTH = 50
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_RESOLVERS = (  # YAML 1.2.2, section 10.3.2
    ("null", r"null|Null|NULL|~|", "nN~"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML says no types
    """Refuses aliases, anchors, tags, merge keys, duplicate keys, and what is too deep or too much."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refusal("anchors and aliases (& and *) are refused", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"tags ({event.tag}) are refused", event)
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        if self.depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise _refusal(f"more than {MAX_DEPTH} levels or {MAX_NODES} values", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                raise _refusal("keys must be text (quote it)", key)
            if key.value in seen or key.value == "<<":
                raise _refusal(f"the key {key.value!r} {'is there twice' if key.value in seen else 'is refused'}", key)
            seen.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made

    def flatten_mapping(self, node: Any) -> None:
        """Nothing is merged."""

    def construct_number(self, node: Any) -> int | float:
        text = node.value
        if node.tag == f"{_TAG}float":
            return float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
        if len(text) > 100:
            raise _refusal("a number of more than 100 digits", node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern})$"), [*_first, ""])
for _name in ("int", "float"):
    _Loader.add_constructor(f"{_TAG}{_name}", _Loader.construct_number)


def _refusal(reason: str, where: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, reason, where.start_mark)


def parse_yaml(text: str | bytes, name: str = "job file") -> Any:
    """The one document in `text`: dicts with text as keys, lists, text, numbers, true, false, null.

    ``1e5`` is a number; ``no``, ``on``, ``12:30:00`` and dates are text.

    Raises
    ------
    ValueError
        With file, line, column and reason, for everything that is not such a document.
    """
    if len(text) > MAX_SIZE:
        raise ValueError(f"{name}: {len(text)} bytes; at most {MAX_SIZE} are read")
    loader = None
    try:
        loader = _Loader(text.decode("utf-8") if isinstance(text, bytes) else text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark is not None else ""
        raise ValueError(f"{name}:{place} {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{name}: not YAML ({' '.join(str(error).split())[:200]})") from None
    finally:
        if loader is not None:
            loader.dispose()
