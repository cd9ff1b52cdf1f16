"""Import of source files: any format that a TOML file can describe, streamed into record batches of events."""

from __future__ import annotations

from auditlib.ingest.catalogue import Format, formats, load_format, load_mapping
from auditlib.ingest.delivery import verifying
from auditlib.ingest.identity import event_id
from auditlib.ingest.run import FileSummary, Import, Progress, Summary

__all__ = ["FileSummary", "Format", "Import", "Progress", "Summary", "event_id", "formats", "load_format", "load_mapping", "verifying"]
