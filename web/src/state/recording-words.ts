// Plain words for how a recording stands and how well it went.

import type { Recording, RecordingHealth, RecordingStatus } from "../api/types";
import { countText, durationText } from "../lib/format";

export type Tone = "teal" | "gray" | "red";

/** One recording's status for people. */
export function statusWords(recording: Pick<Recording, "status"> & Partial<Pick<Recording, "progress_percent">>): { text: string; tone: Tone } {
  switch (recording.status) {
    case "starting":
      return { text: "Recording starts", tone: "gray" };
    case "recording":
      return { text: "Recording now", tone: "red" };
    case "finishing":
      return { text: `Being made${recording.progress_percent == null ? "" : `, ${recording.progress_percent} %`}`, tone: "gray" };
    case "ready":
      return { text: "Recording ready", tone: "teal" };
    case "failed":
      return { text: "Recording failed", tone: "red" };
  }
}

/** The one that needs attention first. */
const ORDER: readonly RecordingStatus[] = ["failed", "recording", "starting", "finishing", "ready"];

/** A meeting's recordings in a word. */
export function recordingsWords(statuses: readonly RecordingStatus[]): { text: string; tone: Tone } {
  const first = ORDER.find((status) => statuses.includes(status));
  if (first === undefined) return { text: "Not recorded", tone: "gray" };
  const words = statusWords({ status: first });
  return first === "ready" && statuses.length > 1 ? { ...words, text: `${statuses.length} recordings ready` } : words;
}

/** A recording whose sound and picture are farther apart than this looks wrong to people (ITU-R BT.1359). */
const NOTICEABLE_SKEW_MS = 90;

/** The health of a recording, a sentence for each figure. */
export function healthWords(health: RecordingHealth): { name: string; words: string; good: boolean }[] {
  const { packets_recorded: packets, packets_lost_on_network: lost, largest_av_skew_ms: skew } = health;
  const share = packets + lost === 0 ? 0 : (lost / (packets + lost)) * 100;
  const gapsMs = health.gaps.reduce((sum, gap) => sum + Math.max(0, gap.to_ms - gap.from_ms), 0);
  return [
    { name: "Length", words: durationText(health.duration_ms), good: true },
    {
      name: "Gaps",
      words: health.gaps.length === 0 ? "None" : `${countText(health.gaps.length, "gap", "gaps")}, together ${durationText(gapsMs)}`,
      good: health.gaps.length === 0,
    },
    {
      name: "Lost on the network",
      words: lost === 0 ? "Nothing" : `${countText(lost, "packet", "packets")} of ${packets + lost} (${share.toFixed(share < 1 ? 2 : 1)} %)`,
      good: share < 2,
    },
    {
      name: "Received but not stored",
      words: health.entries_missing === 0 ? "Nothing" : countText(health.entries_missing, "packet", "packets"),
      good: health.entries_missing === 0,
    },
    {
      name: "Sound against picture",
      words: skew == null ? "Not measured: nobody sent both" : `At most ${skew} ms apart`,
      good: skew == null || skew <= NOTICEABLE_SKEW_MS,
    },
  ];
}
