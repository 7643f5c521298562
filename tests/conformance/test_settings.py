"""Settings, as both vendor clients write and read them."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.support.clients import auth_of, v2_client_of
from tests.support.covers import covers
from tests.support.lab import Lab
from tests.support.process import UID_A

pytestmark = pytest.mark.conformance


@pytest.fixture
def client(lab: Lab) -> Any:
    """The second client, of account A."""
    return v2_client_of(lab.server)


@pytest.fixture
def bucket(lab: Lab) -> oss2.Bucket:
    """A new bucket, as the first client sees it."""
    return lab.create("settings")


def code_of(caught: pytest.ExceptionInfo[Any]) -> str:
    """The code of the service's answer to the second client."""
    error = caught.value.unwrap()
    assert isinstance(error, oss_v2.exceptions.ServiceError), error
    return str(error.code)


@covers("PutBucketTags", "GetBucketTags", "DeleteBucketTags", "ListBuckets")
def test_tags(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    tags = [oss_v2.Tag(key="own-key", value=name), oss_v2.Tag(key="%@abc", value="++123%")]
    tagging = oss_v2.Tagging(tag_set=oss_v2.TagSet(tags=tags))
    client.put_bucket_tags(oss_v2.PutBucketTagsRequest(bucket=name, tagging=tagging))
    got = client.get_bucket_tags(oss_v2.GetBucketTagsRequest(bucket=name)).tagging.tag_set.tags
    assert [(tag.key, tag.value) for tag in got] == [("own-key", name), ("%@abc", "++123%")]
    asked = oss_v2.ListBucketsRequest(tag_key="own-key", tag_value=name)
    assert [each.name for each in client.list_buckets(asked).buckets] == [name]
    bucket.delete_bucket_tagging(params={"tagging": "%@abc"})
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"own-key": name}
    client.delete_bucket_tags(oss_v2.DeleteBucketTagsRequest(bucket=name))
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}


