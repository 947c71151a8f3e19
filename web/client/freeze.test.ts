import { describe, expect, test } from "vitest";
import { FreezeWatch, FROZEN_AFTER_MS } from "./freeze";

const READ_EVERY_MS = 500;
const LONG = FROZEN_AFTER_MS / READ_EVERY_MS;

const ada = (frames: number, media = "slot") => new Map([["ada:camera", { media, frames }]]);

/** Whether the picture is frozen after each reading of its frame count; null where it is in no slot. */
function frozen(counts: (number | null)[], expected = true): boolean[] {
  const watch = new FreezeWatch();
  return counts.map((count, i) =>
    watch.read(count === null ? new Map() : ada(count), expected, i * READ_EVERY_MS).has("ada:camera"),
  );
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test("a picture without a new frame for two seconds stands still, until the next", () => {
  expect(frozen([10, 20, ...times(LONG, 20), 21]).slice(-3)).toEqual([false, true, false]);
});

test("a picture that never began does not stand still", () => {
  expect(frozen(times(8, 0))).not.toContain(true);
});

test("while nothing at all arrives, no picture is blamed", () => {
  expect(frozen([10, 20, ...times(6, 20)], false)).not.toContain(true);
});

test("after a silence on the whole path, a picture that does not move again stands still", () => {
  const watch = new FreezeWatch();
  const reading = (i: number, frames: number, expected: boolean) => watch.read(ada(frames), expected, i * READ_EVERY_MS).size;
  reading(0, 10, true);
  reading(1, 20, true);
  reading(2, 20, false);
  expect(times(LONG, 0).map((_, i) => reading(3 + i, 20, true))).toEqual([...times(LONG - 1, 0), 1]);
});

describe("a slot counts on over everyone who is in it", () => {
  test("so what is there when somebody comes is not theirs", () => {
    expect(frozen([10, 20, ...times(10, null), ...times(8, 20)])).not.toContain(true);
    expect(frozen([...times(10, null), 20, 26, ...times(LONG, 26)]).at(-1)).toBe(true);
  });

  test("so a picture in another slot begins anew, though the counts be the same", () => {
    const watch = new FreezeWatch();
    watch.read(ada(10), true, 0);
    watch.read(ada(20), true, 500);
    expect(watch.read(ada(20, "another"), true, 500 + FROZEN_AFTER_MS).size).toBe(0);
  });
});

test("the set is the same object until it changes", () => {
  const watch = new FreezeWatch();
  const first = watch.read(ada(1), true, 0);
  expect(watch.read(ada(2), true, 500)).toBe(first);
});
