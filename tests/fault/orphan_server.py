"""``ossemu`` with a planted bug: a completed upload leaves its parts behind.

Objects are right and no listing shows the parts; only the folder tells. For the crash loop's own
test.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emulator.__main__ import main
from emulator.domain.model import Extent
from emulator.domain.uploads.records import Upload
from emulator.storage.sqlite.uploads import UploadWrites

_DELETE_UPLOAD = "DELETE FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?"


def delete_upload(self: UploadWrites, upload: Upload, released: Sequence[Extent]) -> None:
    """What is planted: everything but the parts themselves."""
    totals = self.part_totals(upload)
    self._run(_DELETE_UPLOAD, (upload.bucket_id, upload.key, upload.upload_id))
    self._count_parts(upload, -totals.parts, -totals.size_bytes)
    self.counted.add_upload(upload.bucket_id, -1)
    self.release_blobs(released)


if __name__ == "__main__":
    setattr(UploadWrites, "delete_upload", delete_upload)  # noqa: B010 - the place to plant it
    sys.exit(main())
