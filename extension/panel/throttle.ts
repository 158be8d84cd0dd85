/**
 * A function that does `action` at once, then at most once every `intervalMs` however often it is called; a call in
 * between is made good at the end of the interval.
 */
export function throttle(action: () => void, intervalMs: number): () => void {
  let waiting: NodeJS.Timeout | undefined;
  let again = false;
  const run = (): void => {
    again = false;
    action();
    waiting = setTimeout(() => {
      waiting = undefined;
      if (again) run();
    }, intervalMs);
  };
  return () => {
    if (waiting === undefined) run();
    else again = true;
  };
}
