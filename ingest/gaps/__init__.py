"""From logs to knowledge: what visitors asked in vain, grouped by meaning."""

from ingest.gaps.command import show_gaps

__all__ = ["show_gaps"]
