"""Parsed policies, kept by kind and text so that a document is parsed once."""

from __future__ import annotations

from emulator.access.policy.document import parse_policy
from emulator.access.policy.records import Policy, PolicyKind

ENTRIES_MAX = 1024
# A hostile document parses into some twenty times its text; this bounds the whole cache.
CHARACTERS_MAX = 2_000_000


class PolicyCache:
    """A bounded cache; the entry that was used longest ago goes first.

    The text is the key, so a changed document is another entry and nothing has to be invalidated.
    """

    def __init__(
        self,
        *,
        entries_max: int = ENTRIES_MAX,
        characters_max: int = CHARACTERS_MAX,
        principal_required: bool = True,
    ) -> None:
        self._entries_max = entries_max
        self._characters_max = characters_max
        self._principal_required = principal_required
        self._characters = 0
        self._policies: dict[tuple[PolicyKind, str], Policy] = {}

    def __len__(self) -> int:
        return len(self._policies)

    def get(self, kind: PolicyKind, text: str) -> Policy:
        """The parsed policy. Raises PolicyError, which is not kept."""
        key = (kind, text)
        policy = self._policies.pop(key, None)
        if policy is None:
            policy = parse_policy(text, kind, principal_required=self._principal_required)
            self._make_room(len(text))
        self._policies[key] = policy
        return policy

    def _make_room(self, characters: int) -> None:
        self._characters += characters
        while self._policies and (
            len(self._policies) >= self._entries_max or self._characters > self._characters_max
        ):
            oldest = next(iter(self._policies))
            del self._policies[oldest]
            self._characters -= len(oldest[1])
