"""Errors that a user can act on.

Every one carries a message that names the file, table, partition or setting and says what to do; the command line prints
it without a stack trace and ends with a non-zero exit code.
"""

from __future__ import annotations

import errno

_NETWORK_IS_AWAY = {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ESTALE}


class LakeError(Exception):
    """A condition that the user can mend. Not retried, unless it `may_pass`: it would fail in the same way."""


class SettingsError(LakeError):
    """A setting is unknown or has a value that is not allowed."""


class SourceError(LakeError):
    """A source folder or file is missing, unreadable, or not what the contract declares."""


class StorageError(LakeError):
    """The lake's storage cannot be read or written."""


class PublishConflictError(LakeError):
    """Another writer published the partition since this run planned it; nothing was changed. A new plan knows of it."""


class EngineError(LakeError):
    """The compute engine cannot be started, or died."""


class EngineLostError(EngineError):
    """The compute engine died while it worked, or cannot be reached any more. The next task gets a new one."""


class AuditError(LakeError):
    """Staged data broke an invariant of the platform, so it was not published."""


class AwsError(StorageError):
    """AWS refused a call, for good: access, a missing bucket, a wrong name. The message says which."""


class AwsUnavailableError(AwsError):
    """AWS was out of reach, or throttled, longer than its client keeps on trying."""


class QueryError(LakeError):
    """A query names an unknown table or is not valid SQL."""


def may_pass(error: BaseException) -> bool:
    """Whether the same attempt may succeed a little later although nobody mended anything.

    Of the system's errors only those of a connection: a full disk or a missing permission does not pass by itself.
    """
    if isinstance(error, EngineLostError | PublishConflictError | AwsUnavailableError | ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno in _NETWORK_IS_AWAY:
        return True
    return isinstance(error, LakeError) and error.__cause__ is not None and may_pass(error.__cause__)
