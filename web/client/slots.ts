// What arrives: which track's picture is in which slot, what the page wants there, and the voices.

import type { Browser } from "./browser";
import type { SlotLine } from "./connection";
import type { Scope } from "./lib/scope";
import { Cell, derive, type Value } from "./lib/value";
import type { ClientMessage, SlotId, TrackId, Want } from "./protocol/signal.gen";
import { changedWants, chooseWants, type Shown } from "./want";

/** A window that is being resized settles within this; a new picture is asked for at once. */
export const WANT_DEBOUNCE_MS = 150;

/** One audio slot: always played, whoever is in it. */
export interface Voice {
  slot: SlotId;
  media: MediaStreamTrack;
  /** Whose sound it is now. */
  track: TrackId | null;
}

export interface SlotsWiring {
  browser: Browser;
  scope: Scope;
  /** The slots that the node granted. */
  lines: Value<readonly SlotLine[]>;
  /** Who is in which slot. */
  contents: Value<ReadonlyMap<SlotId, TrackId | null>>;
  send: (message: ClientMessage) => boolean;
  /** More pictures are shown than there are slots. */
  onShort: (videoSlotsWanted: number) => void;
}

export class Slots {
  private readonly shownCell = new Cell<readonly Shown[]>([]);
  private wants = new Map<SlotId, Want>();
  private stopTimer: () => void = () => undefined;

  /** The pictures that arrive, by track. */
  readonly pictures: Value<ReadonlyMap<TrackId, MediaStreamTrack>>;
  /** The sounds that arrive. */
  readonly voices: Value<readonly Voice[]>;

  constructor(private readonly wiring: SlotsWiring) {
    const { lines, contents, scope } = wiring;
    this.pictures = derive([lines, contents], pictures);
    this.voices = derive([lines, contents], voices);
    scope.onEnd(lines.subscribe(() => this.apply()));
    scope.onEnd(() => this.stopTimer());
  }

  /** Sets what the page shows now, most important first. */
  show(shown: readonly Shown[]): void {
    const before = this.shownCell.get();
    this.shownCell.set(shown);
    this.stopTimer();
    const known = new Set(before.map(({ track }) => track));
    const someoneNew = shown.some(({ track }) => !known.has(track));
    if (someoneNew) this.apply();
    else this.stopTimer = this.wiring.browser.after(WANT_DEBOUNCE_MS, () => this.apply());
  }

  /** Says every wish again: the node may have forgotten, or missed one. */
  repeat(): void {
    this.wants = new Map();
    this.apply();
  }

  private apply(): void {
    const slots = this.wiring.lines.get().filter(({ kind }) => kind === "video").map(({ slot }) => slot);
    if (slots.length === 0) return;
    const shown = this.shownCell.get();
    const now = chooseWants(slots, shown, this.wants);
    const wants = changedWants(this.wants, now);
    if (wants.length > 0 && this.wiring.send({ type: "want", wants })) this.wants = now;
    if (shown.length > slots.length) this.wiring.onShort(shown.length);
  }
}

function pictures(
  lines: readonly SlotLine[],
  contents: ReadonlyMap<SlotId, TrackId | null>,
): ReadonlyMap<TrackId, MediaStreamTrack> {
  const found = new Map<TrackId, MediaStreamTrack>();
  for (const { slot, kind, media } of lines) {
    const track = contents.get(slot);
    if (kind === "video" && track != null) found.set(track, media);
  }
  return found;
}

function voices(lines: readonly SlotLine[], contents: ReadonlyMap<SlotId, TrackId | null>): readonly Voice[] {
  return lines
    .filter(({ kind }) => kind === "audio")
    .map(({ slot, media }) => ({ slot, media, track: contents.get(slot) ?? null }));
}
