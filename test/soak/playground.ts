import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { processIds } from "../server/workshop";

/** Where servers of one test write: pictures, temporary files and caches lie apart from everything else. */
export interface Playground {
  readonly pictures: string;
  /** For every process that the test starts: keeps them inside, and marks them. */
  readonly env: Readonly<Record<string, string>>;
  /** Every living process that carries the mark, whoever its parent is by now. */
  readonly processes: () => number[];
  /** Resident memory of all of them, in bytes. */
  readonly residentBytes: () => number;
  /** Fails unless there is nothing but sound pictures of these names, and caches that are complete. */
  readonly assertOnly: (names: readonly string[], context: string) => void;
  /** Removes all pictures. */
  readonly clear: () => void;
}

const MARK = "SANA_SOAK";

export async function withPlayground<Result>(use: (playground: Playground) => Promise<Result>): Promise<Result> {
  const root = mkdtempSync(join(tmpdir(), "sana-soak-"));
  const [pictures, temporary, cache] = ["pictures", "tmp", "cache"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [pictures, temporary, cache]) mkdirSync(folder);
  const mark = randomUUID();
  const processes = (): number[] => processIds().filter((id) => isMarked(id, mark));
  try {
    return await use({
      pictures,
      env: { [MARK]: mark, TMPDIR: temporary, XDG_CACHE_HOME: cache },
      processes,
      residentBytes: () => processes().reduce((sum, id) => sum + residentBytesOf(id), 0),
      assertOnly: (names, context) => {
        assert.deepEqual(readdirSync(pictures).sort(), [...names].sort(), context);
        for (const name of names) PNG.sync.read(readFileSync(join(pictures, name)));
        assert.deepEqual(readdirSync(temporary), [], context);
        const kept = readdirSync(cache, { recursive: true }).map(String);
        assert.deepEqual(
          kept.filter((name) => name.includes("tmp")),
          [],
          context,
        );
      },
      clear: () => {
        for (const name of readdirSync(pictures)) rmSync(join(pictures, name));
      },
    });
  } finally {
    for (const id of processes()) process.kill(id, "SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
}

/** A process that has ended and waits for its parent to notice shows no environment any more. */
function isMarked(id: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${id}/environ`, "latin1").split("\0").includes(`${MARK}=${mark}`);
  } catch {
    return false;
  }
}

function residentBytesOf(id: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
