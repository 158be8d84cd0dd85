import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { widenToFloat32 } from "../../../sidecar/checkpoint/widen";

describe("widenToFloat32", () => {
  it("gives every float16 its value", () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = widenToFloat32(new Uint8Array(patterns.buffer), "F16");
    // By definition: sign, five bits of exponent with bias 15, ten bits of fraction.
    for (const [bits, value] of values.entries()) {
      const fields = bits.toString(2).padStart(16, "0");
      const [sign, exponent, fraction] = [fields[0], parseInt(fields.slice(1, 6), 2), parseInt(fields.slice(6), 2)];
      let expected = exponent === 0 ? (fraction / 1024) * 2 ** -14 : (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (exponent === 31) expected = fraction === 0 ? Infinity : NaN;
      assert.ok(Object.is(value, sign === "1" ? -expected : expected), `${fields}: ${value}`);
    }
  });

  it("takes bfloat16 as the upper half of a float32", () => {
    const halves = Uint16Array.of(0x3f80, 0xbf80, 0x7f80, 0xff80, 0x0001, 0x8000);
    const values = widenToFloat32(new Uint8Array(halves.buffer), "BF16");
    assert.deepStrictEqual([...values], [1, -1, Infinity, -Infinity, 2 ** -133, -0]);
  });

  it("rounds float64 to the nearest float32", () => {
    const doubles = Float64Array.of(0.1, 1e300, -1e-300);
    assert.deepStrictEqual(
      [...widenToFloat32(new Uint8Array(doubles.buffer), "F64")],
      [Math.fround(0.1), Infinity, -0],
    );
  });
});
