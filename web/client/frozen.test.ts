import { beforeEach, expect, test } from "vitest";
import { FROZEN_AFTER_MS } from "./freeze";
import { Scope } from "./lib/scope";
import type { TrackId } from "./protocol/signal.gen";
import { Session } from "./session";
import { READ_EVERY_MS } from "./stats";
import { FakeBrowser, type FakeSocket } from "./tests/fakes";
import { joinRoom, newCapture, SLOTS, TICKET } from "./tests/stay";

const BEN: TrackId = "ben:camera";
const CLEO: TrackId = "cleo:camera";
/** The first video slot. */
const SLOT = SLOTS.find(({ kind }) => kind === "video")?.slot ?? "";
const LONG_MS = FROZEN_AFTER_MS + 2 * READ_EVERY_MS;

let browser: FakeBrowser;
let session: Session;
let socket: FakeSocket;
let seq: number;

beforeEach(async () => {
  browser = new FakeBrowser();
  const scope = new Scope();
  session = new Session({ browser, scope, capture: newCapture(scope), renew: async () => TICKET });
  socket = await joinRoom(session, browser);
  seq = 3;
});

/** Voices arrive for so long, and pictures too while `moves`; answers who stood still meanwhile. */
async function pass(ms: number, moves: boolean): Promise<TrackId[]> {
  const slot = browser.lastPeer.transceivers.find(({ mid }) => mid === SLOT);
  const still = new Set<TrackId>();
  for (let passed = 0; passed < ms; passed += READ_EVERY_MS) {
    browser.lastPeer.datagramsIn += 20;
    if (moves && slot !== undefined) slot.receiver.track.frames += 6;
    await browser.pass(READ_EVERY_MS);
    for (const track of session.frozen.get()) still.add(track);
  }
  return [...still];
}

function put(track: TrackId | null): void {
  socket.says(seq++, { type: "slots", slots: [{ slot: SLOT, track }] });
}

test("a picture that moved and moves no more stands still, until it moves again", async () => {
  put(BEN);
  expect(await pass(5_000, true)).toEqual([]);
  expect(await pass(LONG_MS, false)).toEqual([BEN]);
  await pass(READ_EVERY_MS, true);
  expect(session.frozen.get().size).toBe(0);
});

test("a camera that comes back into a slot that was empty for five seconds does not stand still", async () => {
  put(BEN);
  await pass(5_000, true);
  put(null);
  expect(await pass(5_000, false)).toEqual([]);
  put(BEN);
  expect(await pass(1_000, false)).toEqual([]);
  expect(await pass(5_000, true)).toEqual([]);
});

test("whoever comes into the slot of a picture that stood still does not stand still for that", async () => {
  put(BEN);
  await pass(5_000, true);
  expect(await pass(LONG_MS, false)).toEqual([BEN]);
  put(CLEO);
  expect(session.frozen.get().size).toBe(0);
  expect(await pass(1_000, false)).toEqual([]);
});

test("a picture that does not begin in a slot that others used does not stand still", async () => {
  put(BEN);
  await pass(5_000, true);
  put(CLEO);
  expect(await pass(LONG_MS, false)).toEqual([]);
});
