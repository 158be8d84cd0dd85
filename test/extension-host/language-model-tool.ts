import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as vscode from "vscode";
import { assertPng, inWorkspace } from "./documents";
import type { HostTest } from "./host-test";

const TOOL = "sana_generateImage";

export const toolTests: readonly HostTest[] = [
  {
    name: "the language model tool makes a picture and returns path, Markdown and image",
    run: async () => {
      assert.ok(vscode.lm.tools.some(({ name }) => name === TOOL));
      const input = { prompt: "一只红狐 🦊", width: 128, height: 128, steps: 2, seed: 7, path: "图/fox.png" };
      const { content } = await vscode.lm.invokeTool(TOOL, { input, toolInvocationToken: undefined });
      const file = inWorkspace("图", "fox.png");
      assertPng(file);
      const text = content.find((part) => part instanceof vscode.LanguageModelTextPart);
      assert.deepEqual(JSON.parse(text!.value), {
        path: file.fsPath,
        markdown: "![一只红狐 🦊](%E5%9B%BE/fox.png)",
        seed: "7",
        width: 128,
        height: 128,
        steps: 2,
      });
      const image = content.find((part) => part instanceof vscode.LanguageModelDataPart);
      assert.equal(image!.mimeType, "image/png");
      assert.ok(readFileSync(file.fsPath).equals(image!.data));
    },
  },
  {
    name: "the language model tool refuses what leads outside the workspace, and what exists",
    run: async () => {
      for (const path of ["../fox.png", "图/fox.png"]) {
        const input = { prompt: "a red fox", width: 128, height: 128, steps: 1, path };
        await assert.rejects(async () => vscode.lm.invokeTool(TOOL, { input, toolInvocationToken: undefined }), path);
      }
    },
  },
];
