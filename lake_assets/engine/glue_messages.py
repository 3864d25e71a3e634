"""The messages of a job that is under way, from the S3 objects in which Pipes leaves them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dagster._core.pipes.context import PipesMessageHandler
from dagster_aws.pipes import PipesS3MessageReader
from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD, PipesParams


class PromptMessageReader(PipesS3MessageReader):
    """Dagster's own waits ten seconds for the last words of a job that was killed, and a second for those of any other.

    Here the session is closed when the run has ended: what the job wrote until then is there, and nothing else will come.
    """

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        with self.get_params() as params:
            ended = threading.Event()
            thread = threading.Thread(target=self._read, args=(handler, params, ended), daemon=True)
            thread.start()
            try:
                yield params
            finally:
                ended.set()
                thread.join()

    def _read(self, handler: PipesMessageHandler, params: PipesParams, ended: threading.Event) -> None:
        over = False
        while not over:
            over = ended.wait(self.interval)
            while chunk := self.download_messages_chunk(self.counter, params):
                self.counter += 1
                for line in chunk.splitlines():
                    message = json.loads(line)
                    if PIPES_PROTOCOL_VERSION_FIELD in message:
                        handler.handle_message(message)
