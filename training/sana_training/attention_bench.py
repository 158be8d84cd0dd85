"""Times linear attention from 256 to 16,384 tokens: our kernel, eager PyTorch, torch.compile, and quadratic attention.

    python -m sana_training.attention_bench --output O

writes ``O/attention.json`` (median milliseconds, and the errors against float64) and ``O/attention.png``. Each size
has the same number of tokens in all, in the transformer's shape: 16 heads of 32. "training" is a forward and a backward
pass. Quadratic attention is PyTorch's ``scaled_dot_product_attention``, which chooses the fastest kernel it has.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from .layers import plain_linear_attention
from .linear_attention import linear_attention

HEADS = 16
WIDTH = 32
SIZES = (256, 512, 1024, 2048, 4096, 8192, 16384)
_ALL_TOKENS = 65_536
_REPEATS = 30
_WARM_UP = 5
# A bfloat16 result is rounded to 8 bits, 0.2 % at most and half of that on average.
_LARGEST_ERROR = 4e-3
_MARKS = {"triton": "o", "compiled": "s", "eager": "^", "quadratic": "x"}

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]


def quadratic_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Softmax attention of ``[batch, tokens, heads * d]``."""
    query, key, value = (tensor.unflatten(2, (heads, -1)).transpose(1, 2) for tensor in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def make_inputs(
    tokens: int, batch: int, dtype: torch.dtype, device: str, seed: int, heads: int = HEADS
) -> list[torch.Tensor]:
    """Fresh query, key and value ``[batch, tokens, heads * WIDTH]`` that want gradients, and a gradient."""
    generator = torch.Generator(device).manual_seed(seed)
    shape = (batch, tokens, heads * WIDTH)
    made = [torch.randn(shape, generator=generator, device=device).to(dtype) for _ in range(4)]
    return [tensor.requires_grad_() for tensor in made[:3]] + made[3:]


def relative_errors(attention: Attention, inputs: list[torch.Tensor], heads: int = HEADS) -> list[float]:
    """Of the output and the gradients for query, key and value, against the plain form in float64."""
    query, key, value, gradient = inputs
    exact = [tensor.detach().double().requires_grad_() for tensor in (query, key, value)]
    expected = _plain_double(*exact, heads)
    expected.backward(gradient.double())
    output = attention(query, key, value, heads)
    found = [output, *torch.autograd.grad(output, [query, key, value], gradient)]
    wanted = [expected, *(tensor.grad for tensor in exact)]
    return [((one.double() - other).norm() / other.norm()).item() for one, other in zip(found, wanted, strict=True)]


def _plain_double(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    query, key, value = (tensor.unflatten(2, (heads, -1)).transpose(1, 2) for tensor in (query, key, value))
    weights = query.relu() @ key.relu().transpose(2, 3)
    mixed = weights @ value / (weights.sum(-1, keepdim=True) + 1e-15)
    return mixed.transpose(1, 2).flatten(2)


def measure(sizes: tuple[int, ...], all_tokens: int, repeats: int, device: str) -> dict[str, dict]:
    """name -> "forward" and "training" -> milliseconds for each size, and "errors" of our kernel for each size."""
    # Every size is compiled, with and without gradients; beyond the limit PyTorch would run eagerly.
    torch._dynamo.config.recompile_limit = 64
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    ways: dict[str, Attention] = {
        "triton": linear_attention,
        "eager": plain_linear_attention,
        "compiled": torch.compile(plain_linear_attention, dynamic=False),
        "quadratic": quadratic_attention,
    }
    results: dict[str, dict] = {name: {"forward": [], "training": []} for name in ways}
    results["triton"]["errors"] = []
    for tokens in sizes:
        inputs = make_inputs(tokens, max(1, all_tokens // tokens), dtype, device, seed=tokens)
        # The exact weights of one picture's heads are tokens x tokens numbers of 8 bytes.
        alone = [
            tensor.detach()[:1, : min(tokens, 4096)].requires_grad_(place < 3) for place, tensor in enumerate(inputs)
        ]
        results["triton"]["errors"].append(relative_errors(linear_attention, alone))
        for name, attention in ways.items():
            times = _time(attention, inputs, repeats)
            results[name]["forward"].append(times[0])
            results[name]["training"].append(times[1])
            print(f"{tokens:6} tokens {name:9} forward {times[0]:8.3f} ms, training {times[1]:8.3f} ms", flush=True)
    return results


def _time(attention: Attention, inputs: list[torch.Tensor], repeats: int) -> tuple[float, float]:
    query, key, value, gradient = inputs

    def forward() -> None:
        with torch.no_grad():
            attention(query, key, value, HEADS)

    def training() -> None:
        torch.autograd.grad(attention(query, key, value, HEADS), [query, key, value], gradient)

    return _median(forward, repeats, query.is_cuda), _median(training, repeats, query.is_cuda)


def _median(work: Callable[[], None], repeats: int, cuda: bool) -> float:
    """Milliseconds. On the accelerator its own clock, and a cache that is swept between the runs."""
    for _ in range(min(_WARM_UP, repeats)):
        work()
    times = []
    # Larger than the second-level cache, so that no run finds its inputs there.
    sweep = torch.empty(256 << 20, dtype=torch.uint8, device="cuda") if cuda else None
    for _ in range(repeats):
        if sweep is None:
            began = time.perf_counter()
            work()
            times.append((time.perf_counter() - began) * 1e3)
            continue
        sweep.zero_()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def plot(path: Path, sizes: list[int], results: dict[str, dict]) -> None:
    """Time against tokens, one curve a way, forward and training side by side."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
    for axis, kind in zip(axes, ("forward", "training"), strict=True):
        for name, found in results.items():
            axis.loglog(sizes, found[kind], marker=_MARKS[name], label=name, base=2)
        axis.set(title=kind, xlabel="tokens a picture")
        axis.grid(True, alpha=0.3)
    axes[0].set_ylabel("milliseconds")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def run(output: Path, sizes: tuple[int, ...], all_tokens: int, repeats: int, device: str) -> None:
    """Measures, then writes the table and the plot; SystemExit when our kernel is wrong."""
    output.mkdir(parents=True, exist_ok=True)
    results = measure(sizes, all_tokens, repeats, device)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    table = {"device": name, "torch": torch.__version__, "tokens": list(sizes), "all_tokens": all_tokens, **results}
    (output / "attention.json").write_text(json.dumps(table, indent=1) + "\n")
    plot(output / "attention.png", list(sizes), results)
    worst = max(max(errors) for errors in results["triton"]["errors"])
    # Also for a result that is not a number.
    if not worst < _LARGEST_ERROR:
        raise SystemExit(f"linear attention differs from float64 by {worst:.1e}, more than {_LARGEST_ERROR}")


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="tokens a picture")
    parser.add_argument("--all-tokens", type=int, default=_ALL_TOKENS)
    parser.add_argument("--repeats", type=int, default=_REPEATS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    run(options.output, tuple(options.sizes), options.all_tokens, options.repeats, options.device)


if __name__ == "__main__":
    main()
