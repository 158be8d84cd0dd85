/** How often something may be started again by itself: `limit` times within `windowMs`. */
export class RestartBudget {
  private ends: number[] = [];

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  /** To be called whenever it ended by itself, with the time in milliseconds; says whether it may be started again. */
  allows(now: number): boolean {
    this.ends = [...this.ends.filter((time) => now - time < this.windowMs), now];
    return this.ends.length <= this.limit;
  }

  /** To be called when the user starts it: the budget begins again. */
  reset(): void {
    this.ends = [];
  }
}
