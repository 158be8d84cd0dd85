import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import * as vscode from "vscode";
import {
  EstimateRequest,
  ModelsRequest,
  type EstimateParams,
  type EstimateResult,
  type GenerateResult,
  type ModelsResult,
} from "../../sidecar/protocol";
import type { BaseServices } from "../services";
import { liveMode, modelFolders, pictureSettings, setLiveMode } from "../settings";
import { errorText } from "../sidecar/error-text";
import { LivePicture } from "./live-picture";
import { modelChoices } from "./model-choices";
import { PanelJobs, type JobSurroundings, type PendingJob } from "./panel-jobs";
import {
  EMPTY_FORM,
  Form,
  parseMessage,
  USUAL_MODEL,
  withModel,
  type HostMessage,
  type Job,
  type PageMessage,
} from "./panel-messages";
import { doPictureAction } from "./picture-actions";
import { PictureLibrary, type StoredPicture } from "./picture-library";
import { PromptHistory } from "./prompt-history";
import { styleLabels } from "./style-labels";
import { throttle } from "./throttle";

const FORM_KEY = "panel.form";
const PENDING_KEY = "panel.pending";
const PROMPTS_KEY = "panel.prompts";
/** Pictures in the strip; older ones stay in the folder. */
const MAX_PICTURES = 200;
/** Eyes and screen readers gain nothing from more often. */
const JOBS_INTERVAL_MS = 100;
const PREVIEW_INTERVAL_MS = 150;
const ESTIMATE_DELAY_MS = 400;
/** A start image is shown from its bytes when it is smaller than this. */
const MAX_THUMBNAIL_BYTES = 8 * 2 ** 20;

type ModelsMessage = Extract<HostMessage, { type: "models" }>;
const loadingModels: ModelsMessage = { type: "models", state: "loading", models: [], unusable: [], error: null };

/** The page that is open, if one is. */
interface Page {
  post(message: HostMessage): void;
  /** Where the page can load a file from. */
  srcOf(path: string): string;
}

/** What the panel knows and does, for as long as the window lives, whether its page is open or not. */
export class PanelSession {
  private readonly jobs: PanelJobs;
  private readonly live: LivePicture;
  private readonly library: PictureLibrary;
  private readonly history: PromptHistory;
  private pictures: StoredPicture[] = [];
  private page: Page | undefined;
  private pageIsReady = false;
  private form: Form;
  /** VS Code saves the state of a page now and then: after a reload of the window it may be older than the form here. */
  private pageMayBeBehind: boolean;
  private waitingEdit: Partial<Form> | undefined;
  private models: ModelsMessage = loadingModels;
  private modelsWanted = true;
  private estimateTimer: NodeJS.Timeout | undefined;
  private estimateNumber = 0;
  private prepared: Promise<void> = Promise.resolve();
  private readonly newPreviews = new Map<string, string>();

  private readonly postJobs = throttle(() => {
    this.post({ type: "jobs", jobs: [...this.jobs.all] });
  }, JOBS_INTERVAL_MS);

  private readonly postPreviews = throttle(() => {
    for (const [job, png] of this.newPreviews) this.post({ type: "preview", job, png });
    this.newPreviews.clear();
  }, PREVIEW_INTERVAL_MS);

