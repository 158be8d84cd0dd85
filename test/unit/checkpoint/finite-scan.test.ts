import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasNonFinite } from "../../../sidecar/checkpoint/finite-scan";
import { widenToFloat32 } from "../../../sidecar/checkpoint/widen";

describe("hasNonFinite", () => {
  it("tells every 16-bit number right, in both halves of a word", () => {
    for (const dtype of ["F16", "BF16"] as const) {
      for (let bits = 0; bits < 65536; bits += 1) {
        const expected = !Number.isFinite(widenToFloat32(new Uint8Array(Uint16Array.of(bits).buffer), dtype)[0]!);
        // Neighbours of all ones but one bit of the exponent: finite, and the likeliest to be carried into.
        const neighbour = dtype === "F16" ? 0xfbff : 0xff7f;
        for (const numbers of [[bits], [bits, neighbour], [neighbour, bits], [neighbour, neighbour, bits]]) {
          assert.equal(
            hasNonFinite(new Uint8Array(Uint16Array.from(numbers).buffer), dtype),
            expected,
            `${dtype} ${bits}`,
          );
        }
      }
    }
  });

  it("finds the one number that is not finite among float32 and float64", () => {
    for (const [dtype, List] of [
      ["F32", Float32Array],
      ["F64", Float64Array],
    ] as const) {
      const largest = dtype === "F32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
      for (let place = 0; place < 5; place += 1) {
        for (const value of [NaN, Infinity, -Infinity, largest, -largest, 0, -0, 5e-324]) {
          const numbers = new List(5).fill(-largest);
          numbers[place] = value;
          assert.equal(
            hasNonFinite(new Uint8Array(numbers.buffer), dtype),
            !Number.isFinite(value),
            `${dtype} ${value}`,
          );
        }
      }
    }
  });

  it("does not mistake the lower half of a float64 for an exponent", () => {
    assert.equal(hasNonFinite(new Uint8Array(BigUint64Array.of(0x3ff000007ff00000n).buffer), "F64"), false);
  });

  it("sees nothing in no numbers", () => {
    assert.equal(hasNonFinite(new Uint8Array(), "BF16"), false);
  });
});
