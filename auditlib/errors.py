"""Every error this library raises on purpose, in one tree.

    AuditError
    ├── LinkError               a link that cannot be read at all
    ├── NotFoundError           no such event, format or setting in what was opened
    ├── AccessDeniedError       this person may not read the log
    ├── StoreError              a snapshot store that cannot be used
    │   ├── NotAStoreError      the folder holds no manifests
    │   ├── UnreachableError    an object store that does not answer, or refuses to
    │   ├── ChainError          manifests that do not form one unbroken chain
    │   ├── DamagedFileError    a listed file that is missing, altered or malformed
    │   ├── SchemaError         columns, types or values that an event cannot have
    │   ├── PublishError        a snapshot that could not be written
    │   ├── SigningError        a key that cannot be read or written
    │   └── PinError            pins of accepted manifests that cannot be relied on
    ├── IngestError             source files that cannot be imported
    │   ├── FormatError         an unknown format or a mapping that is not valid
    │   └── SourceError         a source file that cannot be opened or read
    ├── EngineError             a question the engine could not answer
    │   ├── EngineBusyError     too many questions at once; ask again
    │   ├── SupersededError     a question that nobody waits for any more
    │   ├── CacheError          a derived file that cannot be built or opened
    │   ├── LakeError           a lake table or its cluster that cannot be relied on
    │   └── QueryError          SQL that cannot be answered
    │       ├── QueryRefusedError   SQL that is not answered on purpose
    │       ├── QueryTimeoutError   SQL that took longer than it may
    │       └── QueryStoppedError   SQL that someone stopped
    ├── LedgerError             the ledger of who read what, which cannot be written or relied on
    ├── ExportError             a result that could not be written out
    └── BundleError             an evidence bundle that is not as it was written

A message is one plain sentence that says what, where and what was expected. The values it
speaks of are attributes too, so that a caller never has to parse the sentence.
"""

from __future__ import annotations


class AuditError(Exception):
    """The root of the tree: catch this to catch every error of this library.

    Attributes:
        values: what the sentence speaks of, by name.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values = values

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


class LinkError(AuditError):
    """A link that cannot be read at all, such as one of another page."""


class NotFoundError(AuditError):
    """No such event, format or setting in what was opened."""


class AccessDeniedError(AuditError):
    """This person may not read the log."""


class StoreError(AuditError):
    """A snapshot store that cannot be used."""


class NotAStoreError(StoreError):
    """The folder does not exist or holds no manifests."""


class UnreachableError(StoreError):
    """An object store that does not answer, or refuses to; `reason` says which."""


class ChainError(StoreError):
    """Manifests that do not form one unbroken chain."""


class DamagedFileError(StoreError):
    """A listed file that is missing, altered or malformed."""


class SchemaError(StoreError):
    """Columns, types or values that an event cannot have."""


class PublishError(StoreError):
    """A snapshot that could not be written; the store is as it was."""


class SigningError(StoreError):
    """A key that cannot be read or written."""


class PinError(StoreError):
    """Pins of accepted manifests that are damaged, of a newer format, or no digest."""


class IngestError(AuditError):
    """Source files that cannot be imported."""


class FormatError(IngestError):
    """An unknown format, or a mapping that is not valid."""


class SourceError(IngestError):
    """A source file that cannot be opened or read."""


class EngineError(AuditError):
    """A question the engine could not answer."""


class EngineBusyError(EngineError):
    """Too many questions at once; ask again in a moment."""


class SupersededError(EngineError):
    """A question that was given up, since whoever asked it has asked a newer one or is gone."""


class CacheError(EngineError):
    """A derived file that cannot be built or opened."""


class LakeError(EngineError):
    """A lake table, or the cluster that answers for it, that is down, slow or answers in part; `reason` says which."""


class QueryError(EngineError):
    """SQL that cannot be answered: wrong, too large, or at odds with the data; `reason` says which."""


class QueryRefusedError(QueryError):
    """SQL that is not answered on purpose; `reason` says why."""


class QueryTimeoutError(QueryError):
    """SQL that took longer than it may."""


class QueryStoppedError(QueryError):
    """SQL that was stopped by whoever asked it, or by their next query."""


class LedgerError(AuditError):
    """The ledger of who read what cannot be written, or does not hang together; `reason` says which."""


class ExportError(AuditError):
    """A result that could not be written out."""


class BundleError(AuditError):
    """An evidence bundle that is not as it was written."""
