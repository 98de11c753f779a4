"""The support bot of Ternlight Air, an airline that exists only in this folder.

Add a module here for a new thing the bot can do. Keep out what only a recording needs (the model
server, the scripted customers, the trace files): that is `recording`.
"""
