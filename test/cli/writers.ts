import { goldenCheckpoint, goldenInput, TINY_JOB } from "./fixtures";

/** The shortest call of each command that writes a file, complete but for --output. */
export const MODEL = ["--model", goldenCheckpoint("sana-1.0")] as const;
export const GENERATE = ["generate", "a fox", ...MODEL, ...TINY_JOB, "--seed", "1"] as const;
export const EMBED = ["embed", ...MODEL, "--prompt", "a fox"] as const;
export const DECODE = ["decode", ...MODEL, "--latents", goldenInput("decode-smallest.safetensors")] as const;
const ENCODE = ["encode", ...MODEL, "--image", goldenInput("pixel-block.png")] as const;
export const WRITERS = { generate: GENERATE, embed: EMBED, decode: DECODE, encode: ENCODE } as const;

/** The contents of a file that must survive. */
export const OLD = "an earlier file";
