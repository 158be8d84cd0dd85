// How the extension's code is cut, so that activating it costs little. Two esbuild plugins.

/**
 * VS Code's API has some 350 names, and esbuild copies them all, each with a getter, for every file that imports it:
 * twenty milliseconds. Here all files share one copy.
 */
export const vscodeOnce = {
  name: "vscode-once",
  setup(build) {
    build.onResolve({ filter: /^vscode$/ }, ({ kind, namespace }) =>
      kind === "import-statement" && namespace === "file" ? { path: "vscode", namespace: "vscode-once" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "vscode-once" }, () => ({ contents: 'export * from "vscode";' }));
  },
};

/**
 * What the extension imports with `import()` is a bundle of its own in the same folder, read at that moment. A module in
 * two bundles would run twice, and `instanceof` would tell its classes apart: that is an error.
 */
export const ownBundles = {
  name: "own-bundles",
  setup(build) {
    build.initialOptions.metafile = true;
    build.onResolve({ filter: /^\.\/[a-z-]+$/ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: `${path}.cjs`, external: true } : undefined,
    );
    build.onEnd(({ metafile }) => {
      const sources = Object.values(metafile?.outputs ?? {}).flatMap(({ inputs }) => Object.keys(inputs));
      const repeated = sources.filter(
        (path, index) => !path.startsWith("vscode-once:") && sources.indexOf(path) < index,
      );
      return { errors: repeated.map((path) => ({ text: `${path} is in two bundles of the extension` })) };
    });
  },
};
