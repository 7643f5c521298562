"""A role made with the RAM client decides about replication at once."""

from __future__ import annotations

from oss2.models import ReplicationRule

from tests.services.conftest import World, policy, trust
from tests.support.clients import bucket_of

TRUSTS_OSS = trust({"Service": ["oss.aliyuncs.com"]})


def test_b33_the_service_takes_on_its_role_and_rights_count_at_once(world: World) -> None:
    role = world.role(TRUSTS_OSS)
    rights = world.policy(policy("oss:Replicate*"))
    attached = {"RoleName": role, "PolicyType": "Custom", "PolicyName": rights}
    server = world.server
    names = [world.name("ram-src"), world.name("ram-dst")]
    source, target = (bucket_of(server, name) for name in names)
    for bucket in (source, target):
        bucket.create_bucket()
    rule = ReplicationRule(
        rule_id="r",
        prefix_list=None,
        target_bucket_name=names[1],
        target_bucket_location="oss-cn-hangzhou",
        sync_role_name=role,
    )
    world.ram("AttachPolicyToRole", **attached)
    start = server.control("GET", "clock")["now"]
    source.put_bucket_replication(rule)
    try:
        source.put_object("before", b"x")
        server.settle()
        assert target.object_exists("before")
        world.ram("DetachPolicyFromRole", **attached)
        source.put_object("without", b"x")
        server.settle()
        assert not target.object_exists("without")
        world.ram("AttachPolicyToRole", **attached)
        source.put_object("after", b"x")
        server.settle()
        assert target.get_object("after").read() == b"x"
        source.delete_bucket_replication("r")
    finally:
        server.control("POST", "clock", {"set": start})
