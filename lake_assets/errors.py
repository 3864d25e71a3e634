"""Errors that a user can act on.

Every one carries a message that names the file, table, partition or setting and says what to do; the command line prints
it without a stack trace and ends with a non-zero exit code.
"""

from __future__ import annotations


class LakeError(Exception):
    """A condition that the user can mend. Never retried: the same attempt would fail in the same way."""


class SettingsError(LakeError):
    """A setting is unknown or has a value that is not allowed."""


class SourceError(LakeError):
    """A source folder or file is missing, unreadable, or not what the contract declares."""


class StorageError(LakeError):
    """The lake's storage cannot be read or written."""


class PublishConflictError(LakeError):
    """Another writer published the partition since this run planned it; nothing was changed."""


class EngineError(LakeError):
    """The compute engine cannot be started, or died."""


class AuditError(LakeError):
    """Staged data broke an invariant of the platform, so it was not published."""


class QueryError(LakeError):
    """A query names an unknown table or is not valid SQL."""
