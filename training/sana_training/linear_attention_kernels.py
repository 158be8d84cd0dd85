"""The Triton kernels of linear_attention.py.

A head's tokens lie in ``[batch, tokens, heads * width]``. ``S`` and ``s`` are those of linear_attention.py; a program
either makes the whole of a head, or one part of its tokens, and then ``S`` and ``s`` pass through memory between two
kernels.
"""

import triton
import triton.language as tl

EPSILON = tl.constexpr(1e-15)


@triton.jit
def _place(token, tokens, heads, width: tl.constexpr):
    """Offsets ``[block, width]`` of one head's tokens in ``[batch, tokens, heads * width]``, and which exist."""
    batch_head = tl.program_id(0)
    first = (batch_head // heads).to(tl.int64) * tokens * heads * width + (batch_head % heads) * width
    return first + token[:, None] * (heads * width) + tl.arange(0, width)[None, :], (token < tokens)[:, None]


@triton.jit
def _relu(x):
    return tl.where(x > 0, x, 0.0)


@triton.jit
def _load(tensor, place, known):
    # In float32 from here on; a bfloat16 number stays exact in TF32 products.
    return tl.load(tensor + place, mask=known, other=0.0).to(tl.float32)


@triton.jit
def _key_sums(key, value, first, last, tokens, heads, width: tl.constexpr, block: tl.constexpr, dot: tl.constexpr):
    """``S`` and ``s`` over the tokens from ``first`` up to ``last``."""
    products = tl.zeros([width, width], dtype=tl.float32)
    total = tl.zeros([width], dtype=tl.float32)
    for start in range(first, last, block):
        place, known = _place(start + tl.arange(0, block), tokens, heads, width)
        b = _relu(_load(key, place, known))
        v = _load(value, place, known)
        products += tl.dot(tl.trans(b), v, input_precision=dot)
        total += tl.sum(b, 0)
    return products, total


@triton.jit
def _write_quotients(
    query, out, products, total, first, last, tokens, heads, width: tl.constexpr, block: tl.constexpr, dot: tl.constexpr
):
    for start in range(first, last, block):
        place, known = _place(start + tl.arange(0, block), tokens, heads, width)
        a = _relu(_load(query, place, known))
        normaliser = tl.sum(a * total[None, :], 1) + EPSILON
        quotient = tl.dot(a, products, input_precision=dot) / normaliser[:, None]
        tl.store(out + place, quotient.to(out.dtype.element_ty), mask=known)


@triton.jit
def _query_sums(
    query,
    gradient,
    query_gradient,
    products,
    total,
    first,
    last,
    tokens,
    heads,
    width: tl.constexpr,
    block: tl.constexpr,
    dot: tl.constexpr,
):
    """Writes the gradient of the queries; returns those of ``S`` and ``s`` over the tokens that were read."""
    products_gradient = tl.zeros([width, width], dtype=tl.float32)
    total_gradient = tl.zeros([width], dtype=tl.float32)
    for start in range(first, last, block):
        place, known = _place(start + tl.arange(0, block), tokens, heads, width)
        raw = _load(query, place, known)
        a = _relu(raw)
        back = _load(gradient, place, known)
        normaliser = tl.sum(a * total[None, :], 1) + EPSILON
        numerator = tl.dot(a, products, input_precision=dot)
        # out = numerator / normaliser
        back_numerator = back / normaliser[:, None]
        back_normaliser = -tl.sum(back_numerator * numerator, 1) / normaliser
        for_a = tl.dot(back_numerator, tl.trans(products), input_precision=dot)
        for_a += back_normaliser[:, None] * total[None, :]
        tl.store(query_gradient + place, tl.where(raw > 0, for_a, 0.0).to(query_gradient.dtype.element_ty), mask=known)
        products_gradient += tl.dot(tl.trans(a), back_numerator, input_precision=dot)
        total_gradient += tl.sum(a * back_normaliser[:, None], 0)
    return products_gradient, total_gradient


@triton.jit
def _write_key_gradients(
    key,
    value,
    key_gradient,
    value_gradient,
    products_gradient,
    total_gradient,
    first,
    last,
    tokens,
    heads,
    width: tl.constexpr,
    block: tl.constexpr,
    dot: tl.constexpr,
):
    for start in range(first, last, block):
        place, known = _place(start + tl.arange(0, block), tokens, heads, width)
        raw = _load(key, place, known)
        v = _load(value, place, known)
        for_b = tl.dot(v, tl.trans(products_gradient), input_precision=dot) + total_gradient[None, :]
        tl.store(key_gradient + place, tl.where(raw > 0, for_b, 0.0).to(key_gradient.dtype.element_ty), mask=known)
        for_v = tl.dot(_relu(raw), products_gradient, input_precision=dot)
        tl.store(value_gradient + place, for_v.to(value_gradient.dtype.element_ty), mask=known)


@triton.jit
def _sums_place(program, width: tl.constexpr):
    """Where a head's (or one part's) ``S`` and ``s`` lie, one after the other."""
    square = tl.arange(0, width)[:, None] * width + tl.arange(0, width)[None, :]
    first = program.to(tl.int64) * (width * width + width)
    return first + square, first + width * width + tl.arange(0, width)


@triton.jit
def _add_up(parts, count, width: tl.constexpr):
    """The sums of one head over its ``count`` parts."""
    products = tl.zeros([width, width], dtype=tl.float32)
    total = tl.zeros([width], dtype=tl.float32)
    for part in range(count):
        matrix, row = _sums_place(tl.program_id(0) * count + part, width)
        products += tl.load(parts + matrix)
        total += tl.load(parts + row)
    return products, total


@triton.jit
def forward(query, key, value, out, sums, tokens, heads, width: tl.constexpr, block: tl.constexpr, dot: tl.constexpr):
    products, total = _key_sums(key, value, 0, tokens, tokens, heads, width, block, dot)
    matrix, row = _sums_place(tl.program_id(0), width)
    tl.store(sums + matrix, products)
    tl.store(sums + row, total)
    _write_quotients(query, out, products, total, 0, tokens, tokens, heads, width, block, dot)


@triton.jit
def forward_sums(key, value, parts, tokens, heads, share, width: tl.constexpr, block: tl.constexpr, dot: tl.constexpr):
    first = tl.program_id(1) * share
    last = tl.minimum(first + share, tokens)
    products, total = _key_sums(key, value, first, last, tokens, heads, width, block, dot)
    matrix, row = _sums_place(tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), width)
    tl.store(parts + matrix, products)
    tl.store(parts + row, total)


