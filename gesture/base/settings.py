"""What all settings have in common."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, numbers are finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def identity(self) -> dict[str, Any]:
        """What these settings stand for, as JSON: required fields, tags, and what differs from its default.

        So a new key moves no digest while it has its default, and two kinds of a choice never have the same one.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: _identity(values[name])
            for name, field in type(self).model_fields.items()
            if field.is_required() or _is_tag(field) or values[name] != field.get_default(call_default_factory=True)
        }


def _is_tag(field: FieldInfo) -> bool:
    """Whether the field has one value alone, by which a kind is chosen."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _identity(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.identity()
    if isinstance(value, dict):
        return {key: _identity(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_identity(one) for one in value]
    return to_jsonable_python(value)
