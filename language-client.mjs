import { readFileSync } from "node:fs";

// What of vscode-languageclient goes into the extension's bundle: a little more than half. All of it is more than the
// extension may weigh. The client library's version is pinned; what is replaced here has to be looked at with a new one.

/**
 * Features of the protocol that the language server of sana.assets.json does not offer; it has diagnostics, hovers, code
 * lenses and code actions. One that announces nothing and does nothing takes their place.
 */
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

const INERT_FEATURE = `
class Unused {
  fillClientCapabilities() {}
  initialize() {}
  getState() { return { kind: "static" }; }
  clear() {}
}
module.exports = new Proxy({}, { get: () => Unused });
`;

/** The library asks for VS Code 1.91 or newer; engines.vscode in package.json asks for more. */
const EVERY_VERSION = "module.exports = () => ({ prerelease: [] });";

/** What TypeScript repeats at the head of each file, once for all of them. */
const HELPERS = `
exports.__importStar = exports.__importDefault = (module) => module?.__esModule ? module : { ...module, default: module };
exports.__exportStar = (module, exports) => {
  for (const name of Object.keys(module)) {
    if (name === "default" || Object.hasOwn(exports, name)) continue;
    Object.defineProperty(exports, name, { enumerable: true, get: () => module[name] });
  }
};
`;
const HELPERS_MODULE = "typescript-helpers";
const HELPER =
  /^var __(?:createBinding|setModuleDefault|importStar|exportStar|importDefault) = \(this && [\s\S]*?^\}(?:\)\))?(?:\)\(\))?;$/gm;

/** An esbuild plugin. */
export const smallLanguageClient = {
  name: "small-language-client",
  setup(build) {
    const library = "[\\\\/](?:vscode-languageclient|vscode-languageserver-protocol|vscode-jsonrpc)[\\\\/]lib[\\\\/]";
    const unused = new RegExp(`[\\\\/]common[\\\\/](?:${UNUSED.join("|")})\\.js$`);
    build.onLoad({ filter: new RegExp(`${library}.*\\.js$`) }, ({ path }) => {
      if (path.includes("vscode-languageclient") && unused.test(path)) return { contents: INERT_FEATURE };
      const text = readFileSync(path, "utf8").replaceAll(HELPER, "");
      const helpers = `const { __importStar, __exportStar, __importDefault } = require("${HELPERS_MODULE}");\n`;
      return { contents: helpers + text };
    });
    build.onLoad({ filter: /[\\/]semver[\\/]functions[\\/](?:parse|satisfies)\.js$/ }, () => ({
      contents: EVERY_VERSION,
    }));
    build.onResolve({ filter: new RegExp(`^${HELPERS_MODULE}$`) }, () => ({
      path: HELPERS_MODULE,
      namespace: "virtual",
    }));
    build.onLoad({ filter: /.*/, namespace: "virtual" }, () => ({ contents: HELPERS }));
  },
};