@triton.jit
def forward_quotients(
    query, out, parts, sums, tokens, heads, share, width: tl.constexpr, block: tl.constexpr, dot: tl.constexpr
):
    products, total = _add_up(parts, tl.num_programs(1), width)
    if tl.program_id(1) == 0:
        matrix, row = _sums_place(tl.program_id(0), width)
        tl.store(sums + matrix, products)
        tl.store(sums + row, total)
    first = tl.program_id(1) * share
    last = tl.minimum(first + share, tokens)
    _write_quotients(query, out, products, total, first, last, tokens, heads, width, block, dot)


@triton.jit
def backward(
    query,
    key,
    value,
    gradient,
    sums,
    query_gradient,
    key_gradient,
    value_gradient,
    tokens,
    heads,
    width: tl.constexpr,
    block: tl.constexpr,
    dot: tl.constexpr,
):
    matrix, row = _sums_place(tl.program_id(0), width)
    products, total = tl.load(sums + matrix), tl.load(sums + row)
    products, total = _query_sums(
        query, gradient, query_gradient, products, total, 0, tokens, tokens, heads, width, block, dot
    )
    _write_key_gradients(
        key, value, key_gradient, value_gradient, products, total, 0, tokens, tokens, heads, width, block, dot
    )


@triton.jit
def backward_queries(
    query,
    gradient,
    sums,
    query_gradient,
    parts,
    tokens,
    heads,
    share,
    width: tl.constexpr,
    block: tl.constexpr,
    dot: tl.constexpr,
):
    matrix, row = _sums_place(tl.program_id(0), width)
    products, total = tl.load(sums + matrix), tl.load(sums + row)
    first = tl.program_id(1) * share
    last = tl.minimum(first + share, tokens)
    products, total = _query_sums(
        query, gradient, query_gradient, products, total, first, last, tokens, heads, width, block, dot
    )
    matrix, row = _sums_place(tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), width)
    tl.store(parts + matrix, products)
    tl.store(parts + row, total)


@triton.jit
def backward_keys(
    key,
    value,
    parts,
    key_gradient,
    value_gradient,
    tokens,
    heads,
    share,
    width: tl.constexpr,
    block: tl.constexpr,
    dot: tl.constexpr,
):
    products, total = _add_up(parts, tl.num_programs(1), width)
    first = tl.program_id(1) * share
    last = tl.minimum(first + share, tokens)
    _write_key_gradients(
        key, value, key_gradient, value_gradient, products, total, first, last, tokens, heads, width, block, dot
    )
