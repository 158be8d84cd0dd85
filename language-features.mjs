// The language server of sana.assets.json offers diagnostics, hovers, code lenses and code actions. The client library
// brings every feature of the protocol; those that are not offered are a third of the extension's bundle, so an esbuild
// plugin puts a feature in their place that announces nothing and does nothing.

const UNUSED = [
  "callHierarchy",
  "colorProvider",
  "completion",
  "declaration",
  "definition",
  "diagnostic", // those that the client asks for; those that the server sends need no feature
  "documentHighlight",
  "documentLink",
  "documentSymbol",
  "fileOperations",
  "foldingRange",
  "formatting",
  "implementation",
  "inlayHint",
  "inlineCompletion",
  "inlineValue",
  "linkedEditingRange",
  "notebook",
  "reference",
  "rename",
  "selectionRange",
  "semanticTokens",
  "signatureHelp",
  "textDocumentContent",
  "typeDefinition",
  "typeHierarchy",
  "workspaceSymbol",
];

const INERT = `
class Unused {
  fillClientCapabilities() {}
  initialize() {}
  getState() { return { kind: "static" }; }
  clear() {}
}
module.exports = new Proxy({}, { get: () => Unused });
`;

/** An esbuild plugin. */
export const leaveOutUnusedLanguageFeatures = {
  name: "leave-out-unused-language-features",
  setup(build) {
    const filter = new RegExp(
      `[\\\\/]vscode-languageclient[\\\\/]lib[\\\\/]common[\\\\/](?:${UNUSED.join("|")})\\.js$`,
    );
    build.onLoad({ filter }, () => ({ contents: INERT, loader: "js" }));
  },
};
