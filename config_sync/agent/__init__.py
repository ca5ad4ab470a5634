"""The long-running program around the reconciler: passes, streams, commands, signals, and the one-shot run.

`assembly` puts the parts together; `passes` runs targets in `workers` and lets `settle` say when next; `roster` holds
the streams; `agent` is the fixed set of tasks; `control` and `commands` answer on the socket; `running` is the process
around it all. `once` is the one-shot run, which needs none of the loops.
"""
