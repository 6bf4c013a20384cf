"""Throughput of this project beside what else a user would pick, measured in one run on one machine."""
