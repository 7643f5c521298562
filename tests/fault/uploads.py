"""What clients know of the uploads they began, for the crash loop's ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tests.fault.history import Piece


class Step(StrEnum):
    """What a request does to an upload."""

    INITIATE = "initiate"
    PART = "part"
    COMPLETE = "complete"
    ABORT = "abort"


@dataclass(slots=True, eq=False)
class Upload:
    """An upload and its acknowledged parts. ``number`` is in the metadata of what it becomes."""

    bucket: str
    key: str
    number: int
    upload_id: str = ""  # "" until it is known
    parts: dict[int, Piece] = field(default_factory=dict)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What the object will be made of."""
        return tuple(self.parts[number] for number in sorted(self.parts))

    def shown(self) -> dict[int, str]:
        """The parts as ListParts must show them: size and ETag by number."""
        return {number: shown_part(piece) for number, piece in self.parts.items()}


class UploadStep(NamedTuple):
    """A step of an upload; ``part_number`` and ``piece`` of a part."""

    step: Step
    upload: Upload
    part_number: int = 0
    piece: Piece = Piece(0, 0)

    def shown_after(self) -> dict[int, str] | None:
        """The parts as they are shown once it is done; ``None``: the upload is gone."""
        if self.step in (Step.COMPLETE, Step.ABORT):
            return None
        shown = self.upload.shown()
        if self.step is Step.PART:
            shown[self.part_number] = shown_part(self.piece)
        return shown

    def apply(self, uploads: list[Upload]) -> None:
        """The step was done."""
        match self.step:
            case Step.INITIATE:
                uploads.append(self.upload)
            case Step.PART:
                self.upload.parts[self.part_number] = self.piece
            case Step.COMPLETE | Step.ABORT:
                uploads.remove(self.upload)


def shown_part(piece: Piece) -> str:
    """Size and ETag of a part."""
    digest = hashlib.md5(piece.data).hexdigest().upper()
    return f'{piece.size_bytes} "{digest}"'
