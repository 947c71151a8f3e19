import { expect, test } from "vitest";
import { backoffMs, comeBackMs, EARLY_MS, LONGEST_EARLY_WAIT_MS, LONGEST_WAIT_MS } from "./backoff";

const YOUNG = { spreadMs: 300, lastedMs: 0, retryAfterMs: 0 };
const OLD = { ...YOUNG, lastedMs: EARLY_MS };

test.each([
  [0, 0, { ...YOUNG, spreadMs: 4_000 }, 0],
  [0, 0.5, { ...YOUNG, spreadMs: 4_000 }, 2_000],
  [0, 1, { ...YOUNG, spreadMs: 4_000 }, 4_000],
  [1, 1, YOUNG, 300],
  [1, 0, YOUNG, 150],
  [9, 1, YOUNG, LONGEST_EARLY_WAIT_MS],
  [9, 1, OLD, LONGEST_WAIT_MS],
  [9, 0, OLD, LONGEST_WAIT_MS / 2],
  [0, 0, { ...OLD, retryAfterMs: 5_000 }, 5_000],
  [9, 1, { ...OLD, retryAfterMs: 5_000 }, 6_250],
])("try %i with chance %d after %j waits %i ms", (attempt, random, loss, ms) => {
  expect(comeBackMs(attempt, random, loss)).toBe(ms);
});

test.each([
  [0, 0.5, 300],
  [3, 0.5, 2_400],
  [99, 0.5, LONGEST_WAIT_MS],
])("new connection %i with chance %d waits %i ms", (attempt, random, ms) => {
  expect(backoffMs(attempt, random)).toBe(ms);
});
