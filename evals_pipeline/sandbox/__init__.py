"""The cage in which custom evaluators run.

`policy` says what confined code may do and why; `lock` takes everything else away from a process; `forkserver` makes
locked processes; `worker` is what runs in them; `parent` is the pipeline's side, which trusts nothing that comes back.
Only what evaluators need to run belongs here: no hub, no tasks, no tables.
"""
