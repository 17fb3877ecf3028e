"""Bounds of a policy document. RAM's own limit is 6,144 characters of text; the others follow from it or are ours."""

DOCUMENT_CHARS = 6144
STATEMENT_COUNT = 100
VALUE_COUNT = 100  # actions or resources of a statement, values of a condition
PATTERN_CHARS = 512
DEPTH = 6  # of nested JSON; a document needs five
