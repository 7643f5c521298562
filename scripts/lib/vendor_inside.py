"""What of the vendor's suite is counted, and what runs it inside of its own environment.

    python vendor_inside.py file PORT TLS_PORT tests/FILE REPORT    one file of the suite
    python vendor_inside.py tls PORT FOLDER                         HTTPS in front of the emulator

``scripts/vendor_suite`` starts both. The second process prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import ssl
import sys
from fnmatch import fnmatch
from pathlib import Path

CASE_S_MAX = 60

# Why a case is not counted: patterns of "file::case".
NOT_COUNTED = {
    "sends no request": """test_crypto.py::* test_mock_*.py::* test_init.py::* test_headers.py::*
        test_crc64_combine.py::* test_api_base.py::test_check_endpoint*
        test_api_base.py::test_invalid_bucket_name test_api_base.py::test_user_agent
        test_crypto_multipart.py::*_invalid_part_size test_crypto_multipart.py::*_out_data_size
        test_crypto_object.py::test_crypto_bucket_init_* test_crypto_object.py::*_select_object*
        test_crypto_object.py::*_process* test_crypto_object.py::test_crypto_put_object_with_url
        test_object.py::test_batch_delete_objects_empty
        test_object.py::test_object_tagging_client_error
        test_object.py::test_private_download_url_with_extra_query
        test_utils.py::test_[!dm]* test_utils.py::*_basic
        test_utils.py::test_makedir_p test_website.py::test_unnormal_rule_conditon""",
    "another product": """test_access_point.py::* test_async_fetch_task.py::* test_image.py::*
        test_bucket_style.py::* test_live_channel.py::* test_select_*.py::* test_qos_*.py::*
        test_bucket_meta_query.py::* test_write_get_object_response.py::*
        test_bucket_data_redundancy_transition.py::* test_bucket.py::test_bucket_storage_capacity
        test_iterator.py::test_live_channel_iterator test_object.py::test_*process_object
        test_object_request_payment.py::test_process_object test_bucket.py::*_with_group_id
        test_public_access_block.py::test_access_point_*""",
    "needs the internet or a cloud machine": """test_bucket_callback_policy.py::*
        test_bucket_cname.py::* test_credentials_provider.py::* test_sts.py::*
        test_object.py::test_sign_url_with_callback""",
    "measures time or load": """test_traffic_limit.py::* test_put_object_chunked.py::*
        test_object.py::test_*timeout""",
    "changes the account under other cases": """
        test_public_access_block.py::test_public_access_block_normal""",
}
PATTERNS = [pattern for patterns in NOT_COUNTED.values() for pattern in patterns.split()]


def is_counted(case: str) -> bool:
    """Whether a case, "file::name", is counted."""
    return not any(fnmatch(case, pattern) for pattern in PATTERNS)


def has_counted(file: str) -> bool:
    """Whether a file of the suite may have cases that are counted."""
    return is_counted(f"{file}::")


def run_file(port: int, tls_port: int, file: str, report: Path) -> None:
    """In the suite's environment and folder: run one file, append a line for every case."""
    import pytest

    look_up, choose = socket.getaddrinfo, random.choice

    def routed(host, there, *more, **named):  # type: ignore[no-untyped-def]
        name = (host.decode() if isinstance(host, bytes) else host or "").lower().rstrip(".")
        if name.endswith("aliyuncs.com") or (name == "127.0.0.1" and there == 80):
            there = tls_port if there in (443, "https") else port
        elif name not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not reached from here")
        return look_up("127.0.0.1", there, *more, **named)

    def chosen(among):  # type: ignore[no-untyped-def]
        # Some cases pick a client by chance, one of which encrypts with a remote KMS.
        if isinstance(among, list):
            kinds = [type(getattr(each, "crypto_provider", None)).__name__ for each in among]
            pairs = zip(among, kinds, strict=True)
            among = [each for each, kind in pairs if kind != "AliKMSProvider"]
        return choose(among)

    def stop(*_: object) -> None:
        raise TimeoutError(f"longer than {CASE_S_MAX} s")

    class Plugin:
        """Leaves out what is not counted, bounds each case, writes down its outcome."""

        def pytest_collection_modifyitems(self, items) -> None:  # type: ignore[no-untyped-def]
            names = {item: f"{item.path.name}::{item.name}" for item in items}
            items[:] = [item for item in items if is_counted(names[item])]

        def pytest_runtest_setup(self) -> None:
            signal.alarm(CASE_S_MAX)

        def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
            if report.when == "call" or (report.when == "setup" and not report.passed):
                signal.alarm(0)
                why = [w for w in report.longreprtext.splitlines() if w[:2] == "E "]
                line = [report.nodeid, report.outcome, why[0][2:].strip() if why else ""]
                with report_file.open("a") as out:
                    out.write(json.dumps(line) + "\n")

    report_file = report
    socket.getaddrinfo, random.choice = routed, chosen
    socket.gethostbyname = lambda _host: "127.0.0.1"
    signal.signal(signal.SIGALRM, stop)
    sys.path.insert(0, os.getcwd())
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:logging", file], plugins=[Plugin()])
    sys.stdout.flush()
    os._exit(0)  # a thread that hangs must not hold the run


def tls_front(port: int, folder: str) -> None:
    """HTTPS in front of the emulator, for the one case that asks for it. Prints its port."""

    async def pump(reader, writer) -> None:  # type: ignore[no-untyped-def]
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accept(reader, writer) -> None:  # type: ignore[no-untyped-def]
        back, on = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, on), pump(back, writer), return_exceptions=True)

    async def serve() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/tls.pem")
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    if sys.argv[1] == "file":
        run_file(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5]))
    else:
        tls_front(int(sys.argv[2]), sys.argv[3])
