import { expect, test } from "vitest";
import type { Memory } from "../lib/storage";
import { type Stay, STAY_FRESH_MS, takeStay, writeStay } from "./stay";

const STAY: Stay = {
  roomId: "room",
  atMs: 1_000,
  name: "Ada",
  microphone: "muted",
  camera: "live",
  place: { resumeKey: "key", lastSeq: 7, revision: 2 },
};

function memory(text: string | null = null): Memory {
  const kept = new Map([["stay", text]]);
  return { read: (name) => kept.get(name) ?? null, write: (name, value) => void kept.set(name, value) };
}

test("a stay is remembered over a reload, once", () => {
  const tab = memory();
  writeStay(tab, STAY);
  expect(takeStay(tab, "room", 2_000)).toEqual(STAY);
  expect(takeStay(tab, "room", 2_000)).toBeNull();
});

test.each([
  ["another room", "other", 2_000],
  ["a stay of long ago", "room", 1_000 + STAY_FRESH_MS],
])("%s is not come back to", (_, room, nowMs) => {
  const tab = memory();
  writeStay(tab, STAY);
  expect(takeStay(tab, room, nowMs)).toBeNull();
});

test.each([["null"], ["{"], ["[]"], ["7"], [JSON.stringify({ ...STAY, place: null })], [JSON.stringify({ ...STAY, camera: "on" })]])(
  "%j is no stay",
  (text) => {
    expect(takeStay(memory(text), "room", 2_000)).toBeNull();
  },
);