@covers("PutBucketCors", "GetBucketCors", "DeleteBucketCors")
def test_cors(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    with pytest.raises(oss2.exceptions.NoSuchCors):
        bucket.get_bucket_cors()
    rule = oss_v2.CORSRule(
        allowed_origins=["*"],
        allowed_methods=["GET", "PUT"],
        allowed_headers=["x-a"],
        expose_headers=["x-b", "x-c"],
        max_age_seconds=33012,
    )
    sent = oss_v2.CORSConfiguration(cors_rules=[rule], response_vary=True)
    client.put_bucket_cors(oss_v2.PutBucketCorsRequest(bucket=name, cors_configuration=sent))
    got = client.get_bucket_cors(oss_v2.GetBucketCorsRequest(bucket=name)).cors_configuration
    assert got.response_vary is True
    assert [vars(each) for each in got.cors_rules] == [vars(rule)]
    assert bucket.get_bucket_cors().rules[0].allowed_methods == ["GET", "PUT"]
    bucket.put_bucket_cors(oss2.models.BucketCors([oss2.models.CorsRule(["*"], ["HEAD"], ["*"])]))
    assert bucket.get_bucket_cors().response_vary is False
    client.delete_bucket_cors(oss_v2.DeleteBucketCorsRequest(bucket=name))
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        client.get_bucket_cors(oss_v2.GetBucketCorsRequest(bucket=name))
    assert code_of(caught) == "NoSuchCORSConfiguration"


@covers("PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption", "GetBucketInfo")
def test_encryption(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    default = oss_v2.ApplyServerSideEncryptionByDefault(
        sse_algorithm="KMS", kms_master_key_id="123", kms_data_encryption="SM4"
    )
    rule = oss_v2.ServerSideEncryptionRule(apply_server_side_encryption_by_default=default)
    client.put_bucket_encryption(
        oss_v2.PutBucketEncryptionRequest(bucket=name, server_side_encryption_rule=rule)
    )
    asked = oss_v2.GetBucketEncryptionRequest(bucket=name)
    got = client.get_bucket_encryption(asked).server_side_encryption_rule
    assert vars(got.apply_server_side_encryption_by_default) == vars(default)
    info = client.get_bucket_info(oss_v2.GetBucketInfoRequest(bucket=name)).bucket_info
    assert (info.sse_rule.sse_algorithm, info.sse_rule.kms_master_key_id) == ("KMS", "123")
    assert bucket.get_bucket_info().bucket_encryption_rule.kms_master_keyid == "123"
    client.delete_bucket_encryption(oss_v2.DeleteBucketEncryptionRequest(bucket=name))
    with pytest.raises(oss2.exceptions.NoSuchServerSideEncryptionRule):
        bucket.get_bucket_encryption()
    assert bucket.get_bucket_info().bucket_encryption_rule.sse_algorithm is None


@covers("PutBucketRequestPayment", "GetBucketRequestPayment")
def test_request_payment(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    assert bucket.get_bucket_request_payment().payer == "BucketOwner"
    payment = oss_v2.RequestPaymentConfiguration(payer="Requester")
    client.put_bucket_request_payment(
        oss_v2.PutBucketRequestPaymentRequest(bucket=name, request_payment_configuration=payment)
    )
    asked = oss_v2.GetBucketRequestPaymentRequest(bucket=name)
    got = client.get_bucket_request_payment(asked).request_payment_configuration
    assert got.payer == "Requester"
    assert bucket.get_bucket_request_payment().payer == "Requester"


@covers("PutBucketTransferAcceleration", "GetBucketTransferAcceleration")
def test_transfer_acceleration(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    with pytest.raises(oss2.exceptions.NoSuchTransferAccelerationConfiguration):
        bucket.get_bucket_transfer_acceleration()
    sent = oss_v2.TransferAccelerationConfiguration(enabled=True)
    client.put_bucket_transfer_acceleration(
        oss_v2.PutBucketTransferAccelerationRequest(
            bucket=name, transfer_acceleration_configuration=sent
        )
    )
    asked = oss_v2.GetBucketTransferAccelerationRequest(bucket=name)
    got = client.get_bucket_transfer_acceleration(asked).transfer_acceleration_configuration
    assert got.enabled is True
    assert bucket.get_bucket_transfer_acceleration().enabled == "true"


@covers("GetBucketPolicyStatus")
def test_policy_status(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    asked = oss_v2.GetBucketPolicyStatusRequest(bucket=name)
    assert client.get_bucket_policy_status(asked).policy_status.is_public is False
    bucket.put_bucket_policy(
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:GetObject",'
        f' "Principal": ["*"], "Resource": ["acs:oss:*:{UID_A}:{name}/*"]}}]}}'
    )
    assert client.get_bucket_policy_status(asked).policy_status.is_public is True


@covers("DescribeRegions")
def test_regions(client: Any, lab: Lab) -> None:
    everywhere = client.describe_regions(oss_v2.DescribeRegionsRequest())
    assert "oss-cn-hangzhou" in [each.region for each in everywhere.region_info]
    service = oss2.Service(auth_of("a"), lab.server.endpoint)
    (one,) = service.describe_regions("oss-cn-chengdu").regions
    assert one.accelerate_endpoint == "oss-accelerate.aliyuncs.com"
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        service.describe_regions("aaa")
    assert caught.value.code == "NoSuchRegion"


@covers("PutBucketWebsite", "GetBucketWebsite", "DeleteBucketWebsite")
def test_website(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    headers = oss_v2.MirrorHeaders(
        pass_all=True,
        passs=["k1", "k2"],
        removes=["k3"],
        sets=[oss_v2.MirrorHeadersSet(key="k5", value="v5")],
    )
    redirect = oss_v2.RoutingRuleRedirect(
        redirect_type="Mirror",
        mirror_url="http://example.com/",
        mirror_pass_query_string=True,
        mirror_follow_redirect=True,
        mirror_headers=headers,
        transparent_mirror_response_codes="400,404",
    )
    condition = oss_v2.RoutingRuleCondition(
        key_prefix_equals="abc/",
        http_error_code_returned_equals=404,
        include_headers=[oss_v2.RoutingRuleIncludeHeader(key="host", equals="h")],
    )
    rule = oss_v2.RoutingRule(rule_number=1, condition=condition, redirect=redirect)
    sent = oss_v2.WebsiteConfiguration(
        index_document=oss_v2.IndexDocument(suffix="i.html", support_sub_dir=True, type=0),
        error_document=oss_v2.ErrorDocument(key="e.html", http_status=404),
        routing_rules=oss_v2.RoutingRules(routing_rules=[rule]),
    )
    client.put_bucket_website(
        oss_v2.PutBucketWebsiteRequest(bucket=name, website_configuration=sent)
    )
    asked = oss_v2.GetBucketWebsiteRequest(bucket=name)
    got = client.get_bucket_website(asked).website_configuration
    assert vars(got.index_document) == vars(sent.index_document)
    (shown,) = got.routing_rules.routing_rules
    assert shown.redirect.pass_query_string is True
    assert shown.redirect.transparent_mirror_response_codes == "400,404"
    assert (shown.redirect.mirror_headers.passs, shown.rule_number) == (["k1", "k2"], 1)
    assert vars(shown.condition.include_headers[0])["equals"] == "h"
    bucket.put_bucket_website(oss2.models.BucketWebsite("index+中文.html", "error.中文"))
    assert bucket.get_bucket_website().index_file == "index+中文.html"
    client.delete_bucket_website(oss_v2.DeleteBucketWebsiteRequest(bucket=name))
    with pytest.raises(oss2.exceptions.NoSuchWebsite):
        bucket.get_bucket_website()


@covers("PutBucketLogging", "GetBucketLogging", "DeleteBucketLogging")
def test_logging(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    enabled = oss_v2.LoggingEnabled(target_bucket=name, target_prefix="日志+/")
    status = oss_v2.BucketLoggingStatus(logging_enabled=enabled)
    client.put_bucket_logging(
        oss_v2.PutBucketLoggingRequest(bucket=name, bucket_logging_status=status)
    )
    got = client.get_bucket_logging(oss_v2.GetBucketLoggingRequest(bucket=name))
    assert got.bucket_logging_status.logging_enabled.target_prefix == "日志+/"
    assert bucket.get_bucket_logging().target_bucket == name
    client.delete_bucket_logging(oss_v2.DeleteBucketLoggingRequest(bucket=name))
    assert bucket.get_bucket_logging().target_bucket == ""


@covers("PutBucketReferer", "GetBucketReferer")
def test_referer(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    assert bucket.get_bucket_referer().allow_empty_referer is True
    sent = oss_v2.RefererConfiguration(
        allow_empty_referer=False,
        truncate_path=True,
        referer_list=oss_v2.RefererList(referers=["http://a.test", "http://a.test"]),
        referer_blacklist=oss_v2.RefererBlacklist(referers=["http://b.test"]),
    )
    client.put_bucket_referer(
        oss_v2.PutBucketRefererRequest(bucket=name, referer_configuration=sent)
    )
    asked = oss_v2.GetBucketRefererRequest(bucket=name)
    got = client.get_bucket_referer(asked).referer_configuration
    assert (got.allow_empty_referer, got.truncate_path) == (False, True)
    assert got.allow_truncate_query_string is True
    first = bucket.get_bucket_referer()
    assert (first.referers, first.black_referers) == (["http://a.test"] * 2, ["http://b.test"])
    bucket.put_bucket_referer(oss2.models.BucketReferer(True, []))
    assert bucket.get_bucket_referer().referers == []


@covers("PutBucketInventory", "GetBucketInventory", "ListBucketInventory", "DeleteBucketInventory")
def test_inventory(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    with pytest.raises(oss2.exceptions.NoSuchInventory):
        bucket.list_bucket_inventory_configurations()
    encryption = oss_v2.InventoryEncryption(sse_kms=oss_v2.SSEKMS(key_id="k"))
    target = oss_v2.InventoryOSSBucketDestination(
        format="CSV",
        account_id=UID_A,
        role_arn=f"acs:ram::{UID_A}:role/AliyunOSSRole",
        bucket=f"acs:oss:::{name}",
        prefix="p",
        encryption=encryption,
    )
    sent = oss_v2.InventoryConfiguration(
        id="one",
        is_enabled=True,
        included_object_versions="All",
        schedule=oss_v2.InventorySchedule(frequency="Daily"),
        filter=oss_v2.InventoryFilter(storage_class="Standard,IA", lower_size_bound=1024),
        destination=oss_v2.InventoryDestination(oss_bucket_destination=target),
        optional_fields=oss_v2.OptionalFields(fields=["Size", "ETag"]),
    )
    client.put_bucket_inventory(
        oss_v2.PutBucketInventoryRequest(
            bucket=name, inventory_id="one", inventory_configuration=sent
        )
    )
    asked = oss_v2.GetBucketInventoryRequest(bucket=name, inventory_id="one")
    got = client.get_bucket_inventory(asked).inventory_configuration
    assert (got.id, got.filter.storage_class) == ("one", "IA,Standard")
    assert got.destination.oss_bucket_destination.encryption.sse_kms.key_id == "k"
    listing = client.list_bucket_inventory(oss_v2.ListBucketInventoryRequest(bucket=name))
    assert listing.list_inventory_configurations_result.is_truncated is False
    (first,) = bucket.list_bucket_inventory_configurations().inventory_configurations
    assert (first.optional_fields, first.is_enabled) == (["Size", "ETag"], True)
    client.delete_bucket_inventory(
        oss_v2.DeleteBucketInventoryRequest(bucket=name, inventory_id="one")
    )


@covers(
    "PutPublicAccessBlock",
    "GetPublicAccessBlock",
    "DeletePublicAccessBlock",
    "PutBucketPublicAccessBlock",
    "GetBucketPublicAccessBlock",
    "DeleteBucketPublicAccessBlock",
)
def test_public_access_block(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    block = oss_v2.PublicAccessBlockConfiguration(block_public_access=True)
    client.put_bucket_public_access_block(
        oss_v2.PutBucketPublicAccessBlockRequest(
            bucket=name, public_access_block_configuration=block
        )
    )
    asked = oss_v2.GetBucketPublicAccessBlockRequest(bucket=name)
    got = client.get_bucket_public_access_block(asked).public_access_block_configuration
    assert got.block_public_access is True
    client.delete_bucket_public_access_block(
        oss_v2.DeleteBucketPublicAccessBlockRequest(bucket=name)
    )
    assert bucket.get_bucket_public_access_block().block_public_access is False
    client.put_public_access_block(
        oss_v2.PutPublicAccessBlockRequest(public_access_block_configuration=block)
    )
    got = client.get_public_access_block(oss_v2.GetPublicAccessBlockRequest())
    assert got.public_access_block_configuration.block_public_access is True
    client.delete_public_access_block(oss_v2.DeletePublicAccessBlockRequest())
    got = client.get_public_access_block(oss_v2.GetPublicAccessBlockRequest())
    assert got.public_access_block_configuration.block_public_access is False


@covers("PutBucketHttpsConfig", "GetBucketHttpsConfig")
def test_https(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    tls = oss_v2.TLS(enable=True, tls_versions=["TLSv1.2", "TLSv1.3"])
    suite = oss_v2.CipherSuite(
        enable=True, strong_cipher_suite=False, custom_cipher_suites=["ECDHE-ECDSA-AES128-SHA256"]
    )
    sent = oss_v2.HttpsConfiguration(tls=tls, cipher_suite=suite)
    client.put_bucket_https_config(
        oss_v2.PutBucketHttpsConfigRequest(bucket=name, https_configuration=sent)
    )
    asked = oss_v2.GetBucketHttpsConfigRequest(bucket=name)
    got = client.get_bucket_https_config(asked).https_configuration
    assert got.cipher_suite.custom_cipher_suites == ["ECDHE-ECDSA-AES128-SHA256"]
    assert bucket.get_bucket_https_config().tls_version == ["TLSv1.2", "TLSv1.3"]
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_bucket_https_config(oss2.models.BucketTlsVersion(True, ["aaa"]))
    assert caught.value.code == "MalformedXML"


@covers("PutBucketResourceGroup", "GetBucketResourceGroup")
def test_resource_group(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    own = bucket.get_bucket_resource_group().resource_group_id
    bucket.put_bucket_resource_group(own)
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_bucket_resource_group("rg-xxxxxx")
    assert caught.value.code == "ResourceGroupIdPreCheckError"
    sent = oss_v2.BucketResourceGroupConfiguration(resource_group_id="rg-aek27tc00000000")
    client.put_bucket_resource_group(
        oss_v2.PutBucketResourceGroupRequest(bucket=name, bucket_resource_group_configuration=sent)
    )
    asked = oss_v2.GetBucketResourceGroupRequest(bucket=name)
    got = client.get_bucket_resource_group(asked).bucket_resource_group_configuration
    assert got.resource_group_id == "rg-aek27tc00000000"
    found = client.list_buckets(oss_v2.ListBucketsRequest(resource_group_id="rg-aek27tc00000000"))
    assert name in [each.name for each in found.buckets]


@covers("PutBucketArchiveDirectRead", "GetBucketArchiveDirectRead")
def test_archive_direct_read(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    assert bucket.get_bucket_archive_direct_read().enabled is False
    sent = oss_v2.ArchiveDirectReadConfiguration(enabled=True)
    client.put_bucket_archive_direct_read(
        oss_v2.PutBucketArchiveDirectReadRequest(
            bucket=name, archive_direct_read_configuration=sent
        )
    )
    asked = oss_v2.GetBucketArchiveDirectReadRequest(bucket=name)
    got = client.get_bucket_archive_direct_read(asked).archive_direct_read_configuration
    assert got.enabled is True


@covers("PutStyle", "GetStyle", "ListStyle", "DeleteStyle")
def test_styles(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    content = oss_v2.StyleContent(content="image/resize,p_50")
    client.put_style(oss_v2.PutStyleRequest(bucket=name, style_name="s", style=content))
    got = client.get_style(oss_v2.GetStyleRequest(bucket=name, style_name="s")).style
    assert (got.name, got.content) == ("s", "image/resize,p_50")
    listing = client.list_style(oss_v2.ListStyleRequest(bucket=name)).style_list
    assert [each.name for each in listing.styles] == ["s"]
    assert bucket.get_bucket_style("s").content == "image/resize,p_50"
    client.delete_style(oss_v2.DeleteStyleRequest(bucket=name, style_name="s"))
    assert bucket.list_bucket_style().styles == []


@covers("PutBucketOverwriteConfig", "GetBucketOverwriteConfig", "DeleteBucketOverwriteConfig")
def test_overwrite(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    principals = oss_v2.OverwritePrincipals(principals=["123"])
    rule = oss_v2.OverwriteRule(action="forbid", prefix="a", suffix="b", principals=principals)
    sent = oss_v2.OverwriteConfiguration(rules=[rule])
    client.put_bucket_overwrite_config(
        oss_v2.PutBucketOverwriteConfigRequest(bucket=name, overwrite_configuration=sent)
    )
    asked = oss_v2.GetBucketOverwriteConfigRequest(bucket=name)
    (got,) = client.get_bucket_overwrite_config(asked).overwrite_configuration.rules
    assert got.id
    assert (got.prefix, got.principals.principals) == ("a", ["123"])
    client.delete_bucket_overwrite_config(oss_v2.DeleteBucketOverwriteConfigRequest(bucket=name))
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        client.get_bucket_overwrite_config(asked)
    assert code_of(caught) == "NoSuchBucketOverwriteConfig"


@covers(
    "PutUserDefinedLogFieldsConfig",
    "GetUserDefinedLogFieldsConfig",
    "DeleteUserDefinedLogFieldsConfig",
)
def test_log_fields(client: Any, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    sent = oss_v2.UserDefinedLogFieldsConfiguration(
        header_set=oss_v2.LoggingHeaderSet(headers=["h1", "h2"]),
        param_set=oss_v2.LoggingParamSet(parameters=["p1"]),
    )
    client.put_user_defined_log_fields_config(
        oss_v2.PutUserDefinedLogFieldsConfigRequest(
            bucket=name, user_defined_log_fields_configuration=sent
        )
    )
    asked = oss_v2.GetUserDefinedLogFieldsConfigRequest(bucket=name)
    got = client.get_user_defined_log_fields_config(asked).user_defined_log_fields_configuration
    assert (got.header_set.headers, got.param_set.parameters) == (["h1", "h2"], ["p1"])
    client.delete_user_defined_log_fields_config(
        oss_v2.DeleteUserDefinedLogFieldsConfigRequest(bucket=name)
    )
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        client.get_user_defined_log_fields_config(asked)
    assert code_of(caught) == "NoSuchUserDefinedLogFieldsConfig"
