"""The conditions that replace the encrypted values in filters and pipelines.

A condition on an encrypted field becomes a condition on the document's tags. A range with two bounds is one payload for both bounds, and a
stub for the second bound, which becomes true. Therefore both must be in the same conjunction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from bson.binary import Binary

from secantus_server.encryption.fields import SAFE_CONTENT, EncryptedFields
from secantus_server.encryption.payloads import FindPayload, contains_payload, is_payload, parse_find
from secantus_server.errors import CommandError, not_supported

#: Returns the tags of the documents that may have the searched value.
FindTags = Callable[[FindPayload], list[Binary]]

# The stages after which a document still has its encrypted fields and its tags.
_KEEPING = frozenset(["$match", "$sort", "$limit", "$skip", "$sample"])
_WITH_EXPRESSIONS = frozenset(["$addFields", "$group", "$project", "$set"])
_RANGES = frozenset(["$gt", "$gte", "$lt", "$lte"])
_NEGATIONS = {"$ne": "$eq", "$nin": "$in"}


class _Conjunction:
    """The bounds of the two-sided ranges in one conjunction."""

    def __init__(self) -> None:
        self._payloads: Counter[int] = Counter()
        self._stubs: Counter[int] = Counter()

    def note(self, payload: FindPayload) -> None:
        """Count a bound of a range."""
        if payload.tokens is None:
            self._stubs[payload.number] += 1
        elif len(payload.operators) > 1:
            self._payloads[payload.number] += 1

    def check(self) -> None:
        """Raise if a two-sided range has only one of its bounds here.

        Raises:
            CommandError: 2 BadValue.
        """
        if self._payloads != self._stubs:
            raise CommandError(2, "The two bounds of an encrypted range must be in the same $and")


class QueryRewriter:
    """Replaces the encrypted values in the filters and pipelines of one command.

    Arguments:
        fields: the collection's encrypted fields.
        find_tags: returns the tags of the documents that may have a searched value.
    """

    def __init__(self, fields: EncryptedFields, find_tags: FindTags) -> None:
        self._fields = fields
        self._find_tags = find_tags

    def match(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return a filter without payloads. Return the given object if it has none.

        Raises:
            CommandError: 2 BadValue for a payload in another field, 238 for an unsupported operator; the errors of `parse_find`.
        """
        if not contains_payload(query):
            return query
        bounds = _Conjunction()
        found = self._match(query, bounds)
        bounds.check()
        return found

    def pipeline(self, stages: list[Any]) -> list[Any]:
        """Return a pipeline without payloads.

        Raises:
            CommandError: 238 for a payload in a stage that does not read the collection's own documents; see `match`.
        """
        found, keeps = [], True
        for stage in stages:
            if not contains_payload(stage):
                found.append(stage)
            elif keeps and type(stage) is dict and len(stage) == 1:
                found.append({name: self._stage(name, spec) for name, spec in stage.items()})
            else:
                raise not_supported("an encrypted value in this stage of a pipeline", "search it in a $match at the pipeline's start")
            keeps = keeps and type(stage) is dict and set(stage) <= _KEEPING
        return found

    def _stage(self, name: str, spec: Any) -> Any:
        if name == "$match" and type(spec) is dict:
            return self.match(spec)
        if name in _WITH_EXPRESSIONS:
            return self._alone(spec)
        if name == "$geoNear" and type(spec) is dict and not contains_payload({**spec, "query": None}):
            return {**spec, "query": self.match(spec["query"])}
        raise not_supported(f"an encrypted value in {name}", "search it in a $match at the pipeline's start")

    def _match(self, query: dict[str, Any], bounds: _Conjunction) -> dict[str, Any]:
        clauses: list[dict[str, Any]] = []
        for name, value in query.items():
            if not contains_payload(value):
                clauses.append({name: value})
            elif name == "$and" and _are_documents(value):
                clauses += [self._match(item, bounds) for item in value]
            elif name in ("$or", "$nor") and _are_documents(value):
                clauses.append({name: [self.match(item) for item in value]})
            elif name == "$expr":
                clauses.append({name: self._expression(value, bounds)})
            elif name.startswith("$"):
                raise _operator_error(name)
            else:
                clauses += self._conditions(name, value, bounds)
        clauses = [clause for clause in clauses if clause]
        return {"$and": clauses} if len(clauses) > 1 else clauses[0] if clauses else {}

    def _conditions(self, path: str, value: Any, bounds: _Conjunction) -> list[dict[str, Any]]:
        """Return the clauses that replace the conditions on a field."""
        self._fields.check_indexed(path)
        if is_payload(value):
            return [self._condition("$eq", value, bounds)]
        if type(value) is not dict:
            raise _operator_error("an array")
        clauses: list[dict[str, Any]] = []
        for operator, operand in value.items():
            if not contains_payload(operand):
                clauses.append({path: {operator: operand}})
            elif operator == "$not":
                clauses.append({"$nor": [self.match({path: operand})]})
            else:
                clauses.append(self._condition(operator, operand, bounds))
        return clauses

    def _condition(self, operator: str, operand: Any, bounds: _Conjunction) -> dict[str, Any]:
        """Return the clause that replaces an operator of a filter. It is empty if it is always true."""
        tags = self._tags(_NEGATIONS.get(operator, operator), operand, bounds)
        if tags is None:
            return {}
        return {SAFE_CONTENT: {"$nin" if operator in _NEGATIONS else "$in": tags}}

    def _tags(self, operator: str, operand: Any, bounds: _Conjunction) -> list[Binary] | None:
        """Return the tags of the documents that satisfy a condition, or None if another condition decides.

        Arguments:
            operator: $eq, $in or an operator of a range.
        """
        if operator == "$in" and type(operand) is list and all(is_payload(item) for item in operand):
            return [tag for item in operand for tag in self._tags("$eq", item, bounds) or ()]
        if operator not in ("$eq", *_RANGES) or not is_payload(operand):
            raise _operator_error(operator)
        payload = parse_find(operand)
        if operator not in (payload.operators or ("$eq",)):
            raise CommandError(2, f"An encrypted value was sent with {operator}, for which the client did not encrypt it")
        bounds.note(payload)
        return None if payload.tokens is None else self._find_tags(payload)

    def _alone(self, expression: Any) -> Any:
        """Return an expression without payloads, whose value is used as it is."""
        bounds = _Conjunction()
        found = self._expression(expression, bounds)
        bounds.check()
        return found

    def _expression(self, expression: Any, bounds: _Conjunction) -> Any:
        """Return an expression without payloads."""
        if not contains_payload(expression):
            return expression
        if type(expression) is list:
            return [self._alone(item) for item in expression]
        if type(expression) is not dict:
            raise _operator_error("an expression")
        if len(expression) > 1 or not next(iter(expression)).startswith("$"):
            return {name: self._alone(item) for name, item in expression.items()}
        operator, operands = next(iter(expression.items()))
        if operator == "$and" and type(operands) is list:
            return {"$and": [self._expression(item, bounds) for item in operands]}
        if operator in ("$eq", "$ne", "$in", *_RANGES):
            return self._comparison(operator, operands, bounds)
        return {operator: self._alone(operands)}

    def _comparison(self, operator: str, operands: Any, bounds: _Conjunction) -> Any:
        """Return the expression that replaces a comparison of a field with payloads."""
        if type(operands) is not list or len(operands) != 2:
            raise _operator_error(operator)
        field, operand = operands
        if operator in ("$eq", "$ne") and is_payload(field):
            field, operand = operand, field
        if type(field) is not str or not field.startswith("$") or field.startswith("$$"):
            raise _operator_error(operator)
        self._fields.check_indexed(field[1:])
        tags = self._tags(_NEGATIONS.get(operator, operator), operand, bounds)
        if tags is None:
            return True
        common = {"$setIntersection": [{"$ifNull": [f"${SAFE_CONTENT}", []]}, tags]}
        return {"$eq" if operator in _NEGATIONS else "$ne": [common, []]}


def _are_documents(value: Any) -> bool:
    return type(value) is list and all(type(item) is dict for item in value)


def _operator_error(name: str) -> CommandError:
    return not_supported(f"an encrypted value in {name}", "use $eq, $ne, $in, $nin, or the bounds of a range")
