// Decides which track to ask for in which slot, and how large. Pure.

import type { Show, SlotId, TrackId, Want } from "./protocol/signal.gen";

/** A picture that the page shows now. */
export interface Shown {
  track: TrackId;
  /** Height of its element in device pixels. */
  heightPx: number;
  /** 0 to 255; higher keeps its quality longest. */
  priority: number;
}

/** Heights asked for: steps, so that dragging a window's edge does not ask forty times. */
export const HEIGHT_STEPS = [90, 180, 270, 360, 540, 720, 1080] as const;

/** The smallest step that covers `heightPx`; 1080 for anything larger. */
export function heightStep(heightPx: number): number {
  return HEIGHT_STEPS.find((step) => step >= heightPx) ?? 1080;
}

/**
 * A wish for every video slot. A track that already has a slot keeps it, so that nobody's picture
 * starts again because somebody else came. Pictures beyond the number of slots are left out: the
 * least important first, for `shown` is in order of importance.
 */
export function chooseWants(
  slots: readonly SlotId[],
  shown: readonly Shown[],
  before: ReadonlyMap<SlotId, Want>,
): Map<SlotId, Want> {
  const wanted = shown.slice(0, slots.length);
  const bySlot = new Map<SlotId, Shown>();
  for (const slot of slots) {
    const kept = wanted.find(({ track }) => shows(before.get(slot)?.show, track));
    if (kept !== undefined && ![...bySlot.values()].includes(kept)) bySlot.set(slot, kept);
  }
  const placed = new Set(bySlot.values());
  const waiting = wanted.filter((one) => !placed.has(one));
  for (const slot of slots) {
    if (bySlot.has(slot)) continue;
    const next = waiting.shift();
    if (next === undefined) break;
    bySlot.set(slot, next);
  }
  return new Map(slots.map((slot) => [slot, want(slot, bySlot.get(slot))]));
}

/** The wishes in `now` that differ from `before`. */
export function changedWants(before: ReadonlyMap<SlotId, Want>, now: ReadonlyMap<SlotId, Want>): Want[] {
  return [...now.values()].filter((wish) => JSON.stringify(before.get(wish.slot)) !== JSON.stringify(wish));
}

function want(slot: SlotId, shown: Shown | undefined): Want {
  if (shown === undefined) return { slot, show: "nothing", max_height: 0, priority: 0 };
  return { slot, show: { track: shown.track }, max_height: heightStep(shown.heightPx), priority: shown.priority };
}

function shows(show: Show | undefined, track: TrackId): boolean {
  return typeof show === "object" && show.track === track;
}
