"""The policy's system calls as a program for the kernel, which then decides about every call of this process.

The program is classic BPF: it reads the call's number and arguments from `struct seccomp_data` (linux/seccomp.h) and
returns what becomes of it. Jumps go forward by at most 255 instructions, so that every call is a block of its own that
ends with a verdict or is jumped over whole.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterator

from evals_pipeline.sandbox import policy, syscalls
from evals_pipeline.sandbox.rules import Below, Calls, IsNull, IsSelf, OneOf, OnlyReading, Rule, Test, Without

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand

ALLOW = 0x7FFF0000
KILL = 0x80000000  # the whole process: only for what no library does, a foreign calling convention
ERROR = 0x00050000  # | errno

_LOAD, _RETURN, _JUMP = 0x20, 0x06, 0x05
_IS_EQUAL, _IS_AT_LEAST, _HAS_BITS = 0x15, 0x35, 0x45
_NUMBER, _ARCHITECTURE = 0, 4
_X32 = 0x40000000  # the x32 calling convention of x86-64: other numbers for the same calls
_ALLOWED = (_RETURN, 0, 0, ALLOW)

_SET_MODE_FILTER, _ON_ALL_THREADS = 1, 1


def program(own_pid: int, *, is_sealed: bool, architecture: str = "") -> list[Instruction]:
    """What the policy allows, for a worker with this process id (as it sees it itself)."""
    machine = architecture or syscalls.machine()
    compiler = _Compiler(machine, own_pid)
    files = compiler.refused_files() if is_sealed else compiler.readable_files()
    return [*compiler.prologue(), *compiler.always(), *files, *compiler.refusals(), _verdict(policy.REFUSAL)]


def load(instructions: list[Instruction]) -> None:
    """Put the filter on this process, for good; raises OSError. `no_new_privs` must be set."""
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = _FilterProgram(len(instructions), ctypes.addressof(buffer))
    if thread := syscalls.call("seccomp", _SET_MODE_FILTER, _ON_ALL_THREADS, filter_program):
        raise OSError(errno.EBUSY, f"seccomp: thread {thread} cannot be put under the filter")


class _FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class _Compiler:
    def __init__(self, machine: str, own_pid: int) -> None:
        self.machine = machine
        self.own_pid = own_pid

    def prologue(self) -> Iterator[Instruction]:
        yield _load(_ARCHITECTURE)
        yield (_IS_EQUAL, 1, 0, syscalls.AUDIT_ARCHITECTURES[self.machine])
        yield (_RETURN, 0, 0, KILL)
        yield _load(_NUMBER)
        if self.machine == "x86_64":
            yield (_IS_AT_LEAST, 0, 1, _X32)
            yield (_RETURN, 0, 0, KILL)

    def always(self) -> Iterator[Instruction]:
        yield from self.calls(_names(policy.ALWAYS), [_ALLOWED])
        for rule in policy.RULES:
            yield from self.calls([rule.call], self.decide(rule))

    def readable_files(self) -> Iterator[Instruction]:
        yield from self.calls(_names(policy.READING_FILES), [_ALLOWED])
        for rule in policy.OPENING_FILES:
            yield from self.calls([rule.call], self.decide(rule, policy.FILE_REFUSAL))

    def refused_files(self) -> Iterator[Instruction]:
        names = [*_names(policy.READING_FILES), *(rule.call for rule in policy.OPENING_FILES)]
        yield from self.calls(names, [_verdict(policy.FILE_REFUSAL)])

    def refusals(self) -> Iterator[Instruction]:
        for name, code in policy.REFUSALS.items():
            yield from self.calls([name], [_verdict(code)])

    def calls(self, names: list[str], block: list[Instruction]) -> Iterator[Instruction]:
        """For each of the calls that this architecture has: `block`, which ends with a verdict."""
        for name in names:
            number = syscalls.number(name, self.machine)
            if number is not None:
                yield (_IS_EQUAL, 0, len(block), number)
                yield from block

    def decide(self, rule: Rule, refusal: int = policy.REFUSAL) -> list[Instruction]:
        """Allowed by the first alternative whose tests all hold."""
        found: list[Instruction] = []
        for tests in rule.alternatives:
            found += self.alternative([step for test in tests for step in self.test(test)])
        return [*found, _verdict(refusal)]

    @staticmethod
    def alternative(steps: list[Instruction | None]) -> list[Instruction]:
        """Fill the gaps: a None is where a failed test leaves for the next alternative."""
        last = len(steps)  # the index of the verdict that follows the steps
        filled = [step or (_JUMP, 0, 0, last - index) for index, step in enumerate(steps)]
        return [*filled, _ALLOWED]

    def test(self, test: Test) -> list[Instruction | None]:
        """Steps that go on after themselves where the test holds, and into their gap where it does not."""
        match test:
            case OneOf(argument, values):
                hits = [(_IS_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
                return [_load_argument(argument), *hits, None]
            case Below(argument, limit):
                return [_load_argument(argument), (_IS_AT_LEAST, 0, 1, limit), None]
            case Without(argument, bits):
                return [_load_argument(argument), (_HAS_BITS, 0, 1, bits), None]
            case OnlyReading(argument):
                return self.test(Without(argument, ~policy.READ_FLAGS[self.machine] & 0xFFFFFFFF))
            case IsSelf(argument):
                return self.test(OneOf(argument, (self.own_pid,)))
            case IsNull(argument):
                high = [_load_argument(argument, is_high=True), (_IS_EQUAL, 1, 0, 0), None]
                return [*self.test(OneOf(argument, (0,))), *high]


def _names(groups: tuple[Calls, ...]) -> list[str]:
    return [name for group in groups for name in group.names]


def _verdict(code: int) -> Instruction:
    return (_RETURN, 0, 0, ERROR | code)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _load_argument(index: int, *, is_high: bool = False) -> Instruction:
    """Both architectures are little-endian: the low half comes first."""
    return _load(16 + 8 * index + 4 * is_high)
