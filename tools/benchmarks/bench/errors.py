class BenchError(Exception):
    """What a person is told, in one sentence with the remedy; exit code 1."""
