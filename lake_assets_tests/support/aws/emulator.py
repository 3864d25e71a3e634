"""AWS on loopback: moto in this process, with what it lacks or gets wrong completed (see README.md in this folder).

python -m lake_assets_tests.support.aws.emulator --port 5060     # stays in the foreground
with Emulator() as aws: aws.url                                  # from a test
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
import uuid
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from lake_assets_tests.support.aws.athena_definitions import mended_athena_definitions
from lake_assets_tests.support.aws.athena_queries import Queries
from lake_assets_tests.support.aws.authoriser import Account, authorised
from lake_assets_tests.support.aws.budgets import mended_budgets
from lake_assets_tests.support.aws.crawler import mended_crawlers
from lake_assets_tests.support.aws.faults import Faults
from lake_assets_tests.support.aws.glue_catalog import mended_catalog
from lake_assets_tests.support.aws.glue_definitions import mended_definitions
from lake_assets_tests.support.aws.glue_runs import JobRuns
from lake_assets_tests.support.aws.machines import mended_machines
from lake_assets_tests.support.aws.roles import FAKE_KEYS
from lake_assets_tests.support.aws.s3_buckets import mended_buckets
from lake_assets_tests.support.aws.s3_objects import mended_objects
from lake_assets_tests.support.aws.trails import mended_trails

REGION = "eu-west-1"
ACCOUNT = DEFAULT_ACCOUNT_ID


class Emulator:
    """One per process: moto's state belongs to the process. `warm` starts Glue jobs by a fork of a loaded program."""

    def __init__(self, port: int = 0, warm: bool = True) -> None:
        self.region = REGION
        self.account = ACCOUNT
        self.url = ""
        self.faults = Faults()
        self.glue = JobRuns(lambda: self.url, warm)
        self.athena = Queries()
        self._server = _Server(port, self.faults, self.athena)
        self._stack = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which any client of AWS comes here."""
        return {
            **FAKE_KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # For object_store, with which Sail reads S3.
            "AWS_ALLOW_HTTP": "true",
        }

    def client(self, service: str) -> Any:
        """A client of boto3 that needs no environment, for what a test prepares and looks at."""
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id=FAKE_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=FAKE_KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def new_bucket(self, name: str = "lake", versioned: bool = False) -> str:
        """Name of a bucket that holds nothing yet."""
        bucket = f"{name}-{uuid.uuid4().hex[:12]}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.region})
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket

    def calm(self) -> None:
        """Forget faults, forced ends, counted calls and queries, and end the jobs that go on; data and definitions stay."""
        self.faults.clear()
        self.glue.reset()
        self.athena.reset()

    def reset(self) -> None:
        """Forget everything: every bucket, job, database and query too."""
        self.calm()
        moto_api_backend.reset()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for mended in (
                mended_buckets(),
                mended_objects(),
                mended_catalog(),
                mended_definitions(),
                mended_athena_definitions(),
                mended_budgets(),
                mended_trails(),
                mended_machines(),
                mended_crawlers(lambda: self.url, REGION),
                self.glue.running(),
                self.athena.answering(),
            ):
                stack.enter_context(mended)
            # One line per request would bury what a test prints.
            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            self._server.start()
            stack.callback(self._server.stop)
            host, port = self._server.get_host_and_port()
            self.url = f"http://{host}:{port}"
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class _Server(ThreadedMotoServer):
    """moto's own, with the faults and IAM in front of its application."""

    def __init__(self, port: int, faults: Faults, athena: Queries) -> None:
        super().__init__("127.0.0.1", port, verbose=False)
        self._faults = faults
        self._athena = athena

    def _server_entry(self) -> None:
        dispatcher = _Dispatcher(create_backend_app)
        application = self._faults.before(authorised(dispatcher, Account(ACCOUNT, REGION, self._athena.workgroup_of)))
        self._server = make_server(
            self._ip_address, self._port, application, threaded=True, request_handler=MotoRequestHandler
        )
        self._server_ready_event.set()
        self._server.serve_forever()


class _Dispatcher(DomainDispatcherApplication):
    """moto's own looks through the folders of its package at each request, one request after the other."""

    def __init__(self, create: Any) -> None:
        super().__init__(create)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


def main() -> None:
    parser = argparse.ArgumentParser(description="AWS on loopback, as the tests use it.")
    parser.add_argument("--port", type=int, default=5060)
    with Emulator(parser.parse_args().port) as aws:
        sys.stdout.write(f"{aws.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
