import { encode } from "modern-gif";
import { PNG } from "pngjs";
import type { CDPSession } from "playwright-core";
import { openPanel, pictureCount, promptOf } from "../e2e/panel-page";
import { runCommand } from "../e2e/workbench";
import { draw } from "./panel-actions";
import { around, openStage, type Clip, type Screenshot } from "./stage";

const TYPING_PAUSE_MS = 60;
/** Frames that follow sooner are left out: each one of a picture that takes shape costs some 40 KB. */
const SHORTEST_FRAME_MS = 200;
/** How long the finished picture stays before all begins again. */
const LAST_FRAME_MS = 3000;

/** A frame of the window and when it was on the screen, in seconds. */
interface Frame {
  readonly png: Buffer;
  readonly at: number;
}

/** A prompt is written, the picture takes shape, and is there: in its real time, which is that of a warm sidecar. */
export async function animatePanel(): Promise<Screenshot[]> {
  const workbench = await openStage({ width: 960, height: 660, scale: 1 });
  try {
    const { page, browser } = workbench;
    await runCommand(page, "View: Close Primary Side Bar");
    const panel = await openPanel(page);
    await draw(panel, { prompt: "a cake", seed: 1 });
    await panel.locator("details.more summary").click();
    await promptOf(panel).fill("");
    const clip = await around(page.locator(".editor-group-container"));
    const recording = await record(await browser.newCDPSession(page));
    await promptOf(panel).pressSequentially("a fox in the snow", { delay: TYPING_PAUSE_MS });
    await promptOf(panel).press("ControlOrMeta+Enter");
    await pictureCount(panel, 2);
    await panel.locator(".canvas img:not([src^='data:']):not([hidden])").waitFor();
    await page.waitForTimeout(500);
    return [{ file: "panel.gif", bytes: await animation(await recording.stop(), clip) }];
  } finally {
    await workbench.close();
  }
}

/** Records each frame that the browser paints. */
async function record(session: CDPSession): Promise<{ stop(): Promise<Frame[]> }> {
  const frames: Frame[] = [];
  session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
    frames.push({ png: Buffer.from(data, "base64"), at: metadata.timestamp! });
    void session.send("Page.screencastFrameAck", { sessionId });
  });
  await session.send("Page.startScreencast", { format: "png" });
  return {
    stop: async () => {
      await session.send("Page.stopScreencast");
      return frames;
    },
  };
}

async function animation(frames: readonly Frame[], clip: Clip): Promise<Uint8Array> {
  const { width, height } = clip;
  const kept = thinned(frames);
  const pictures = kept.map(({ png, at }, index) => {
    const cut = new PNG({ width, height });
    PNG.bitblt(PNG.sync.read(png), cut, clip.x, clip.y, width, height, 0, 0);
    const next = kept[index + 1];
    return { data: new Uint8ClampedArray(cut.data), delay: next === undefined ? LAST_FRAME_MS : (next.at - at) * 1000 };
  });
  return new Uint8Array(await encode({ width, height, frames: pictures, looped: true }));
}

/** Without those that are replaced too soon; the last one is always there. */
function thinned(frames: readonly Frame[]): Frame[] {
  const kept: Frame[] = [];
  for (const frame of frames.toReversed()) {
    const next = kept.at(-1);
    if (next === undefined || (next.at - frame.at) * 1000 >= SHORTEST_FRAME_MS) kept.push(frame);
  }
  return kept.toReversed();
}
