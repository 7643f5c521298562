"""GetBucketStat: what a bucket holds."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.domain.model import StorageClass
from emulator.domain.stats import NO_FIGURES, BucketStats, Figures, Noun
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.xml import XmlWriter

# Element names begin with the class; parts of IA objects are named otherwise (documented).
_CLASSES = (
    (StorageClass.IA, "InfrequentAccess", "Infrequent"),
    (StorageClass.ARCHIVE, "Archive", "Archive"),
    (StorageClass.COLD_ARCHIVE, "ColdArchive", "ColdArchive"),
    (StorageClass.DEEP_COLD_ARCHIVE, "DeepColdArchive", "DeepColdArchive"),
)

_LIVE_CHANNELS = "live"


async def get_bucket_stat(call: Call) -> Answer:
    """OSS GetBucketStat; documented.

    The service's figures may be an hour old, these are those of the last commit. The total is what
    objects take up, without parts (documented in the example). Noncurrent versions count as
    objects, delete markers only as such (inferred). The time is that of the answer, and 0 where
    every figure is 0 (observed).
    """
    with call.context.store.read() as view:
        stats = view.bucket_stats(call.bucket.id)
        channels = len(view.bucket_setting_items(call.bucket, _LIVE_CHANNELS))
    return xml_answer(stat_document(stats, channels, call.now_ms // 1000).to_bytes())


def stat_document(stats: BucketStats, channels: int, now_s: int) -> XmlWriter:
    """The BucketStat document."""
    objects, parts = _total(stats, Noun.OBJECT), _total(stats, Noun.PART)
    markers = stats.get((Noun.DELETE_MARKER, None), NO_FIGURES)
    uploads = stats.get((Noun.UPLOAD, None), NO_FIGURES)
    entries = (objects.entries, parts.entries, markers.entries, uploads.entries, channels)
    standard = stats.get((Noun.OBJECT, StorageClass.STANDARD), NO_FIGURES)
    rows = [
        ("Storage", objects.size_bytes),
        ("ObjectCount", objects.entries),
        ("MultipartUploadCount", uploads.entries),
        ("MultipartPartCount", parts.entries),
        ("MultipartPartStorage", parts.size_bytes),
        ("LiveChannelCount", channels),
        ("LastModifiedTime", now_s if any(entries) else 0),
        ("StandardStorage", standard.size_bytes),
        ("StandardObjectCount", standard.entries),
        *_part_rows(stats, StorageClass.STANDARD, "Standard"),
    ]
    for storage_class, name, part_name in _CLASSES:
        figures = stats.get((Noun.OBJECT, storage_class), NO_FIGURES)
        rows += [
            (f"{name}Storage", figures.billed_bytes),
            (f"{name}RealStorage", figures.size_bytes),
            (f"{name}ObjectCount", figures.entries),
            *_part_rows(stats, storage_class, part_name),
        ]
    rows.append(("DeleteMarkerCount", markers.entries))
    document = XmlWriter("BucketStat")
    for name, value in rows:
        document.element(name, str(value))
    return document


def _part_rows(stats: BucketStats, storage_class: StorageClass, name: str) -> list[tuple[str, int]]:
    figures = stats.get((Noun.PART, storage_class), NO_FIGURES)
    return [
        (f"{name}MultipartPartCount", figures.entries),
        (f"{name}MultipartPartStorage", figures.size_bytes),
    ]


def _total(stats: BucketStats, noun: Noun) -> Figures:
    found = [figures for (each, _), figures in stats.items() if each is noun]
    return Figures(
        sum(each.entries for each in found),
        sum(each.size_bytes for each in found),
        sum(each.billed_bytes for each in found),
    )


HANDLERS: Mapping[str, Handler] = {"GetBucketStat": get_bucket_stat}
