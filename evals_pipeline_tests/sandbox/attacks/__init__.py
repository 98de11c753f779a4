"""Attacks on the sandbox: what a hostile author would paste as an evaluator, and how the host tells whether it worked.

A module per kind of attack. Each attack is a function that tries things and notes what came of every one; its text,
behind that of `kit.py`, is what an evaluator runs. Add one with `@attack(...)` in the module of its kind: say in
`needs` what it aims at, so that the host looks after it and asks it for harm. It must do its harm in the control, an
evaluator in a plain child process; where it cannot, `control` says why.

The control is not confined and may run as root: what an attack does there must be bounded and leave nothing on the
machine. Give calls that change a machine senseless arguments (`Notes.probe`) or the value that stands already.
"""
