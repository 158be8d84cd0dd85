import { basename, dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as v from "valibot";
import {
  CodeLensRefreshRequest,
  DidChangeWatchedFilesNotification,
  TextDocuments,
  TextDocumentSyncKind,
  type CodeLens,
  type Connection,
  type Diagnostic,
  type Hover,
  type InitializeParams,
  type ServerCapabilities,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { FileHashes } from "../assets/file-hash";
import { readLock } from "../assets/lock-file";
import { parseManifest, readManifestText } from "../assets/manifest";
import { planAssets, type PlanContext } from "../assets/plan";
import { SanaError } from "../errors";
import { modelFolder } from "../generation/bundled-models";
import { AssetsSettingsNotification, MANIFEST_NAME, type AssetsLabels, type AssetsSettings } from "../protocol";
import { originOf, type Log } from "../server/log";
import { onRequest, parseParams } from "../server/requests";
import { AssetModels } from "./asset-models";
import { codeLensesOf } from "./code-lenses";
import { diagnosticsOf } from "./diagnostics";
import { hoverAt } from "./hover";
import type { ManifestView } from "./manifest-view";

/** After the last change of the text or of a file: a plan reads the disk. */
const DELAY_MS = 250;
/** What is wrong with the text itself is said after this time, where the plan takes longer: weights are being hashed. */
const SLOW_PLAN_MS = 500;

/** What may change what a manifest's pictures are compared with. */
const WATCHED = [`**/${MANIFEST_NAME}`, "**/sana.assets.lock.json", "**/*.{png,webp,jpg,jpeg}"];

/** A manifest that is open in an editor, or was checked or built. */
interface Tracked {
  view: ManifestView | undefined;
  failures: ReadonlyMap<string, string>;
  timer: NodeJS.Timeout | undefined;
  /** Raised with each look at it; an older look than the last one does not count. */
  look: number;
}

const uinteger = v.pipe(v.number("must be a number"), v.safeInteger("must be a whole number"), v.minValue(0));
const InDocument = v.object({ textDocument: v.object({ uri: v.string("must be a text") }) });
const AtPosition = v.object({ ...InDocument.entries, position: v.object({ line: uinteger, character: uinteger }) });
const CodeLensesRequest = {
  method: "textDocument/codeLens",
  params: InDocument,
  result: v.custom<CodeLens[]>(Array.isArray),
} as const;
const HoverRequest = {
  method: "textDocument/hover",
  params: AtPosition,
  result: v.custom<Hover | null>(() => true),
} as const;

/** The language server of sana.assets.json: diagnostics, code lenses and hovers, which follow the text and the disk. */
export class ManifestLanguage {
  readonly capabilities: ServerCapabilities = {
    textDocumentSync: TextDocumentSyncKind.Incremental,
    codeLensProvider: {},
    hoverProvider: true,
  };
  private readonly documents = new TextDocuments(TextDocument);
  private readonly models = new AssetModels();
  private readonly hashes: FileHashes = new Map();
  /** By the manifest's absolute path. */
  private readonly tracked = new Map<string, Tracked>();
  private settings: AssetsSettings = { trusted: false, model: null };
  private client: { labels: AssetsLabels; watches: boolean; refreshesLenses: boolean } | undefined;
  private isWatching = false;

  constructor(
    private readonly connection: Connection,
    private readonly options: { ownModel: string; log: Log },
  ) {
    const { documents } = this;
    documents.listen(connection);
    documents.onDidChangeContent(({ document }) => {
      const file = manifestAt(document.uri);
      if (file === undefined) return;
      const tracked = this.track(file);
      // What a build could not make may be what was edited. A file that was just opened is as it was built.
      if (tracked.view?.document === document) tracked.failures = new Map();
      this.lookSoon(file);
      this.watch();
    });
    documents.onDidClose(({ document }) => {
      const file = manifestAt(document.uri);
      if (file !== undefined) this.forget(file, document.uri);
    });
    connection.onDidChangeWatchedFiles(() => {
      this.lookAtAllSoon();
    });
    connection.onNotification(AssetsSettingsNotification.method, (params: unknown) => {
      this.settings = parseParams(AssetsSettingsNotification.params, params);
      this.lookAtAllSoon();
    });
    const { log } = options;
    onRequest(connection, CodeLensesRequest, {
      log,
      answer: ({ textDocument }) => {
        const view = this.currentView(textDocument.uri);
        return Promise.resolve(view && this.client ? codeLensesOf(view, this.client.labels) : []);
      },
    });
    onRequest(connection, HoverRequest, {
      log,
      answer: ({ textDocument, position }) => {
        const view = this.currentView(textDocument.uri);
        return Promise.resolve(view && this.client ? hoverAt(view, position, this.client.labels) : null);
      },
    });
  }

  /** To be called with what the client says in `initialize`. */
  initialize({ capabilities: { workspace } }: InitializeParams, labels: AssetsLabels): void {
    const watches = workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    this.client = { labels, watches, refreshesLenses: workspace?.codeLens?.refreshSupport === true };
  }

  /** How plans are made for a manifest, from what was found out for earlier ones. */
  contextOf(file: string, { trusted, model }: AssetsSettings, signal?: AbortSignal): PlanContext {
    return {
      folder: dirname(file),
      defaultModel: modelFolder(model ?? this.options.ownModel),
      openModel: (folder) => this.models.open(folder, signal),
      trusted,
      hashes: this.hashes,
    };
  }

  /** Says what is wrong with a manifest after a build or a check, whether it is open or not. */
  async report(file: string, failures: ReadonlyMap<string, string>): Promise<void> {
    const path = resolve(file);
    this.track(path).failures = failures;
    this.watch();
    await this.look(path);
  }

  private track(file: string): Tracked {
    const tracked = this.tracked.get(file) ?? { view: undefined, failures: new Map(), timer: undefined, look: 0 };
    this.tracked.set(file, tracked);
    return tracked;
  }

  private forget(file: string, uri: string): void {
    const tracked = this.tracked.get(file);
    if (tracked === undefined) return;
    clearTimeout(tracked.timer);
    tracked.look += 1;
    this.tracked.delete(file);
    this.send(uri, []);
  }

  /** A client that has gone away is found out by other means. */
  private send(uri: string, diagnostics: Diagnostic[]): void {
    this.connection.sendDiagnostics({ uri, diagnostics }).catch(() => undefined);
  }

  private lookAtAllSoon(): void {
    for (const file of this.tracked.keys()) this.lookSoon(file);
  }

  private lookSoon(file: string): void {
    const tracked = this.track(file);
    clearTimeout(tracked.timer);
    // What is being looked at is not what there is any more.
    tracked.look += 1;
    tracked.timer = setTimeout(() => {
      this.look(file).catch((error: unknown) => {
        this.options.log("error", `looking at a ${MANIFEST_NAME} failed: ${originOf(error)}`);
      });
    }, DELAY_MS);
    tracked.timer.unref();
  }

  /** Compares a manifest with the disk and publishes what is wrong. */
  private async look(file: string): Promise<void> {
    const tracked = this.track(file);
    tracked.look += 1;
    const { look } = tracked;
    const isLast = (): boolean => tracked.look === look && this.tracked.get(file) === tracked;
    const document = this.openDocument(file) ?? (await documentOnDisk(file));
    if (!isLast()) return;
    if (document === undefined) {
      this.forget(file, pathToFileURL(file).href);
      return;
    }
    const view = viewOf(document, file, tracked);
    const { manifest } = view;
    const slow = setTimeout(() => {
      if (isLast()) this.publish(tracked, view);
    }, SLOW_PLAN_MS);
    try {
      const context = this.contextOf(file, this.settings);
      const plan = await planAssets(manifest.assets, await readLock(context.folder), context);
      if (isLast()) this.publish(tracked, { ...view, plan });
    } catch (error) {
      if (!(error instanceof SanaError)) throw error;
      if (isLast()) this.publish(tracked, { ...view, obstacle: error.message });
    } finally {
      clearTimeout(slow);
    }
  }

  private publish(tracked: Tracked, view: ManifestView): void {
    if (this.client === undefined) return;
    tracked.view = view;
    this.send(view.document.uri, diagnosticsOf(view, this.client.labels));
    if (!this.client.refreshesLenses) return;
    this.connection.sendRequest(CodeLensRefreshRequest.type).catch(() => undefined);
  }

  private openDocument(file: string): TextDocument | undefined {
    return this.documents.all().find(({ uri }) => manifestAt(uri) === file);
  }

  /** What is known of the text as it is now. Until it has been compared with the disk, what was known before goes on. */
  private currentView(uri: string): ManifestView | undefined {
    const document = this.documents.get(uri);
    const file = document && manifestAt(uri);
    if (document === undefined || file === undefined) return undefined;
    const tracked = this.track(file);
    if (tracked.view?.version === document.version) return tracked.view;
    return { ...viewOf(document, file, tracked), plan: tracked.view?.plan ?? null };
  }

  /** Has the client tell of files that change, from the first manifest on. */
  private watch(): void {
    if (this.isWatching || this.client?.watches !== true) return;
    this.isWatching = true;
    const watchers = WATCHED.map((globPattern) => ({ globPattern }));
    this.connection.client.register(DidChangeWatchedFilesNotification.type, { watchers }).catch(() => undefined);
  }
}

function viewOf(document: TextDocument, file: string, { failures }: Tracked): ManifestView {
  const manifest = parseManifest(document.getText());
  const { version } = document;
  return { document, version, folder: dirname(file), manifest, plan: null, obstacle: null, failures };
}

/** The absolute path of the manifest that a URI names; undefined where it names something else. */
function manifestAt(uri: string): string | undefined {
  try {
    const path = resolve(fileURLToPath(uri));
    return basename(path) === MANIFEST_NAME ? path : undefined;
  } catch {
    return undefined;
  }
}

async function documentOnDisk(file: string): Promise<TextDocument | undefined> {
  try {
    // No editor has seen it, so it has no version.
    return TextDocument.create(pathToFileURL(file).href, "jsonc", -1, await readManifestText(file));
  } catch (error) {
    if (error instanceof SanaError) return undefined;
    throw error;
  }
}
