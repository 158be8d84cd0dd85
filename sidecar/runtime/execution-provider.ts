import { fork } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import * as v from "valibot";
import { SanaError } from "../errors";
import type { ComputeChoice, ExecutionProvider, Precision } from "./compute";

type GpuProvider = Exclude<ExecutionProvider, "cpu">;

/** What the user asked for. */
interface ComputeWish {
  readonly provider: ExecutionProvider | "auto";
  readonly precision: Precision | "auto";
}

interface NoticedChoice extends ComputeChoice {
  /** One line that says what was chosen and why, where that is not plainly what was asked for. */
  readonly notice?: string;
}

/** Whether a provider works on this machine: found out by computing something small with it. */
export type ProbeResult =
  | { readonly usable: false; readonly reason: string }
  | (v.InferOutput<typeof UsableSchema> & { readonly usable: true });

const UsableSchema = v.object({
  /** Whether it computes in float16 too. */
  float16: v.boolean(),
  /** Whether it is a program that stands in for a GPU: correct, but slower than the CPU provider. */
  software: v.boolean(),
});

/** What a probing process answers. */
const ProbeAnswerSchema = v.union([UsableSchema, v.object({ error: v.string() })]);
export type ProbeAnswer = v.InferOutput<typeof ProbeAnswerSchema>;

/** `thorough`: also where there is no sign of a GPU. */
type Probe = (provider: GpuProvider, options: { thorough: boolean }) => Promise<ProbeResult>;

/** In the order in which `auto` tries them. */
const GPU_PROVIDERS: readonly GpuProvider[] = ["cuda", "webgpu"];

const REQUIREMENTS: Record<GpuProvider, string> = {
  cuda: "it needs an NVIDIA GPU, CUDA 13, cuDNN 9 and ONNX Runtime's CUDA provider 1.29.0",
  webgpu: "it needs a GPU with a Vulkan driver and the Vulkan loader",
};

/**
 * Provider and precision for what the user asked for. `auto` takes the first GPU provider that works, in float16 where
 * it can, else the CPU in the precision that the checkpoint was made for. Throws `unsupported` where something was named that this machine cannot do.
 */
export async function chooseCompute(wish: ComputeWish, probe: Probe = probeProvider): Promise<NoticedChoice> {
  if (wish.provider === "cpu") {
    if (wish.precision === "fp16") {
      throw new SanaError("unsupported", "--precision fp16 is for GPUs; the CPU computes in fp32, int8 or int4");
    }
    return { provider: "cpu", precision: wish.precision };
  }
  if (wish.precision === "int8" || wish.precision === "int4") {
    if (wish.provider === "auto") return { provider: "cpu", precision: wish.precision };
    const message = `--precision ${wish.precision} is for the CPU; ${wish.provider} computes in fp32 or fp16`;
    throw new SanaError("unsupported", message);
  }
  return wish.provider === "auto" ? chooseAutomatically(wish, probe) : chooseNamed(wish.provider, wish, probe);
}

async function chooseNamed(provider: GpuProvider, wish: ComputeWish, probe: Probe): Promise<NoticedChoice> {
  const result = await probe(provider, { thorough: true });
  if (!result.usable) {
    const needs = `${REQUIREMENTS[provider]}: see docs/gpu.md`;
    throw new SanaError("unsupported", `--provider ${provider} cannot be used: ${result.reason}; ${needs}`);
  }
  if (wish.precision === "fp16" && !result.float16) {
    throw new SanaError(
      "unsupported",
      `--precision fp16: this GPU does not compute in float16 with ${provider}; use fp32`,
    );
  }
  const precision = wish.precision === "auto" ? bestPrecision(result) : wish.precision;
  const notice = `computing with ${provider}, which is only software here and slower than --provider cpu`;
  return { provider, precision, ...(result.software ? { notice } : {}) };
}

async function chooseAutomatically(wish: ComputeWish, probe: Probe): Promise<NoticedChoice> {
  const obstacles: string[] = [];
  for (const provider of GPU_PROVIDERS) {
    const result = await probe(provider, { thorough: false });
    const obstacle = obstacleOf(result, wish);
    if (obstacle === undefined && result.usable) {
      const precision = wish.precision === "auto" ? bestPrecision(result) : wish.precision;
      const passedOver = obstacles.length === 0 ? "" : ` (${obstacles.join("; ")})`;
      return { provider, precision, notice: `computing with ${provider} in ${precision}${passedOver}` };
    }
    obstacles.push(`${provider}: ${obstacle ?? ""}`);
  }
  const why = obstacles.join("; ");
  if (wish.precision === "fp16") {
    throw new SanaError("unsupported", `--precision fp16 is for GPUs, and none can be used (${why}); use fp32`);
  }
  return { provider: "cpu", precision: wish.precision, notice: `computing on the CPU (${why})` };
}

