"""Our linear attention against float64, in Triton's interpreter."""

import json

import pytest
import torch

pytest.importorskip("triton", reason="Triton has no package for this machine: its kernels are NOT tested")

from sana_training import attention_bench, linear_attention  # noqa: E402
from sana_training.layers import plain_linear_attention  # noqa: E402

# A few hundred float32 roundings of 6e-8, some of which cancel.
_ROUNDING = 1e-5
_HEADS = 2


def _inputs(tokens, dtype=torch.float32, seed=0, batch=2):
    return attention_bench.make_inputs(tokens, batch, dtype, "cpu", seed, _HEADS)


@pytest.mark.parametrize("tokens", [16, 100, 150])
@pytest.mark.parametrize("per_program", [64, 1024])
def test_linear_attention_equals_float64(tokens, per_program, monkeypatch):
    # With 64 tokens a program the sums of the longer inputs pass through memory; with 1024 they stay where they are.
    monkeypatch.setattr(linear_attention, "_TOKENS_PER_PROGRAM", per_program)
    inputs = _inputs(tokens, seed=tokens + per_program)
    errors = attention_bench.relative_errors(linear_attention.linear_attention, inputs, _HEADS)
    assert max(errors) < _ROUNDING, errors


def test_linear_attention_in_bfloat16_is_as_exact_as_its_inputs_and_outputs():
    inputs = _inputs(80, torch.bfloat16)
    # The result is rounded to 8 bits: half a unit in the last place is 0.2 %, on average less.
    assert max(attention_bench.relative_errors(linear_attention.linear_attention, inputs, _HEADS)) < 4e-3


def test_the_kernel_and_the_plain_form_agree_where_a_query_sees_nothing():
    query, key, value, gradient = _inputs(32, batch=1)
    with torch.no_grad():
        # relu leaves nothing of these queries: the normaliser is only its epsilon.
        query[:, ::2] = -query[:, ::2].abs()
    for attention in (linear_attention.linear_attention, plain_linear_attention):
        output = attention(query, key, value, _HEADS)
        assert output[:, ::2].abs().max() == 0
        gradients = torch.autograd.grad(output, [query, key, value], gradient)
        assert all(torch.isfinite(found).all() for found in gradients)


def test_a_strided_input_is_read_rightly():
    query, key, value, gradient = _inputs(32)
    strided = query.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    outputs = [linear_attention.linear_attention(one, key, value, _HEADS) for one in (query, strided)]
    assert torch.equal(*outputs)
    assert torch.equal(
        torch.autograd.grad(outputs[0], query, gradient)[0], torch.autograd.grad(outputs[1], strided, gradient)[0]
    )


def test_the_bench_writes_a_table_and_a_plot(tmp_path):
    attention_bench.run(tmp_path, (32,), all_tokens=32, repeats=1, device="cpu")
    table = json.loads((tmp_path / "attention.json").read_text())
    assert set(table) >= {"triton", "eager", "compiled", "quadratic"}
    assert all(len(table[name]["training"]) == 1 for name in ("triton", "eager", "compiled", "quadratic"))
    assert max(map(max, table["triton"]["errors"])) < _ROUNDING
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")


def test_the_bench_refuses_a_kernel_that_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(attention_bench, "linear_attention", lambda query, key, value, heads: query + key + value)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: function)
    with pytest.raises(SystemExit, match="differs from float64"):
        attention_bench.run(tmp_path, (32,), all_tokens=32, repeats=1, device="cpu")
