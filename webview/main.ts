import {
  Form,
  HostMessage,
  parseMessage,
  PICTURE_MIME,
  type PageMessage,
  type Picture,
} from "../extension/panel/panel-messages";
import { watchBattery } from "./battery";
import { element, setText } from "./dom";
import { createFormView } from "./form-view";
import { l10n } from "./l10n";
import { liveForm } from "./live";
import { createNoticeView } from "./notice-view";
import { announcement } from "./progress-texts";
import { drawSeed, variationsOf } from "./reuse";
import { createStageView } from "./stage-view";
import { chosenModel, formFor, INITIAL_STATE, isJob, isPending, reduce, type Action, type State } from "./state";
import { sizeOf, sizeProblem } from "./sizes";
import { createStripView } from "./strip-view";
import { createTypingPause } from "./typing-pause";

declare function acquireVsCodeApi(): {
  postMessage(message: PageMessage): void;
  getState(): unknown;
  setState(state: unknown): void;
};

// Keeping and pricing what is typed can wait until the hand rests.
const FORM_DELAY_MS = 200;

const texts = JSON.parse(document.getElementById("texts")!.textContent) as Record<string, string>;
l10n.load(texts, document.documentElement.lang);
const vscode = acquireVsCodeApi();
const remembered = parseMessage(Form, vscode.getState());
let state: State = remembered === null ? INITIAL_STATE : { ...INITIAL_STATE, form: remembered };
let formTimer: number | undefined;
let frame: number | undefined;
/** The form that the live picture was last asked for with. */
let followed = "";
const typing = createTypingPause(followForm);

const form = createFormView({
  change: changeForm,
  generate,
  setLive: (live) => {
    dispatch({ type: "liveMode", mode: live ? "on" : "off" });
    send({ type: "setLive", live });
    followed = "";
    typing.changed();
  },
  chooseEarlierPrompt: () => {
    send({ type: "chooseEarlierPrompt" });
  },
  chooseStartImage: () => {
    send({ type: "chooseStartImage" });
  },
  loadModels: () => {
    send({ type: "loadModels" });
  },
});
const stage = createStageView({
  change: (change) => {
    changeForm(change);
    form.focusPrompt();
  },
  cancel: ({ id }) => {
    send({ type: "cancel", jobs: [id] });
  },
  cancelAll: () => {
    send({ type: "cancel", jobs: state.jobs.filter(isPending).map(({ id }) => id) });
  },
  retry: ({ id }) => {
    send({ type: "retry", job: id });
  },
  dismiss: ({ id }) => {
    send({ type: "dismiss", job: id });
  },
  showLog: () => {
    send({ type: "showLog" });
  },
  act: ({ id }, action) => {
    send({ type: "picture", id, action });
  },
  copyImage: (picture) => void copyImage(picture),
  variations: (picture) => {
    submit(variationsOf(picture));
  },
  dragStart: startDrag,
});
const strip = createStripView({
  select: (id) => {
    dispatch({ type: "select", id });
  },
  remove: (tile) => {
    if (!isJob(tile)) send({ type: "picture", id: tile.id, action: "delete" });
    else if (isPending(tile)) send({ type: "cancel", jobs: [tile.id] });
    else send({ type: "dismiss", job: tile.id });
  },
  dragStart: startDrag,
});
const notice = createNoticeView(() => {
  dispatch({ type: "closeNotice" });
});
const polite = element("div", { className: "unseen", attributes: { "aria-live": "polite" } });
const urgent = element("div", { className: "unseen", attributes: { role: "alert" } });
document.body.append(
  element(
    "main",
    {},
    element("h1", { className: "unseen" }, l10n.t("Sana: Images")),
    form.element,
    element("div", { className: "results" }, stage.element, strip.element),
  ),
  notice.element,
  polite,
  urgent,
);
addEventListener("message", receive);
addEventListener("keydown", onKey);
update();
send({ type: "ready", form: remembered });
void watchBattery((onBattery) => {
  dispatch({ type: "battery", onBattery });
});

