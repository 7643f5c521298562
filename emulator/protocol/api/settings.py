"""Putting, getting and deleting settings: one handler for each verb, made from the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from emulator.domain.errors import MalformedXML
from emulator.domain.model import Bucket
from emulator.domain.objects import live_bucket
from emulator.protocol.authorisation import authorise_log_target
from emulator.protocol.body import check_digest
from emulator.protocol.call import Answer, Call, Handler, xml_answer
from emulator.protocol.settings.asked import Asked
from emulator.protocol.settings.shape import Field, Tree, read_tree, tree_json, tree_of, tree_xml
from emulator.protocol.settings.table import BODY_BYTES_MAX, SETTINGS, Setting
from emulator.protocol.xml import read_xml
from emulator.replication.ports import ReplicationTx, ReplicationView


async def read_body(
    call: Call, shape: Field, *, bytes_max: int = BODY_BYTES_MAX, ec: str = ""
) -> Tree:
    """The document of a request. Raises MalformedXML, with ``ec``, and InvalidDigest."""
    try:
        data = await call.body.read_document(min(bytes_max, call.context.wire.xml_bytes_max))
        check_digest(data, call.headers.get("content-md5"))
        return read_tree(shape, read_xml(data, root=shape.tag))
    except MalformedXML as error:
        error.ec = error.ec or ec
        raise


def bucket_tree(view: ReplicationView, bucket: Bucket, name: str, item: str = "") -> Tree | None:
    """A setting of a bucket as it is stored, ``None`` when there is none."""
    document = view.bucket_setting(bucket, name, item)
    return tree_of(document) if document else None


async def put_setting(setting: Setting, call: Call) -> Answer:
    """Store a document in place of the one that was there. Nothing is stored if it is refused."""
    sent = await read_body(call, setting.shape, bytes_max=setting.bytes_max, ec=setting.ec)
    tree = setting.check(sent)

    def work(tx: ReplicationTx) -> None:
        asked = _asked(tx, call, setting)
        document = tree_json(setting.admit(asked, tree))
        tx.put_bucket_setting(asked.bucket.id, setting.name, document, asked.item)

    await call.context.store.write(work)
    return Answer()


async def get_setting(setting: Setting, call: Call) -> Answer:
    """Show a document. Raises what the row says when there is none."""
    bucket = call.bucket
    with call.context.store.read() as view:
        tree = bucket_tree(view, bucket, setting.name, _item(setting, call))
    if tree is None and setting.missing is not None:
        raise setting.missing(bucket.name)
    return _shown(setting, bucket.owner_uid, tree)


async def delete_setting(setting: Setting, call: Call) -> Answer:
    """Remove a document; 204 whether or not there was one (documented)."""

    def work(tx: ReplicationTx) -> None:
        asked = _asked(tx, call, setting)
        setting.release(asked)
        tx.delete_bucket_setting(asked.bucket.id, setting.name, asked.item)

    await call.context.store.write(work)
    return Answer(status=204)


async def put_account_setting(setting: Setting, call: Call) -> Answer:
    """``put_setting`` for the account of the caller."""
    sent = await read_body(call, setting.shape, bytes_max=setting.bytes_max, ec=setting.ec)
    document, uid = tree_json(setting.check(sent)), call.principal.account_uid
    await call.context.store.write(lambda tx: tx.put_account_setting(uid, setting.name, document))
    return Answer()


async def get_account_setting(setting: Setting, call: Call) -> Answer:
    """``get_setting`` for the account of the caller."""
    uid = call.principal.account_uid
    with call.context.store.read() as view:
        document = view.account_setting(uid, setting.name)
    return _shown(setting, uid, tree_of(document) if document else None)


async def delete_account_setting(setting: Setting, call: Call) -> Answer:
    """``delete_setting`` for the account of the caller."""
    uid = call.principal.account_uid
    await call.context.store.write(lambda tx: tx.put_account_setting(uid, setting.name, ""))
    return Answer(status=204)


def _item(setting: Setting, call: Call) -> str:
    return call.query.get(setting.item, "") if setting.item else ""


def _asked(tx: ReplicationTx, call: Call, setting: Setting) -> Asked:
    return Asked(
        view=tx,
        bucket=live_bucket(tx, call.bucket),
        name=setting.name,
        item=_item(setting, call),
        query=call.query,
        now_ms=call.now_ms,
        rng=call.context.rng,
        require_write=lambda bucket, prefix: authorise_log_target(call, tx, bucket, prefix),
    )


def _shown(setting: Setting, owner_uid: str, tree: Tree | None) -> Answer:
    always = setting.shown_to(owner_uid) if setting.shown_to else setting.shown
    return xml_answer(tree_xml(setting.kept_shape, {**always, **(tree or {})}))


_Verb = Callable[[Setting, Call], Awaitable[Answer]]
_VERBS: Mapping[str, _Verb] = {"Put": put_setting, "Get": get_setting, "Delete": delete_setting}
_ACCOUNT_VERBS: Mapping[str, _Verb] = {
    "Put": put_account_setting,
    "Get": get_account_setting,
    "Delete": delete_account_setting,
}


def _handlers() -> dict[str, Handler]:
    return {
        f"{verb}{setting.noun}": partial(
            (_ACCOUNT_VERBS if setting.of_account else _VERBS)[verb], setting
        )
        for setting in SETTINGS
        for verb in setting.verbs
    }


HANDLERS: Mapping[str, Handler] = _handlers()
