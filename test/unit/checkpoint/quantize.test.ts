import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { quantizeBlocks, quantizeRows } from "../../../sidecar/checkpoint/quantize";

const waves = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * i) * (1 + (i % 7)));

describe("quantizeRows", () => {
  it("rounds to at most half a step, whose 127th multiple is the row's largest magnitude", () => {
    const columns = 50;
    const values = waves(4 * columns);
    values.fill(0, 2 * columns, 3 * columns);
    const { data, scales } = quantizeRows(values, columns);
    assert.equal(scales.length, 4);
    assert.equal(scales[2], 0);
    values.forEach((value, i) => {
      const scale = scales[Math.floor(i / columns)]!;
      // A little more than half: the scale itself is rounded to float32.
      assert.ok(Math.abs(data[i]! * scale - value) <= scale * (0.5 + 1e-4), `${i}`);
    });
    for (const row of [0, 1, 3]) {
      const part = data.subarray(row * columns, (row + 1) * columns);
      assert.equal(Math.max(...part.map(Math.abs)), 127);
    }
  });
});

describe("quantizeBlocks", () => {
  it("makes the largest magnitude of 32 numbers −8 steps and rounds the others to the nearest step there is", () => {
    const values = waves(96);
    values.fill(0, 32, 64);
    const { data, scales } = quantizeBlocks(values);
    assert.deepEqual([data.length, scales.length, scales[1]], [48, 3, 0]);
    values.forEach((value, i) => {
      const scale = scales[Math.floor(i / 32)]!;
      const byte = data[Math.floor(i / 2)]!;
      const found = ((i % 2 === 0 ? byte & 15 : byte >> 4) - 8) * scale;
      // 7 is the last step on the side that is not the largest magnitude's.
      const limit = value * scale > 0 && Math.abs(value) > 7.5 * Math.abs(scale) ? 1 : 0.5;
      assert.ok(Math.abs(found - value) <= Math.abs(scale) * (limit + 1e-4), `${i}`);
    });
  });
});
