import { describe, expect, test } from "vitest";
import { bytesText, clockText, durationText, initials } from "../lib/format";
import { healthWords, recordingsWords } from "./recording-words";

const WELL = {
  duration_ms: 65_000,
  packets_recorded: 10_000,
  packets_lost_on_network: 0,
  entries_missing: 0,
  gaps: [],
  largest_av_skew_ms: 12,
};

describe("health in words", () => {
  test("a sound recording is good in every line", () => {
    const lines = healthWords(WELL);
    expect(lines.every(({ good }) => good)).toBe(true);
    expect(lines.map(({ words }) => words)).toEqual(["1 minute 5 seconds", "None", "Nothing", "Nothing", "At most 12 ms apart"]);
  });

  test("faults are counted and marked", () => {
    const lines = healthWords({
      ...WELL,
      packets_lost_on_network: 1_000,
      entries_missing: 2,
      gaps: [{ track: "a:camera", from_ms: 0, to_ms: 3_000 }],
      largest_av_skew_ms: 200,
    });
    expect(lines.filter(({ good }) => !good).map(({ words }) => words)).toEqual([
      "1 gap, together 3 seconds",
      "1000 packets of 11000 (9.1 %)",
      "2 packets",
      "At most 200 ms apart",
    ]);
  });
});

test.each([
  [[], "Not recorded"],
  [["ready"], "Recording ready"],
  [["ready", "ready"], "2 recordings ready"],
  [["ready", "failed"], "Recording failed"],
  [["finishing", "recording"], "Recording now"],
] as const)("recordings that are %j read %s", (statuses, text) => {
  expect(recordingsWords(statuses).text).toBe(text);
});

test("times, lengths, sizes and letters", () => {
  expect([clockText(0), clockText(62_000), clockText(3_723_000)]).toEqual(["0:00", "1:02", "1:02:03"]);
  expect([durationText(400), durationText(60_000), durationText(3_600_000)]).toEqual(["less than a second", "1 minute", "1 hour"]);
  expect([bytesText(12), bytesText(1_500), bytesText(182_345_678)]).toEqual(["12 bytes", "1.5 kB", "182 MB"]);
  expect([initials("Ada Maria Lovelace"), initials("ben"), initials("  ")]).toEqual(["AL", "B", "?"]);
});
