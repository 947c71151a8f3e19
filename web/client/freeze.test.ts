import { expect, test } from "vitest";
import { FreezeWatch, FROZEN_AFTER_MS } from "./freeze";

const READ_EVERY_MS = 500;
const LONG = FROZEN_AFTER_MS / READ_EVERY_MS;

/** Whether the picture is frozen after each reading of its frame count. */
function frozen(counts: number[], expected = true): boolean[] {
  const watch = new FreezeWatch();
  return counts.map((count, i) => watch.read(new Map([["ada", count]]), expected, i * READ_EVERY_MS).has("ada"));
}

test("a picture without a new frame for two seconds stands still, until the next", () => {
  const still = Array.from({ length: LONG }, () => 20);
  expect(frozen([10, 20, ...still, 21]).slice(-3)).toEqual([false, true, false]);
});

test("a picture that never began does not stand still", () => {
  expect(frozen([0, 0, 0, 0, 0, 0, 0, 0])).not.toContain(true);
});

test("while nothing at all arrives, no picture is blamed", () => {
  expect(frozen([10, 20, 20, 20, 20, 20, 20, 20], false)).not.toContain(true);
});

test("the set is the same object until it changes", () => {
  const watch = new FreezeWatch();
  const first = watch.read(new Map([["ada", 1]]), true, 0);
  expect(watch.read(new Map([["ada", 2]]), true, 500)).toBe(first);
});
