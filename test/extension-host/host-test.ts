/** A test that runs inside VS Code's extension host. */
export interface HostTest {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What became of one test, a line of JSON in the file that SANA_SUITE_RESULTS names. */
export interface HostTestResult {
  readonly name: string;
  /** The error with its stack, or null. */
  readonly error: string | null;
}
