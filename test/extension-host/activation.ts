import assert from "node:assert/strict";
import * as vscode from "vscode";
import type { HostTest } from "./host-test";

const EXTENSION_ID = "sana-vscode.sana";

export const activationTests: readonly HostTest[] = [
  {
    name: "the extension is not active before it is used, and activates",
    run: async () => {
      const extension = vscode.extensions.getExtension(EXTENSION_ID);
      assert.ok(extension !== undefined);
      assert.equal(extension.isActive, false);
      await extension.activate();
      assert.equal(extension.isActive, true);
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
