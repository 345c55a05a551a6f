"""Spelling: Chinese homophones and look-alikes, pinyin in Latin letters, English typing errors."""

from models.spelling.knowledge import KnowledgeSpelling

__all__ = ["KnowledgeSpelling"]
