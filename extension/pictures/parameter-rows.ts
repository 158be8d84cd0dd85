import type { ImageParameters } from "../../sidecar/protocol";

/** One parameter of a picture: which, and its value as text. */
export interface ParameterRow {
  readonly name: keyof ImageParameters;
  readonly value: string;
}

/** What a picture was made with, the most asked for first; what does not apply to it is left out. */
export function parameterRows(parameters: ImageParameters): ParameterRow[] {
  const order = [
    "prompt",
    "negativePrompt",
    "seed",
    "width",
    "height",
    "steps",
    "guidanceScale",
    "scheduler",
    "strength",
    "model",
    "modelHash",
    "precision",
    "sourceImageSha256",
    "latentsSha256",
    "programVersion",
  ] as const;
  return order.flatMap((name) => {
    const value = parameters[name];
    return value === null || value === "" ? [] : [{ name, value: String(value) }];
  });
}