function send(message: PageMessage): void {
  vscode.postMessage(message);
}

/** Messages come from VS Code's own frame around this page, which has the same origin. */
function receive(event: MessageEvent<unknown>): void {
  const message = event.origin === origin ? parseMessage(HostMessage, event.data) : null;
  if (message === null) return;
  dispatch(message);
  if (message.type === "edit") {
    changeForm({});
    form.focusPrompt();
  }
}

function dispatch(action: Action): void {
  const before = state;
  state = reduce(before, action);
  const heard = action.type === "init" ? null : announcement(before, state);
  if (heard !== null) setText(heard.urgent ? urgent : polite, heard.message);
  // Several messages may come within one frame.
  frame ??= requestAnimationFrame(update);
}

function update(): void {
  frame = undefined;
  form.update(state);
  stage.update(state);
  strip.update(state);
  notice.update(state.notice);
}

function changeForm(change: Partial<Form>): void {
  dispatch({ type: "change", form: change });
  vscode.setState(state.form);
  clearTimeout(formTimer);
  formTimer = setTimeout(tellForm, FORM_DELAY_MS);
  typing.changed();
}

function tellForm(): void {
  clearTimeout(formTimer);
  send({ type: "formChanged", form: state.form });
}

/** Asks for the live picture of the form as it is now, once. */
function followForm(): void {
  const wanted = liveForm(state);
  const text = JSON.stringify(wanted);
  if (wanted === null || text === followed) return;
  followed = text;
  dispatch({ type: "following" });
  send({ type: "followForm", form: wanted });
}

function generate(): void {
  if (state.form.prompt.trim() === "") {
    dispatch({
      type: "notice",
      severity: "info",
      message: l10n.t("Write a prompt first: what should be in the picture?"),
    });
    form.focusPrompt();
    return;
  }
  const model = chosenModel(state);
  if (model !== undefined && sizeProblem(sizeOf(state.form, model), model) !== null) {
    dispatch({ type: "notice", severity: "error", message: l10n.t("This size cannot be made with this model.") });
    return;
  }
  // The live picture is a promise: its seed stays.
  if (!state.form.seedLocked && state.live === null) changeForm({ seed: drawSeed() });
  submit(state.form);
}

function submit(wanted: Form): void {
  // What the form shows counts: a model that is not there any more has given way to the first one.
  const shown = chosenModel({ ...state, form: wanted });
  typing.stop();
  dispatch({ type: "submitted" });
  // A window that is closed before the delay is over comes back with the form that its picture was asked for with.
  tellForm();
  send({ type: "generate", form: shown === undefined ? wanted : formFor(wanted, shown) });
  stage.element.scrollIntoView({ block: "nearest" });
}

/** Extensions alone read this kind of data; ours makes the link that fits where it is dropped. */
function startDrag({ id }: Picture, transfer: DataTransfer): void {
  // What the browser has put there leads to an address that only this page can load.
  transfer.clearData();
  transfer.setData(PICTURE_MIME, id);
  transfer.effectAllowed = "copy";
}

function cancelRunning(): void {
  const first = state.jobs.find(({ state }) => state === "running") ?? state.jobs.find(isPending);
  if (first !== undefined) send({ type: "cancel", jobs: [first.id] });
}

function onKey(event: KeyboardEvent): void {
  // While an input method composes, Enter and Escape are its own.
  if (event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    generate();
  } else if (event.key === "Escape" && !event.defaultPrevented) {
    cancelRunning();
  }
}

async function copyImage({ src }: Picture): Promise<void> {
  try {
    const blob = await (await fetch(src)).blob();
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    dispatch({ type: "notice", severity: "info", message: l10n.t("Copied the picture") });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    dispatch({ type: "notice", severity: "error", message: l10n.t("The picture could not be copied: {0}", message) });
  }
}
