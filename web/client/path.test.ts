import { expect, test } from "vitest";
import { PathWatch, type PathState } from "./path";

const READ_EVERY_MS = 250;

function states(...packets: number[]): PathState[] {
  const watch = new PathWatch();
  return packets.map((count, i) => watch.read(count, i * READ_EVERY_MS));
}

test("a flow that stops is silent after three quarters of a second", () => {
  expect(states(9, 9, 9, 9, 0, 0, 0, 0)).toEqual([
    "quiet", "quiet", "quiet", "flowing", "flowing", "flowing", "silent", "silent",
  ]);
});

test("two empty readings are not silence", () => {
  expect(states(9, 9, 9, 9, 0, 0, 9).slice(3)).toEqual(["flowing", "flowing", "flowing", "flowing"]);
});

test("a path that only keeps itself alive is never missed", () => {
  expect(new Set(states(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0))).toEqual(new Set(["quiet"]));
});

test("the first packet ends the silence, and only a new flow can stop again", () => {
  expect(states(9, 9, 9, 9, 0, 0, 0, 1, 0, 0, 0, 0).slice(6)).toEqual([
    "silent", "quiet", "quiet", "quiet", "quiet", "quiet",
  ]);
});

test("a flow that ends in keeping itself alive ends without alarm", () => {
  expect(states(9, 9, 9, 9, 1, 0, 0, 0, 0).slice(4)).toEqual(["quiet", "quiet", "quiet", "quiet", "quiet"]);
});
