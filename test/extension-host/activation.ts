import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { isAbsolute, join, relative } from "node:path";
import * as vscode from "vscode";
import type { HostTest } from "./host-test";

const EXTENSION_ID = "sana-vscode.sana";

export const activationTests: readonly HostTest[] = [
  {
    name: "the extension is not active before it is used, and activates with no more than the start of its code",
    run: async () => {
      const extension = vscode.extensions.getExtension(EXTENSION_ID);
      assert.ok(extension !== undefined);
      assert.equal(extension.isActive, false);
      await extension.activate();
      assert.equal(extension.isActive, true);
      const loaded = Object.keys(createRequire(__filename).cache).map((path) =>
        relative(extension.extensionPath, path),
      );
      assert.deepEqual(
        loaded.filter((path) => !path.startsWith("..") && !isAbsolute(path)),
        [join("dist", "extension.cjs")],
      );
    },
  },
  {
    name: "every command of the manifest is registered",
    run: async () => {
      const manifest = vscode.extensions.getExtension(EXTENSION_ID)!.packageJSON as {
        contributes: { commands: { command: string }[] };
      };
      const registered = new Set(await vscode.commands.getCommands(true));
      const missing = manifest.contributes.commands.filter(({ command }) => !registered.has(command));
      assert.deepEqual(missing, []);
    },
  },
];
