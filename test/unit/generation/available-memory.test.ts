import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { availableMemory } from "../../../sidecar/generation/available-memory";

/** What is available where the system's files say this. */
function availableWith(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), "sana-memory-"));
  try {
    for (const [name, text] of Object.entries({
      "proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n",
      ...files,
    })) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return availableMemory(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const SYSTEM = 8000 * 1024;

describe("available memory", { skip: process.platform !== "linux" && "reads Linux's files" }, () => {
  it("is the system's where there is no limit", () => {
    assert.equal(availableWith({}), SYSTEM);
    assert.equal(
      availableWith({
        "proc/self/cgroup": "0::/user.slice\n",
        "sys/fs/cgroup/user.slice/memory.max": "max\n",
        "sys/fs/cgroup/user.slice/memory.current": "5\n",
      }),
      SYSTEM,
    );
  });

  it("is what a control group leaves, its cached files included", () => {
    const group = {
      "proc/self/cgroup": "0::/pod/box\n",
      "sys/fs/cgroup/pod/memory.max": "1000000\n",
      "sys/fs/cgroup/pod/memory.current": "900000\n",
      "sys/fs/cgroup/pod/memory.stat": "anon 400000\ninactive_file 300000\nactive_file 200000\n",
    };
    assert.equal(availableWith(group), 600_000);
    // A container sees its own group's files at the top.
    const inside = {
      "proc/self/cgroup": "0::/\n",
      "sys/fs/cgroup/memory.max": "700\n",
      "sys/fs/cgroup/memory.current": "800\n",
    };
    assert.equal(availableWith(inside), 0);
  });

  it("knows version 1", () => {
    const group = {
      "proc/self/cgroup": "5:cpu:/x\n4:memory:/box\n",
      "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1000000\n",
      "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "900000\n",
      "sys/fs/cgroup/memory/box/memory.stat": "total_inactive_file 50000\n",
    };
    assert.equal(availableWith(group), 150_000);
    assert.equal(
      availableWith({ ...group, "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "9223372036854771712\n" }),
      SYSTEM,
    );
  });

  it("is something on this machine", () => {
    assert.ok(availableMemory() > 0);
  });
});
