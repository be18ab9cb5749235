"""What makes compiled code fast: kernels without reference counts, an unaligned load, and prefetching."""

from __future__ import annotations

from typing import Final

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

kernel: Final = numba.njit(cache=True, nogil=True, _nrt=False, forceinline=True)
"""Compiles a function that creates no array. Plain njit counts references to arrays, half of a short function's time."""


@intrinsic
def load_word(typing_context, data, at):  # type: ignore[no-untyped-def]
    """The eight bytes at data[at:], as a little-endian uint64."""
    signature = types.uint64(data, types.int64)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(64)
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        return builder.load(address, align=1)

    return signature, generate


@intrinsic
def trailing_zeros(typing_context, word):  # type: ignore[no-untyped-def]
    """How many of the lowest bits of a uint64 are clear; 64 for zero."""
    signature = types.int64(types.uint64)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return signature, generate


@intrinsic
def prefetch(typing_context, array, at):  # type: ignore[no-untyped-def]
    """Prefetch the cache line of element `at` of a contiguous array; `at` counts as if the array were flat."""
    signature = types.void(array, types.int64)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(prefetch, [address, number(0), number(3), number(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return signature, generate
