import Module from "node:module";
import type { ActivationTime } from "./probe-requests";

interface ExtensionModule {
  activate(...args: unknown[]): unknown;
}

type Load = (request: string, ...rest: unknown[]) => unknown;

/** Measures what VS Code itself counts as an extension's activation: loading its code, and the call of `activate`. */
export class ActivationWatch {
  private time: ActivationTime | null = null;

  /** `main` is the path of the extension's entry point, which has not been loaded yet. */
  constructor(main: string) {
    const loader = Module as unknown as { _load: Load };
    const load = loader._load;
    loader._load = (request, ...rest) => {
      if (request !== main) return load.call(Module, request, ...rest);
      const before = performance.now();
      const loaded = load.call(Module, request, ...rest) as ExtensionModule;
      const loading = performance.now() - before;
      return { ...loaded, activate: (...args: unknown[]) => this.activate(loaded, args, loading) };
    };
  }

  /** In milliseconds; null until the extension has been activated. */
  get activation(): ActivationTime | null {
    return this.time;
  }

  private activate(extension: ExtensionModule, args: unknown[], loading: number): unknown {
    const before = performance.now();
    const result = extension.activate(...args);
    this.time = { loading, activating: performance.now() - before };
    return result;
  }
}
