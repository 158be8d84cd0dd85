import { appendFileSync } from "node:fs";
import { activationTests } from "./activation";
import { documentTests } from "./documents";
import type { HostTestResult } from "./host-test";
import { toolTests } from "./language-model-tool";

/**
 * `extensionTestsPath` calls this in the extension host, of a desktop VS Code and of the server in the browser alike. The
 * tests share a window and run one after the other, in this order.
 */
export async function run(): Promise<void> {
  let failed = 0;
  for (const { name, run: test } of [...activationTests, ...documentTests, ...toolTests]) {
    const error = await test().then(
      () => null,
      (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
    );
    if (error !== null) failed += 1;
    console.log(error === null ? `ok: ${name}` : `not ok: ${name}\n${error}`);
    const result: HostTestResult = { name, error };
    appendFileSync(process.env["SANA_SUITE_RESULTS"]!, `${JSON.stringify(result)}\n`);
  }
  if (failed > 0) throw new Error(`${failed} tests failed`);
}
