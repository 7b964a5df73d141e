"""From YAML to a validated `Spec`, with every problem found at its line and column. Torch-free."""

import copy
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from initlab.catalog import FIELDS
from initlab.catalog.arithmetic import is_expression
from initlab.errors import InputError, Problem, SpecError
from initlab.formatting import cut
from initlab.spec import yamlfile
from initlab.spec.blocks import NONE
from initlab.spec.layers import LayerGrid
from initlab.spec.messages import owner_of, wording
from initlab.spec.model import Grid, Head, Spec, safe_name

#: fields whose override leaves true what a spec says about its networks
HARMLESS = (*Head.model_fields, "seeds")
SHOWN_OVERRIDE = 40  # characters
#: fields that say the same thing: setting one takes the others away
RIVALS = {"shape": ("depth", "width"), "depth": ("shape",), "width": ("shape",)}


def read(source: str, overrides: Sequence[str] = (), stdin: BinaryIO | None = None) -> Spec:
    """Read and validate a spec.

    Args:
        source: a YAML file, or "-" for standard input.
        stdin: where standard input comes from.
        overrides: "path=value" with dots in the path and YAML values, as `--set` takes them.

    Raises:
        SpecError: with every problem found, each at its line and column.
        InputError: the file cannot be read, or an override is not of the form path=value.
    """
    name = "<stdin>" if source == "-" else source
    if source == "-" and stdin is None:
        if sys.stdin is None:
            raise InputError("-: standard input is closed", "initlab sweep spec.yaml")
        stdin = sys.stdin.buffer
    raw = yamlfile.read_bytes(source, stdin)
    document = yamlfile.parse(raw, name)
    folder = Path() if source == "-" else Path(source).parent
    fallback = "stdin" if source == "-" else safe_name(Path(source).stem)
    return validate(document, overrides, fallback=fallback, folder=folder)


def validate(
    document: yamlfile.Document, overrides: Sequence[str] = (), *, fallback: str, folder: Path
) -> Spec:
    """A spec from a parsed document. Raises as `read` does."""
    if document.data is None:
        raise SpecError([Problem(document.name, "", "is empty")], "initlab new")
    if not isinstance(document.data, dict):
        kind = "a list" if isinstance(document.data, list) else "a single value"
        message = f"is {kind}; a spec maps fields to values, as in 'depth: 100'"
        raise SpecError([Problem(document.where(()), "", message)], "initlab new")
    document = yamlfile.Document(document.name, copy.deepcopy(document.data), document.places)
    for text in overrides:
        _override(document, text)
    _tell(document.data, overrides)
    return _Validator(document, fallback, folder).spec()


class _Validator:
    """Validates the head and every grid of a document, gathering the problems of all of them."""

    def __init__(self, document: yamlfile.Document, fallback: str, folder: Path) -> None:
        self.document, self.fallback, self.folder = document, fallback, folder
        self.problems: dict[Problem, None] = {}

    def spec(self) -> Spec:
        data = dict(self.document.data)
        head = {key: data.pop(key) for key in Head.model_fields if key in data}
        cases = data.pop("cases", None)
        validated = self._model(Head, {"name": self.fallback, **head}, None)
        grids = [self._grid(data, i, case) for i, case in enumerate(self._cases(cases))]
        if self.problems:
            ordered = sorted(self.problems, key=_natural)
            raise SpecError(
                ordered, "initlab new prints a spec that works, initlab schema all it may say"
            )
        return Spec(validated, tuple(g for g in grids if g), self.document, self.folder)

    def _cases(self, cases: Any) -> list[Any]:
        if cases is None:
            return [{}]
        if not isinstance(cases, list) or not cases:
            self._add(("cases",), "needs a list of partial specs")
            return []
        return cases

    def _grid(self, data: dict[str, Any], index: int, case: Any) -> Grid | None:
        if not isinstance(case, dict):
            self._add(("cases", index), "a case is a partial spec, as in {depth: 10}")
            return None
        base = dict(data)
        if "shape" in case:
            base = {k: v for k, v in base.items() if k not in ("depth", "width")}
        elif "depth" in case or "width" in case:
            base.pop("shape", None)
        grid: Grid | None = self._model(Grid, {**base, **case}, index if case else None)
        return grid

    def _model(self, model: Any, data: dict[str, Any], case: int | None) -> Any:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for problem in error.errors():
                path = _as_written(data, problem)
                inside = case is not None and ("cases", case, *path[:1]) in self.document.places
                self._add((*(("cases", case) if inside else ()), *path), wording(problem))
            return None

    def _add(self, path: tuple[Any, ...], message: str) -> None:
        known = self.document.known(path)
        # field, index, record, parameter: what a bare name or an override leaves without a place
        inside = path[2:] if path[:1] == ("cases",) else path
        inside = owner_of(inside)[1]
        if len(inside) > 3 and inside[0] in FIELDS and inside[3] not in known:
            known = (*known, inside[3])
        text = "".join(f"[{e}]" if isinstance(e, int) else f".{e}" for e in known).lstrip(".")
        self.problems[Problem(self.document.where(path), text, message)] = None


