"""The frame around every benchmark; docs/benchmarks.md says how to read what it prints."""
