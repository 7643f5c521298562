"""The policy simulator as JSON: ``POST simulate``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from emulator.access.simulate import Simulation
from emulator.access.simulate_question import ExtraPolicy, Question, SimulationError
from emulator.control.json import ControlError, answer, read_fields


class PolicyFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A RAM policy to try; ``document`` is an object, or its text."""

    name: str
    document: msgspec.Raw


class SimulateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ``POST simulate`` takes; see ``access.simulate_question.Question``."""

    principal: str
    action: str
    resource: str = ""
    version_id: str = ""
    context: Mapping[str, str | list[str]] = {}
    policies: list[PolicyFields] = []
    session_policy: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    bucket_policy: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


async def post_simulate(
    simulate: Callable[[Question], Simulation], request: web.BaseRequest, deadline_s: float
) -> web.Response:
    """``POST simulate``: the decision, and every statement that was considered."""
    wanted = await read_fields(request, SimulateRequest, deadline_s)
    question = Question(
        principal=wanted.principal,
        action=wanted.action,
        resource=wanted.resource,
        version_id=wanted.version_id,
        context=wanted.context,
        policies=tuple(
            ExtraPolicy(name=one.name, document=_text(one.document, f"policies[{at}].document"))
            for at, one in enumerate(wanted.policies)
        ),
        session_policy=_optional(wanted.session_policy, "session_policy"),
        bucket_policy=_optional(wanted.bucket_policy, "bucket_policy"),
    )
    try:
        return answer(simulate(question))
    except SimulationError as error:
        raise ControlError(400, str(error), error.hint) from error


def _optional(document: msgspec.Raw | msgspec.UnsetType, path: str) -> str | None:
    if isinstance(document, msgspec.UnsetType) or bytes(document) == b"null":
        return None
    return _text(document, path)


def _text(document: msgspec.Raw, path: str) -> str:
    """A policy's text: of an object the JSON as it was sent, so that it is read as OSS would."""
    raw = bytes(document)
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    if not raw.startswith(b"{"):
        raise ControlError(400, f"a policy is an object or a text - at `$.{path}`")
    return raw.decode()
