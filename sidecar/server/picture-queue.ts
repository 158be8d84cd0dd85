import { SanaError } from "../errors";
import { throwIfCancelled } from "../pipeline/guards";

interface Entry {
  readonly token: string | number;
  /** Lets the entry, which has become the first one, begin. */
  begin: () => void;
}

/** Pictures one after the other, in the order in which they came. */
export class PictureQueue {
  private readonly entries: Entry[] = [];

  constructor(private readonly onChange: () => void) {}

  /** 0 is being made, 1 comes next. */
  positions(): { token: string | number; position: number }[] {
    return this.entries.map(({ token }, position) => ({ token, position }));
  }

  /**
   * Runs `make` when everything that came before is done. A picture that waits leaves the queue at once where the signal
   * is given (`cancelled`) and where `checked` rejects. Throws `invalid-parameter` where the token is in use.
   */
  async run<Result>(
    token: string | number,
    { signal, checked }: { signal: AbortSignal; checked: Promise<unknown> },
    make: () => Promise<Result>,
  ): Promise<Result> {
    // Whoever leaves before it is settled is not interested in it.
    checked.catch(() => undefined);
    if (this.entries.some((entry) => entry.token === token)) {
      throw new SanaError("invalid-parameter", "token belongs to a picture that is still pending; choose another one");
    }
    const entry: Entry = { token, begin: () => undefined };
    const turn = new Promise<void>((resolve) => (entry.begin = resolve)).then(() => checked);
    this.entries.push(entry);
    this.onChange();
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const failed = new Promise<never>((_, reject) => void checked.catch(reject));
    signal.addEventListener("abort", stop);
    try {
      if (this.entries[0] === entry) entry.begin();
      await Promise.race([turn, stopped, failed]);
      throwIfCancelled(signal);
      return await make();
    } finally {
      signal.removeEventListener("abort", stop);
      this.entries.splice(this.entries.indexOf(entry), 1);
      this.entries[0]?.begin();
      this.onChange();
    }
  }
}
