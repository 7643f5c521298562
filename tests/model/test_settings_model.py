"""Settings against plain dictionaries: what was put last is there, and nothing else is."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.domain.model import Acl, StorageClass
from emulator.domain.ports import MetaTx, NewBucket
from emulator.protocol.settings.bucket_filter import BucketFilter, read_bucket_filter
from emulator.protocol.settings.pages import page_of
from emulator.protocol.settings.shape import Tree, text_in, tree_json, tree_of
from emulator.protocol.settings.tags import check_tags, tags_of, tags_tree, without_tags
from emulator.storage.sqlite.store import SqliteStore

NAMES, ITEMS, BUCKETS = ("cors", "style", "live"), ("", "a", "b"), ("one", "two")


class Step(NamedTuple):
    """Put a document, or with ``None`` delete it; or, without a name, make the bucket anew."""

    bucket: str
    name: str
    item: str
    document: str | None


_STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(BUCKETS),
        st.sampled_from((*NAMES, "")),
        st.sampled_from(ITEMS),
        st.one_of(st.none(), st.integers(0, 9).map(lambda number: tree_json({"N": number}))),
    ),
    max_size=25,
)


def _make(name: str, tx: MetaTx) -> int:
    new = NewBucket(
        name=name,
        owner_uid="1",
        region="cn-hangzhou",
        created_ms=0,
        acl=Acl.PRIVATE,
        storage_class=StorageClass.STANDARD,
        redundancy="LRS",
    )
    return tx.insert_bucket(new).id


async def _run(steps: list[Step]) -> None:
    store = SqliteStore.open(":memory:")
    kept: dict[tuple[str, str, str], str] = {}
    try:
        ids = {name: await store.write(partial(_make, name)) for name in BUCKETS}
        for step in steps:
            bucket_id = ids[step.bucket]
            if not step.name:
                await store.write(partial(_remove, bucket_id))
                ids[step.bucket] = await store.write(partial(_make, step.bucket))
                kept = {key: value for key, value in kept.items() if key[0] != step.bucket}
            else:
                await store.write(partial(_apply, bucket_id, step))
                kept.pop(step[:3], None)
                if step.document is not None:
                    kept[step[:3]] = step.document
            _compare(store, kept)
    finally:
        await store.close()


def _remove(bucket_id: int, tx: MetaTx) -> None:
    tx.delete_bucket(bucket_id)


def _apply(bucket_id: int, step: Step, tx: MetaTx) -> None:
    if step.document is None:
        tx.delete_bucket_setting(bucket_id, step.name, step.item)
    else:
        tx.put_bucket_setting(bucket_id, step.name, step.document, step.item)


def _compare(store: SqliteStore, kept: dict[tuple[str, str, str], str]) -> None:
    with store.read() as view:
        for name in BUCKETS:
            bucket = view.bucket(name)
            assert bucket is not None
            has = {setting for at, setting, _ in kept if at == name}
            assert bucket.setting_names == has
            for setting in NAMES:
                items = sorted(
                    (item, document)
                    for (at, kind, item), document in kept.items()
                    if (at, kind) == (name, setting)
                )
                assert view.bucket_setting_items(bucket, setting) == items
                for item in ITEMS:
                    expected = kept.get((name, setting, item), "")
                    assert view.bucket_setting(bucket, setting, item) == expected
        for setting in NAMES:
            having = {bucket.name for bucket in view.buckets_with_setting(setting)}
            assert having == {at for at, kind, _ in kept if kind == setting}


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_what_was_put_last_is_there(steps: list[Step]) -> None:
    asyncio.run(_run(steps))


_TAGS = st.dictionaries(
    st.text("abk%+= ", min_size=1, max_size=4), st.text("xy", max_size=3), max_size=20
)


@given(tags=_TAGS, gone=st.lists(st.text("abk%+= ", min_size=1, max_size=4), max_size=4))
def test_tags_that_are_named_go(tags: dict[str, str], gone: list[str]) -> None:
    tree = check_tags(tree_of(tree_json(tags_tree(tags.items()))))
    assert tags_of(tree) == list(tags.items())
    left = without_tags(tree, ",".join(gone)) if gone else tree
    assert dict(tags_of(left)) == {key: value for key, value in tags.items() if key not in gone}


_ITEM_NAMES = st.lists(st.text("ab/é", min_size=1, max_size=4), unique=True, max_size=20)


@given(names=_ITEM_NAMES, limit=st.integers(1, 6), prefix=st.text("ab", max_size=1))
def test_pages_hold_everything_once(names: list[str], limit: int, prefix: str) -> None:
    items = [(name, "{}") for name in sorted(names)]
    seen: list[str] = []
    after, pages = "", 0
    while True:
        page = page_of(items, limit=limit, after=after, prefix=prefix)
        assert len(page.items) == limit if page.is_truncated else len(page.items) <= limit
        seen += [name for name, _ in page.items]
        pages += 1
        if not page.is_truncated:
            break
        after = page.next_after
    expected = [name for name, _ in items if name.startswith(prefix)]
    assert seen == expected
    assert pages == max(1, -(-len(expected) // limit))


_WANTED = st.dictionaries(
    st.text("ab ,:", min_size=1, max_size=3), st.one_of(st.none(), st.text("xy,:", max_size=2)),
    max_size=3,
)  # fmt: skip


@given(tags=_TAGS, wanted=_WANTED)
def test_a_filter_is_read_as_it_was_written(
    tags: dict[str, str], wanted: dict[str, str | None]
) -> None:
    written = ",".join(
        f'"{key}"' if value is None else f'"{key}":"{value}"' for key, value in wanted.items()
    )
    read = read_bucket_filter({"tagging": written}, {})
    assert read == BucketFilter(tags=wanted)
    expected = all(key in tags and value in (None, tags[key]) for key, value in wanted.items())
    assert read.passes("rg", tags.items()) is expected


def test_a_value_is_text_wherever_it_is_looked_for() -> None:
    tree: Tree = {"A": "x", "B": 1}
    assert (text_in(tree, "A"), text_in(tree, "B"), text_in(tree, "C")) == ("x", "", "")
