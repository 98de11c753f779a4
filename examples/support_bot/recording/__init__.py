"""How the traces are made: the model server, the scripted customers and the trace files.

Add a module here for what only a recording needs. Keep out what the bot itself does: that is `bot`.
"""
