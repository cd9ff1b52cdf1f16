"""The SQL desk: questions in SQL over the served events, answered by child processes that can do nothing else."""
