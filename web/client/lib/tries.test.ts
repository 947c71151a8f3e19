import { expect, test } from "vitest";
import { Tries } from "./tries";

test("tries in a row are counted and end; after a pause they begin anew", () => {
  const tries = new Tries(3, 100);
  expect([1_000, 1_050, 1_150, 1_200, 1_300].map((nowMs) => tries.next(nowMs))).toEqual([0, 1, 2, null, null]);
  expect(tries.next(1_401)).toBe(0);
});
