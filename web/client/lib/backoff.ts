// Decides how long to wait before the next try to reach a node.

/** The first wait: short, because most losses are a blip. */
const FIRST_WAIT_MS = 300;
/** The longest wait between two tries; a node that comes back is found within it. */
export const LONGEST_WAIT_MS = 8_000;

/**
 * @param attempt counted from 0
 * @param random from 0 to 1: spreads many clients that lost the same node
 * @param retryAfterMs what the node asked for; never undercut
 */
export function backoffMs(attempt: number, random: number, retryAfterMs = 0): number {
  const doubled = FIRST_WAIT_MS * 2 ** Math.min(attempt, 10);
  const wait = Math.min(doubled, LONGEST_WAIT_MS) * (0.75 + random / 2);
  return Math.round(retryAfterMs > 0 ? retryAfterMs * (1 + random / 4) : wait);
}
