// Long enough not to come between two words.
const PAUSE_MS = 400;

/**
 * Calls `follow` when the form has changed and then rested for a moment. What an input method composes is not written
 * yet.
 */
export function createTypingPause(follow: () => void) {
  let timer: number | undefined;
  let composing = false;
  const wait = (): void => {
    clearTimeout(timer);
    if (!composing) timer = setTimeout(follow, PAUSE_MS);
  };
  addEventListener("compositionstart", () => {
    composing = true;
    clearTimeout(timer);
  });
  addEventListener("compositionend", () => {
    composing = false;
    wait();
  });
  return {
    changed: wait,
    stop(): void {
      clearTimeout(timer);
    },
  };
}
