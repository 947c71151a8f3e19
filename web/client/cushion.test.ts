import { expect, test } from "vitest";
import type { SlotLine } from "./connection";
import { CushionWatch, GOOD_SHARES, hold, LEAST_MS, MOST_MS, READINGS_PER_SHARE } from "./cushion";

/** A stream of 100 packets a share, of which so many are asked for again in each: the delay after each share. */
function delays(requests: number[], roundTripMs = 20, jitterMs = 5): (number | null)[] {
  const watch = new CushionWatch();
  const totals = { packets: 0, requests: 0, jitterMs };
  return [0, ...requests].map((more) => {
    totals.packets += 100;
    totals.requests += more;
    let found: ReadonlyMap<string, number> = new Map();
    for (let i = 0; i < READINGS_PER_SHARE; i++) found = watch.read(new Map([["ada", { ...totals }]]), roundTripMs);
    return found.get("ada") ?? null;
  }).slice(1);
}

const well = (shares: number) => Array.from({ length: shares }, () => 0);

test("a picture that loses packets is held back, until its network was well for half a minute", () => {
  expect(delays([1, 2, 1, ...well(GOOD_SHARES - 1), 0])).toEqual([
    null,
    ...Array.from({ length: GOOD_SHARES + 1 }, () => LEAST_MS),
    null,
  ]);
});

test("a new loss begins the half minute anew", () => {
  expect(delays([5, ...well(GOOD_SHARES - 1), 1, ...well(GOOD_SHARES - 1)]).at(-1)).toBe(LEAST_MS);
});

test.each([
  [20, 5, LEAST_MS],
  [120, 20, 300],
  [101, 20, 300],
  [400, 90, MOST_MS],
])("with a round trip of %i ms and a jitter of %i ms it is held back for %i ms", (roundTripMs, jitterMs, delayMs) => {
  expect(delays([10], roundTripMs, jitterMs)).toEqual([delayMs]);
});

test("a delay that was needed does not shrink while packets are lost", () => {
  const watch = new CushionWatch();
  const found = [20, 120, 20].map((roundTripMs, share) => {
    const totals = { packets: 100 * share, requests: 10 * share, jitterMs: 20 };
    let delay: number | undefined;
    for (let i = 0; i < READINGS_PER_SHARE; i++) delay = watch.read(new Map([["ada", totals]]), roundTripMs).get("ada");
    return delay;
  });
  expect(found).toEqual([undefined, 300, 300]);
});

test("a stream that stops or begins is no loss", () => {
  const watch = new CushionWatch();
  const read = (streams: [string, number, number][]) => {
    let found: ReadonlyMap<string, number> = new Map();
    for (let i = 0; i < READINGS_PER_SHARE; i++) {
      found = watch.read(new Map(streams.map(([id, packets, requests]) => [id, { packets, requests, jitterMs: 5 }])), 20);
    }
    return [...found.keys()];
  };
  expect(read([["old", 100, 90]])).toEqual([]);
  expect(read([["old", 100, 90], ["new", 50, 40]])).toEqual([]);
  expect(read([["new", 150, 50]])).toEqual(["new"]);
});

test("voice and picture of one person are held back alike, and nobody else's", () => {
  const line = (slot: string, kind: "audio" | "video") =>
    ({ slot, kind, media: { id: `media-${slot}` }, receiver: { jitterBufferTarget: null } }) as unknown as SlotLine;
  const lines = [line("0", "audio"), line("1", "audio"), line("2", "video"), line("3", "video")];
  const contents = new Map([["0", "ada:microphone"], ["1", "ben:microphone"], ["2", "ben:camera"], ["3", "ada:camera"]]);
  const targets = () => lines.map(({ receiver }) => receiver.jitterBufferTarget);
  hold(lines, contents, new Map([["media-3", 300]]));
  expect(targets()).toEqual([300, null, null, 300]);
  hold(lines, new Map([...contents, ["0", null]]), new Map([["media-3", 300]]));
  expect(targets()).toEqual([null, null, null, 300]);
  hold(lines, contents, new Map());
  expect(targets()).toEqual([null, null, null, null]);
});
