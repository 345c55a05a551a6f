"""Measures kefu on data: suites, metrics with intervals, reports, and comparison of two runs."""
