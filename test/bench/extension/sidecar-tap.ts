import childProcess from "node:child_process";
import type { GenerationProgress, Preview } from "../../../sidecar/protocol";
import type { SidecarEvent } from "./probe-requests";

/** Listens in on what the sidecar writes to the extension, and takes nothing away from it. */
export class SidecarTap {
  private events: SidecarEvent[] = [];

  constructor() {
    const spawn = childProcess.spawn;
    Object.assign(childProcess, {
      spawn: (program: string, args: readonly string[], options: childProcess.SpawnOptions) => {
        const child = spawn(program, args, options);
        if (args.some((argument) => argument.endsWith("sana.cjs")) && child.stdout !== null) this.listen(child.stdout);
        return child;
      },
    });
  }

  /** What came since the last call. */
  take(): SidecarEvent[] {
    const events = this.events;
    this.events = [];
    return events;
  }

  // A listener of its own would set the stream going before the extension listens.
  private listen(stdout: NodeJS.ReadableStream & { emit(name: string, ...args: unknown[]): boolean }): void {
    const emit = stdout.emit.bind(stdout);
    let pending: Buffer = Buffer.alloc(0);
    stdout.emit = (name: string, ...args: unknown[]) => {
      if (name === "data") pending = this.read(Buffer.concat([pending, args[0] as Buffer]));
      return emit(name, ...args);
    };
  }

  /** Reads the whole messages and returns the beginning of the next one. */
  private read(bytes: Buffer): Buffer {
    const headerEnd = bytes.indexOf("\r\n\r\n");
    if (headerEnd < 0) return bytes;
    const length = Number(/Content-Length: (\d+)/i.exec(bytes.toString("latin1", 0, headerEnd))![1]);
    const end = headerEnd + 4 + length;
    if (bytes.length < end) return bytes;
    this.note(JSON.parse(bytes.toString("utf8", headerEnd + 4, end)) as { method?: string; params?: unknown });
    return this.read(bytes.subarray(end));
  }

  private note({ method, params }: { method?: string; params?: unknown }): void {
    if (method === "sana/preview") {
      this.events.push({ kind: "preview", step: (params as Preview).step, at: Date.now() });
    } else if (method === "$/progress") {
      const { stage, step } = (params as { value: GenerationProgress }).value;
      if (stage === "steps" && step > 0) this.events.push({ kind: "step", step, at: Date.now() });
    }
  }
}