/** Why `auto` passes a provider over. */
function obstacleOf(result: ProbeResult, wish: ComputeWish): string | undefined {
  if (!result.usable) return result.reason;
  if (result.software) return "only a software adapter";
  if (wish.precision === "fp16" && !result.float16) return "no float16";
  return undefined;
}

function bestPrecision(result: { float16: boolean }): Precision {
  return result.float16 ? "fp16" : "fp32";
}

/** Long enough for the CUDA libraries to be read from a slow disk. */
const PROBE_TIME_LIMIT_MS = 120_000;

const PROBE_PROGRAM = join(__dirname, "provider-probe.cjs");

/** Probes of this process; a driver does not come or go while it runs. */
const probes = new Map<GpuProvider, Promise<ProbeResult>>();

/** What can be seen without loading anything comes first, so that a machine without a GPU waits for nothing. */
async function probeProvider(provider: GpuProvider, { thorough }: { thorough: boolean }): Promise<ProbeResult> {
  const obstacle =
    provider === "cuda" ? missingCudaProvider() : thorough || hasGraphicsDevice() ? undefined : "no graphics device";
  if (obstacle !== undefined) return { usable: false, reason: obstacle };
  const known = probes.get(provider) ?? probeInProcess(provider);
  probes.set(provider, known);
  return known;
}

function missingCudaProvider(): string | undefined {
  const file = "libonnxruntime_providers_cuda.so";
  if (process.platform !== "linux" || process.arch !== "x64") return `not available on ${process.platform}`;
  // ONNX Runtime looks beside its own library, which the system may find on its search path first.
  const isLibrary = (folder: string): boolean => existsSync(join(folder, "libonnxruntime.so.1"));
  const preferred = (process.env["LD_LIBRARY_PATH"] ?? "")
    .split(delimiter)
    .find((folder) => folder && isLibrary(folder));
  const packaged = join(
    dirname(createRequire(import.meta.url).resolve("onnxruntime-node")),
    "../bin/napi-v6/linux/x64",
  );
  return existsSync(join(preferred ?? packaged, file)) ? undefined : `${file} is not installed`;
}

/** Whether the system shows a GPU at all. Only Linux is asked; elsewhere there always is one to try. */
function hasGraphicsDevice(): boolean {
  if (process.platform !== "linux") return true;
  const names = [...filesIn("/dev"), ...filesIn("/dev/dri")];
  return names.some((name) => /^(?:renderD\d+|nvidia\d+|dxg)$/.test(name));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** In a process of its own, because a driver that does not fit may end it. */
async function probeInProcess(provider: GpuProvider): Promise<ProbeResult> {
  const child = fork(PROBE_PROGRAM, [provider], {
    // Drivers may print to stdout, which belongs to whoever called this program.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    timeout: PROBE_TIME_LIMIT_MS,
    killSignal: "SIGKILL",
    execArgv: [],
  });
  let [stderr, answer]: [string, unknown] = ["", undefined];
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.on("message", (message) => (answer = message));
  const end = await new Promise<string>((resolve) => {
    child.on("error", (error) => {
      resolve(error.message);
    });
    child.on("close", (code, signal) => {
      resolve(`its driver ended a test run with ${signal ?? `exit code ${code ?? "none"}`}`);
    });
  });
  const parsed = v.safeParse(ProbeAnswerSchema, answer);
  if (!parsed.success) return { usable: false, reason: end };
  if ("error" in parsed.output) return { usable: false, reason: readableReason(parsed.output.error, stderr) };
  return { usable: true, ...parsed.output };
}

/** The part of ONNX Runtime's messages that helps a user: which library is missing, or what the driver says. */
function readableReason(error: string, log: string): string {
  const library = /(?:with error: (?:\/\S+: )?|Couldn't load Vulkan: )(.*?)\s*(?:\n|$)/.exec(log)?.[1];
  const adapter = /Failed to get a WebGPU (?:adapter|device): [^\n]*/.exec(error)?.[0];
  return library ?? adapter ?? error.split("\n")[0]!;
}
