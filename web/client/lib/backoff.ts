// Decides how long to wait before the next try to reach a node.

/** The first wait: short, because most losses are a blip. */
const FIRST_WAIT_MS = 300;
/** The longest wait between two tries; a node that comes back is found within it. */
export const LONGEST_WAIT_MS = 8_000;
/** The longest wait while the loss is young. */
export const LONGEST_EARLY_WAIT_MS = 2_000;
/** A loss is young so long: a network that comes back within it is met within two seconds. */
export const EARLY_MS = 30_000;
/** In what span the first try falls, when the node has not said. */
export const DEFAULT_SPREAD_MS = 300;

/** What is known of a loss when the next wait is drawn. */
export interface Loss {
  /** The span that the node gave for the first try: it knows how many would come at once. */
  spreadMs: number;
  /** How long it has lasted. */
  lastedMs: number;
  /** What the node asked for; never undercut. 0: nothing. */
  retryAfterMs: number;
}

/**
 * @param attempt counted from 0
 * @param random from 0 to 1: spreads many clients that lost the same node
 */
export function backoffMs(attempt: number, random: number): number {
  return Math.round(doubled(attempt, LONGEST_WAIT_MS) * (0.75 + random / 2));
}

/** The wait before a try to come back: at first anywhere in the span, then growing. */
export function comeBackMs(attempt: number, random: number, { spreadMs, lastedMs, retryAfterMs }: Loss): number {
  if (retryAfterMs > 0) return Math.round(retryAfterMs * (1 + random / 4));
  if (attempt === 0) return Math.round(random * spreadMs);
  const longest = lastedMs < EARLY_MS ? LONGEST_EARLY_WAIT_MS : LONGEST_WAIT_MS;
  return Math.round(doubled(attempt - 1, longest) * (0.5 + random / 2));
}

function doubled(times: number, longestMs: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** Math.min(times, 10), longestMs);
}
