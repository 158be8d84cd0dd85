import { SanaError } from "../errors";

/** A picture that would not fit into the memory that is free. */
export class InsufficientMemoryError extends SanaError {
  constructor(
    readonly neededBytes: number,
    readonly freeBytes: number,
  ) {
    const [needed, free] = [neededBytes, freeBytes].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
    super("insufficient-memory", `the picture needs about ${needed!} of memory and ${free!} are free`);
  }
}
