/** The layer rules of ARCHITECTURE.md, checked by `npm run layers`. */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "only-runtime-knows-onnxruntime",
      severity: "error",
      from: { pathNot: "^(sidecar/runtime/|test/)" },
      to: { path: "onnxruntime-node" },
    },
    {
      name: "pure-rooms-touch-nothing",
      comment: "schedulers, graphs, models, tensors and prompt rules are pure: no files, no network, no runtime",
      severity: "error",
      from: { path: "^sidecar/(onnx|models|scheduler|tensor)/" },
      to: { path: "^(node:)?(fs|fs/promises|net|http|https|child_process|worker_threads)$" },
    },
    {
      name: "onnx-and-models-look-down-only",
      severity: "error",
      from: { path: "^sidecar/(onnx|models)/" },
      to: { path: "^sidecar/(?!onnx/|models/|checkpoint/configs|checkpoint/weights|errors|tensor/)" },
    },
    {
      name: "scheduler-stands-alone",
      severity: "error",
      from: { path: "^sidecar/scheduler/" },
      to: { path: "^sidecar/(?!scheduler/|errors|checkpoint/configs|tensor/)" },
    },
    {
      name: "runtime-does-not-know-the-pipeline",
      severity: "error",
      from: { path: "^sidecar/runtime/" },
      to: { path: "^sidecar/(pipeline|cli|generation|server|worker|image|tokenizer|scheduler)/" },
    },
    {
      name: "pipeline-does-not-know-its-callers",
      severity: "error",
      from: { path: "^sidecar/pipeline/" },
      to: { path: "^sidecar/(cli|generation|server|worker)/" },
    },
    {
      name: "generation-does-not-know-who-asks",
      severity: "error",
      from: { path: "^sidecar/generation/" },
      to: { path: "^sidecar/(cli|server|worker)/" },
    },
    {
      name: "checkpoint-is-a-leaf",
      severity: "error",
      from: { path: "^sidecar/checkpoint/" },
      to: { path: "^sidecar/(?!checkpoint/|errors|files/|tensor/)" },
    },
    {
      name: "server-does-not-compute",
      comment: "what computes blocks its thread, so the server reaches it through the worker's process only",
      severity: "error",
      from: { path: "^sidecar/server/" },
      to: {
        path: "^sidecar/(cli|runtime|generation/(run|open-model)|worker/(?!messages|worker-process))",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "worker-does-not-know-the-server",
      severity: "error",
      from: { path: "^sidecar/worker/" },
      to: { path: "^sidecar/(cli|server)/" },
    },
    {
      name: "protocol-stands-alone",
      comment: "clients import it: schemas, types and constants, nothing of the server",
      severity: "error",
      from: { path: "^sidecar/protocol" },
      to: { pathNot: "^(sidecar/errors|node_modules/valibot/)" },
    },
    {
      name: "only-the-extension-knows-vscode",
      severity: "error",
      from: { pathNot: "^(extension|test)/" },
      to: { path: "^(vscode$|vscode-languageclient)" },
    },
    {
      name: "the-protocol-is-all-that-is-shared",
      comment: "extension and webview see the sidecar only through sidecar/protocol.ts, and what agents may ask for",
      severity: "error",
      from: { path: "^(extension|webview)/" },
      to: { path: "^sidecar/(?!protocol\\.ts|agents/(tool-input|picture-link)\\.ts)" },
    },
    {
      name: "webview-and-sidecar-do-not-know-the-extension",
      severity: "error",
      from: { path: "^(sidecar|webview)/" },
      to: { path: "^extension/(?!panel/panel-messages\\.ts)" },
    },
    {
      name: "product-does-not-import-tests",
      severity: "error",
      from: { path: "^(sidecar|extension|webview)/" },
      to: { path: "^test/" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  },
};
