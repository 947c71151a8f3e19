import { expect, test } from "vitest";
import { PathWatch, type PathState } from "./path";

const READ_EVERY_MS = 500;

function states(...packets: number[]): PathState[] {
  const watch = new PathWatch();
  return packets.map((count, i) => watch.read(count, i * READ_EVERY_MS));
}

test("a flow that stops is silent after a second", () => {
  expect(states(50, 50, 50, 0, 0, 0)).toEqual(["quiet", "quiet", "flowing", "flowing", "silent", "silent"]);
});

test("one empty reading is not silence", () => {
  expect(states(50, 50, 50, 0, 50)).toEqual(["quiet", "quiet", "flowing", "flowing", "flowing"]);
});

test("a path that only keeps itself alive is never missed", () => {
  expect(new Set(states(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0))).toEqual(new Set(["quiet"]));
});

test("the first packet ends the silence, and only a new flow can stop again", () => {
  expect(states(9, 9, 9, 0, 0, 1, 0, 0, 0)).toEqual([
    "quiet", "quiet", "flowing", "flowing", "silent", "quiet", "quiet", "quiet", "quiet",
  ]);
});

test("a flow that ends in keeping itself alive ends without alarm", () => {
  expect(states(9, 9, 9, 1, 0, 0, 0).slice(3)).toEqual(["quiet", "quiet", "quiet", "quiet"]);
});
