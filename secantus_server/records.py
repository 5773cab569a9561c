"""Classes that are created in a fraction of the time of the standard library's: records, named tuples and protocols.

A server's start creates some seventy such classes. `dataclass` compiles up to eight functions for each of them, and `record` one:
`__init__`. All records share the other methods. `typing.NamedTuple` compiles each annotation, and `typing.Protocol` collects the members
of each protocol. Nothing here uses either at run time.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol

    from typing_extensions import dataclass_transform
else:

    class _NamedTupleType(type):
        """The metaclass of `NamedTuple`. The classes that it creates are subclasses of `tuple` alone."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            names = namespace["__annotations__"]
            defaults = [namespace.pop(field) for field in names if field in namespace]
            created = namedtuple(name, names, defaults=defaults, module=namespace.pop("__module__"))
            for member, value in namespace.items():
                setattr(created, member, value)
            return created

    class NamedTuple(metaclass=_NamedTupleType):
        """The base class of named tuples, as `typing.NamedTuple`. The annotations of the fields remain texts."""

    class Protocol:
        """The base class of protocols, as `typing.Protocol`. Only type checkers compare classes with a protocol."""

        def __class_getitem__(cls, _parameters: object) -> type:
            return cls

    def dataclass_transform(**_: object) -> Callable[[Any], Any]:
        """Return the decorated function unchanged, because only type checkers use the information."""
        return lambda decorated: decorated


C = TypeVar("C", bound=type)
R = TypeVar("R")


@dataclass_transform(field_specifiers=(field,))
def record(*, frozen: bool = False, eq: bool = True, slots: bool = False) -> Callable[[C], C]:
    """Return a decorator that adds `__init__`, `__repr__` and `__eq__` to a class, for its annotated attributes.

    Defaults are declared as in a dataclass, also with `dataclasses.field`. Fields of base classes, class variables and keyword-only fields
    are not supported.

    Arguments:
        frozen: whether assignments raise an error, and whether instances have a hash. `__init__` then takes longer.
        eq: whether instances with the same values are equal. Otherwise an instance only equals itself.
        slots: whether instances have slots instead of a dict. Not with `frozen`, because `copy` would set the slots.
    """
    assert not (frozen and slots), "the instances could not be copied"

    def decorate(cls: C) -> C:
        added: dict[str, Any] = {"__repr__": _repr}
        if eq:
            added |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if frozen:
            added |= {"__setattr__": _refuse, "__delattr__": _refuse}
        return _with_fields(cls, added, slots=slots)

    return decorate


def replace(one: R, /, **values: Any) -> R:
    """Return a copy of a record with some values replaced, as `dataclasses.replace` does."""
    kept = {name: getattr(one, name) for name in type(one).__match_args__ if name not in values}  # type: ignore[attr-defined]
    return type(one)(**kept, **values)


def fields(record_or_class: Any) -> tuple[Field[Any], ...]:
    """Return the fields of a record or of its class, as `dataclasses.fields` does."""
    found: tuple[Field[Any], ...] = record_or_class._fields
    return found


def _with_fields(cls: C, added: dict[str, Any], *, slots: bool) -> C:
    """Return the class with its fields and the added methods. With `slots`, this is a new class."""
    fields = {name: _field(name, cls.__dict__.get(name, MISSING)) for name in cls.__annotations__}
    added["_fields"] = tuple(fields.values())
    added["__match_args__"] = tuple(name for name, one in fields.items() if one.init)
    added["_compared"] = _values_of([name for name, one in fields.items() if one.compare])
    added["_shown"] = [name for name, one in fields.items() if one.repr]
    added["__init__"] = _make_init(cls, fields, frozen="__setattr__" in added)
    if not slots:
        for name, one in fields.items():
            if one.default is not MISSING:
                added[name] = one.default
            elif name in cls.__dict__:
                delattr(cls, name)
        for name, value in added.items():
            setattr(cls, name, value)
        return cls
    body = {name: value for name, value in cls.__dict__.items() if name not in fields and name not in ("__dict__", "__weakref__")}
    created: C = type(cls)(cls.__name__, cls.__bases__, {**body, **added, "__slots__": tuple(fields), "__qualname__": cls.__qualname__})
    return created


def _field(name: str, value: Any) -> Field[Any]:
    declared: Field[Any] = value if isinstance(value, Field) else field(default=value)
    declared.name = name
    return declared


def _values_of(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _one: ()


def _make_init(cls: type, fields: dict[str, Field[Any]], *, frozen: bool) -> Any:
    """Return the method `__init__`, which assigns the arguments and defaults to the fields."""
    places: dict[str, Any] = {"MISSING": MISSING, "__name__": cls.__module__, "_set": object.__setattr__}
    assignment = "_set(self, {0!r}, {1})" if frozen else "self.{0} = {1}"
    parameters, lines = ["self"], []
    for name, one in fields.items():
        given = name
        if one.default is not MISSING:
            places[f"_{name}"] = one.default
            parameter = f"{name}=_{name}"
        elif one.default_factory is not MISSING:
            places[f"_{name}"] = one.default_factory
            parameter, given = f"{name}=MISSING", f"_{name}() if {name} is MISSING else {name}"
        else:
            parameter = name
        if one.init:
            parameters.append(parameter)
            lines.append(assignment.format(name, given))
        elif parameter != name:
            lines.append(assignment.format(name, f"_{name}" + "()" * (one.default is MISSING)))
    if "__post_init__" in cls.__dict__:
        lines.append("self.__post_init__()")
    # The source contains only the names of the fields. `dataclass` does the same.
    exec(f"def __init__({', '.join(parameters)}):\n " + ("\n ".join(lines) or "pass"), places)  # noqa: S102
    places["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return places["__init__"]


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self)._shown)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    values_of = type(self)._compared
    return values_of(self) == values_of(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(type(self)._compared(self))


def _refuse(self: Any, name: str, _value: Any = None) -> None:
    raise FrozenInstanceError(f"cannot change field {name!r}")