def _as_written(data: dict[str, Any], problem: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where a problem is, with the name of some layers as the spec writes it: "5 - 9"."""
    path = tuple(problem["loc"])
    if problem["type"] == "layers":
        key = problem.get("ctx", {}).get("key")
        return path if key is None else (*path, key)
    if path[:1] == ("layers",) and len(path) > 1 and isinstance(data.get("layers"), dict):
        written = [k for k in data["layers"] if "".join(str(k).split()) == path[1]]
        return ("layers", *written[:1], *path[2:])
    return path


def _tell(data: dict[str, Any], overrides: Sequence[str]) -> None:
    """Have the spec say that it is not what its `about` was written for."""
    last: dict[str, str] = {}  # by path: a later one replaces earlier ones of it, and inside it
    for text in overrides:
        path = text.partition("=")[0].strip()
        last = {p: t for p, t in last.items() if not f"{p}.".startswith(f"{path}.")} | {path: text}
    fields = {text: path.split(".")[0] for path, text in sorted(last.items())}
    changed = [cut(text, SHOWN_OVERRIDE) for text, field in fields.items() if field not in HARMLESS]
    about = data.get("about", "")
    if changed and isinstance(about, str) and "about" not in fields.values():
        data["about"] = f"with {', '.join(changed)}" + (f"; as written: {about}" if about else "")


def _natural(problem: Problem) -> list[str]:
    """Line 10 after line 9."""
    return [part.zfill(9) for part in problem.where.split(":")] + [problem.path, problem.message]


def _override(document: yamlfile.Document, text: str) -> None:
    """Set one value: "init.gain=2", in the spec and in every case that says something of `init`."""
    dotted, equals, value = text.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise InputError(f"--set {text}: needs path=value", "--set init.gain=2")
    try:
        given = yamlfile.value(value)
    except InputError as error:
        raise InputError(f"--set {keys[0]}: {error.message}", _mended(dotted, value)) from None
    cases = document.data.get("cases")
    parts: list[tuple[Any, ...]] = [()]
    for index, case in enumerate(cases if isinstance(cases, list) else []):
        if isinstance(case, dict):
            for rival in RIVALS.get(keys[0], ()):
                case.pop(rival, None)
            # an entry of one list is not the same entry of another
            listed = len(keys) > 1 and keys[1].isdigit() and keys[0] != "layers"
            if keys[0] in case and not listed:
                parts.append(("cases", index))
    for rival in RIVALS.get(keys[0], ()):
        document.data.pop(rival, None)
    for part in parts:
        _set(document, part, keys, given, text)


def _mended(dotted: str, value: str) -> str:
    """A setting that is YAML, by what is missing at the end, or an example."""
    for end in ("]", "}", '"', "'"):
        with suppress(InputError):
            yamlfile.value(value + end)
            return f"--set {shlex.quote(f'{dotted}={value}{end}')}"
    return f"--set {dotted}=..., with a number, a name or a list: '[1, 2]'"


def _set(
    document: yamlfile.Document, root: tuple[Any, ...], keys: list[str], given: Any, text: str
) -> None:
    at, path = document.data, root
    for element in root:
        at = at[element]
    for key in keys[:-1]:
        _borrow(document.data, at, key, path)
        at, path = _inside(at, key, path, text)
    last: Any = keys[-1]
    if isinstance(at, list):
        last = _index(at, last, path, text)
    at[last] = given
    document.mark((*path, last), f"--set {text}")


def _borrow(spec: dict[str, Any], at: Any, key: str, path: tuple[Any, ...]) -> None:
    """Have some layers begin from what all have: last.init.gain=2 is the spec's init with a gain.

    Only where that is one choice, which no case changes.
    """
    owner, inside = owner_of((*(path[2:] if path[:1] == ("cases",) else path), key))
    wanted = owner and inside == (key,) and key in LayerGrid.model_fields
    if not wanted or not isinstance(at, dict) or at.get(key) is not None:
        return
    cases = spec.get("cases")
    parts = [spec, *(cases if isinstance(cases, list) else [])]
    said = [part[key] for part in parts if isinstance(part, dict) and part.get(key) is not None]
    if len(said) == 1 and isinstance(said[0], str | dict):
        at[key] = copy.deepcopy(said[0])


def _inside(at: Any, key: str, path: tuple[Any, ...], text: str) -> tuple[Any, tuple[Any, ...]]:
    """One step down. A bare name or number on the way ("init: normal") becomes a mapping."""
    if isinstance(at, list):
        index = _index(at, key, path, text)
        if path and path[-1] in FIELDS:
            at[index] = _as_mapping(path[-1], at[index])
        inner, path = at[index], (*path, index)
    else:
        if key in FIELDS and key in at:
            at[key] = _as_mapping(key, at[key])
        elif key == "band" and not path and isinstance(at.get(key), int):
            at[key] = {"networks": at[key]}
        elif at.get(key) is None:
            at[key] = {}
        inner, path = at[key], (*path, key)
    if isinstance(inner, dict | list):
        return inner, path
    place = ".".join(map(str, path))
    raise InputError(f"--set {text}: {place} is not a mapping here", f"--set '{place}={{...}}'")


def _as_mapping(field: str, value: Any) -> Any:
    """What is said in short, as a mapping: a record by its name, a residual by its layers."""
    if field == "residual" and (value is False or value == NONE):
        return {}
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if field == "residual" and (number or (isinstance(value, str) and is_expression(value))):
        return {"every": value}
    return {FIELDS[field].key: value} if isinstance(value, str) else value


def _index(at: list[Any], key: str, path: tuple[Any, ...], text: str) -> int:
    if key.isascii() and key.isdigit() and int(key) < len(at):
        return int(key)
    place = ".".join(map(str, path))
    raise InputError(
        f"--set {text}: {place} is a list of {len(at)} here",
        f"--set {place}.0...., or all of {place}",
    )