  constructor(private readonly services: BaseServices) {
    const { context } = services;
    const storage = context.storageUri ?? context.globalStorageUri;
    this.library = new PictureLibrary(vscode.Uri.joinPath(storage, "pictures").fsPath);
    this.history = new PromptHistory(context.workspaceState.get(PROMPTS_KEY), (prompts) => {
      void context.workspaceState.update(PROMPTS_KEY, prompts);
    });
    const kept = parseMessage(Form, context.workspaceState.get(FORM_KEY));
    this.form = kept === null ? EMPTY_FORM : withModel(kept, settingsModel());
    this.pageMayBeBehind = kept !== null;
    this.jobs = new PanelJobs({
      make: async (params, listeners, signal) => {
        await this.prepare();
        return this.make(params, listeners, signal);
      },
      newId: () => this.library.newId(),
      pathOf: (id) => this.library.pathOf(id),
      describe: errorText,
      changed: () => {
        this.postJobs();
      },
      preview: (id, png) => {
        this.newPreviews.set(id, png);
        this.postPreviews();
      },
      finished: (job, result) => this.keep(job, result),
      remember: (pending) => {
        void context.workspaceState.update(PENDING_KEY, pending);
      },
    });
    this.live = new LivePicture({
      make: (params, listeners, signal) => this.make(params, listeners, signal),
      show: (png, finished) => {
        this.post({ type: "live", png, finished });
      },
      failed: (error) => {
        this.post({ type: "liveFailed", error: errorText(error) });
      },
    });
    context.subscriptions.push(
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("sana.livePreview")) this.post({ type: "liveMode", mode: liveMode() });
        if (!["sana.modelPath", "sana.modelFolders"].some((name) => change.affectsConfiguration(name))) return;
        // Asked for when the page is there to show them.
        if (this.pageIsReady) void this.loadModels();
        else this.modelsWanted = true;
      }),
    );
    const interrupted = vscode.l10n.t("The window was closed or reloaded before the picture was finished.");
    this.jobs.restore(rememberedJobs(context.workspaceState.get(PENDING_KEY)), interrupted);
  }

  /** Where the pictures are. */
  get folder(): string {
    return this.library.folder;
  }

  /** The picture of that ID, if it is in the strip, and its file. */
  find(id: string): { picture: StoredPicture; file: vscode.Uri } | undefined {
    const picture = this.pictures.find((candidate) => candidate.id === id);
    return picture && { picture, file: vscode.Uri.file(this.library.pathOf(id)) };
  }

  attach(page: Page): void {
    this.page = page;
    this.pageIsReady = false;
  }

  detach(): void {
    this.live.stop();
    this.page = undefined;
    this.pageIsReady = false;
  }

  /** Sets fields of the form and puts the focus into the prompt, as soon as there is a page. */
  edit(edit: Partial<Form>): void {
    this.waitingEdit = { ...this.waitingEdit, ...edit };
    if (this.pageIsReady) this.postEdit();
  }

  async handle(message: PageMessage): Promise<void> {
    switch (message.type) {
      case "ready":
        return this.begin(message.form);
      case "formChanged":
        return this.changeForm(message.form);
      case "generate":
        this.live.stop();
        this.history.add(message.form.prompt);
        this.jobs.submit(message.form);
        return;
      case "followForm":
        // Pictures that were asked for come first.
        if (!this.jobs.areBusy) await this.live.follow(message.form);
        return;
      case "setLive":
        this.live.stop();
        return setLiveMode(message.live ? "on" : "off");
      case "cancel":
        for (const id of message.jobs) this.jobs.cancel(id);
        return;
      case "retry":
        this.jobs.retry(message.job);
        return;
      case "dismiss":
        this.jobs.dismiss(message.job);
        return;
      case "picture":
        return this.actOn(message);
      case "chooseEarlierPrompt":
        return this.chooseEarlierPrompt();
      case "chooseStartImage":
        return this.chooseStartImage();
      case "loadModels":
        return this.loadModels();
      case "showLog":
        this.services.log.show();
        return;
    }
  }

  private make(
    params: Parameters<JobSurroundings["make"]>[0],
    { onProgress, onPreview }: Parameters<JobSurroundings["make"]>[1],
    signal: AbortSignal,
  ): Promise<GenerateResult> {
    const cancellation = new vscode.CancellationTokenSource();
    const cancel = (): void => {
      cancellation.cancel();
    };
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    const listeners = {
      onProgress,
      onPreview: ({ png }: { png: string }) => {
        onPreview(png);
      },
    };
    return this.services.generator.generate(params, listeners, cancellation.token);
  }

  private async begin(ofPage: Form | null): Promise<void> {
    // A page that remembers no model is one from before there were two.
    const remembered = this.pageMayBeBehind || ofPage?.model === null ? null : ofPage;
    this.pageMayBeBehind = false;
    this.pictures = await this.library.list(MAX_PICTURES);
    this.pageIsReady = true;
    this.post({
      type: "init",
      form: remembered === null ? this.form : null,
      styles: styleLabels(),
      liveMode: liveMode(),
      jobs: [...this.jobs.all],
      pictures: this.pictures.map((picture) => this.toPage(picture)),
    });
    for (const { id } of this.jobs.all) {
      const png = this.jobs.previewOf(id);
      if (png !== undefined) this.post({ type: "preview", job: id, png });
    }
    this.post(this.models);
    if (this.waitingEdit !== undefined) this.postEdit();
    await this.changeForm(remembered ?? this.form, true);
    if (this.modelsWanted) await this.loadModels();
  }

  private async changeForm(form: Form, first = false): Promise<void> {
    const before = this.form.startImage?.path;
    this.form = form;
    void this.services.context.workspaceState.update(FORM_KEY, form);
    this.estimateSoon();
    const path = form.startImage?.path;
    if (path !== undefined && (first || path !== before)) {
      this.post({ type: "thumbnail", path, src: await thumbnail(path) });
    }
  }

  private async loadModels(): Promise<void> {
    this.modelsWanted = false;
    this.models = loadingModels;
    this.post(this.models);
    try {
      const result = await this.services.sidecar.request<ModelsResult>(ModelsRequest.method, {
        folders: modelFolders(),
      });
      this.models = {
        type: "models",
        state: "ready",
        ...modelChoices(result, settingsModel()),
        error: null,
      };
    } catch (error) {
      this.models = { ...loadingModels, state: "failed", error: errorText(error) };
    }
    this.post(this.models);
    this.estimateSoon();
  }

  /** Once the form has been left alone for a moment, and never as a reason to start the sidecar. */
  private estimateSoon(): void {
    clearTimeout(this.estimateTimer);
    this.estimateTimer = setTimeout(() => {
      void this.estimate();
    }, ESTIMATE_DELAY_MS);
  }

  private async estimate(): Promise<void> {
    if (!this.pageIsReady || !this.services.sidecar.isRunning) return;
    const number = ++this.estimateNumber;
    const { model, width, height, steps, guidanceScale, startImage } = this.form;
    const image = startImage && { path: startImage.path, strength: startImage.strength };
    const { provider, precision } = pictureSettings();
    const computation = { provider, precision, model: model === USUAL_MODEL ? settingsModel() : model };
    const params: EstimateParams = { ...computation, width, height, steps, guidanceScale, image };
    const estimate = await this.services.sidecar.request<EstimateResult>(EstimateRequest.method, params).then(
      ({ neededBytes, freeBytes, fits, seconds }) => ({ neededBytes, freeBytes, fits, seconds }),
      () => null,
    );
    if (number === this.estimateNumber) this.post({ type: "estimate", estimate });
  }

  private async keep({ id, form }: Job, result: GenerateResult): Promise<void> {
    const { width, height, steps, guidanceScale, seed } = result;
    const picture: StoredPicture = {
      id,
      form: {
        ...form,
        model: form.model === USUAL_MODEL ? (settingsModel() ?? "fast") : form.model,
        width,
        height,
        steps,
        guidanceScale,
        seed,
        seedLocked: true,
      },
      modelName: result.model,
      seconds: result.timings["total"] ?? 0,
      notices: result.notices.filter(({ kind }) => kind !== "provider-choice").map(({ message }) => message),
    };
    await this.library.add(picture);
    this.pictures = [picture, ...this.pictures].slice(0, MAX_PICTURES);
    this.postPictures();
    this.estimateSoon();
  }

  private async actOn({ id, action }: Extract<PageMessage, { type: "picture" }>): Promise<void> {
    const found = this.find(id);
    if (found === undefined) return;
    try {
      const message = await doPictureAction(this.services, action, found);
      if (action === "delete" && message !== null) {
        await this.library.forget(id);
        this.pictures = this.pictures.filter((candidate) => candidate.id !== id);
        this.postPictures();
      }
      if (message !== null) this.post({ type: "notice", severity: "info", message });
    } catch (error) {
      this.post({ type: "notice", severity: "error", message: errorText(error) });
    }
  }

  private async chooseEarlierPrompt(): Promise<void> {
    const title = vscode.l10n.t("Earlier prompts");
    const placeHolder = vscode.l10n.t("Nothing has been asked for in this workspace yet");
    const prompts = this.history.all;
    const prompt = await vscode.window.showQuickPick(prompts, prompts.length > 0 ? { title } : { title, placeHolder });
    if (prompt !== undefined) this.edit({ prompt });
  }

  private async chooseStartImage(): Promise<void> {
    const [file] =
      (await vscode.window.showOpenDialog({
        filters: { [vscode.l10n.t("PNG pictures")]: ["png"] },
        openLabel: vscode.l10n.t("Start from This Picture"),
      })) ?? [];
    if (file === undefined) return;
    this.edit({ startImage: { path: file.fsPath, name: basename(file.fsPath), strength: null } });
  }

  /** One after the other, so that the pictures of a batch are asked for in their order. */
  private prepare(): Promise<void> {
    this.prepared = this.prepared.catch(() => undefined).then(() => this.library.prepare());
    return this.prepared;
  }

  private postEdit(): void {
    this.post({ type: "edit", form: this.waitingEdit ?? {} });
    this.waitingEdit = undefined;
  }

  private postPictures(): void {
    this.post({ type: "pictures", pictures: this.pictures.map((picture) => this.toPage(picture)) });
  }

  private toPage({ id, form, modelName, seconds, notices }: StoredPicture) {
    const path = this.library.pathOf(id);
    return {
      id,
      src: this.page!.srcOf(path),
      path,
      form,
      modelName,
      seconds,
      notices,
    };
  }

  private post(message: HostMessage): void {
    if (this.pageIsReady) this.page?.post(message);
  }
}

/** What the settings name; null where they leave it to the extension. */
function settingsModel(): string | null {
  return pictureSettings().model ?? null;
}

function rememberedJobs(stored: unknown): PendingJob[] {
  if (!Array.isArray(stored)) return [];
  return stored.flatMap((entry: unknown) => {
    const { id, form } = entry as Partial<Record<keyof PendingJob, unknown>>;
    const parsed = parseMessage(Form, form);
    return typeof id === "string" && parsed !== null ? [{ id, form: withModel(parsed, settingsModel()) }] : [];
  });
}

/** A file that may lie anywhere, as a data: address, because the page can only load from its own folders. */
async function thumbnail(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).size > MAX_THUMBNAIL_BYTES) return null;
    return `data:image/png;base64,${(await readFile(path)).toString("base64")}`;
  } catch {
    return null;
  }
}
