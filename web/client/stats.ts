// What the transport says about the network, read from the browser's counters.

import type { Browser } from "./browser";
import { CushionWatch, type StreamTotals } from "./cushion";
import { FreezeWatch, type Picture } from "./freeze";
import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";
import { type PathState, PathWatch } from "./path";
import type { TrackId } from "./protocol/signal.gen";

/** Often enough to miss a path within a second. */
export const READ_EVERY_MS = 250;
/** Figures are of so many readings: shorter ones jump. */
const READINGS_PER_FIGURE = 8;

/** The network between this browser and its node, over the last reading. */
export interface NetworkFigures {
  roundTripMs: number | null;
  /** Of the packets sent to us, how many were lost: 0 to 1. */
  lossIn: number;
  /** Of the packets that we sent, as the node reports it: 0 to 1. */
  lossOut: number;
  inBps: number;
  outBps: number;
}

/** Counters that only grow; figures are differences of two of them. */
export interface Totals {
  atMs: number;
  received: number;
  lost: number;
  bytesIn: number;
  bytesOut: number;
  /** Datagrams that arrived, whatever was in them. */
  datagramsIn: number;
  roundTripMs: number | null;
  lossOut: number;
}

export function figures(before: Totals, now: Totals): NetworkFigures {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const lost = Math.max(0, now.lost - before.lost);
  const received = Math.max(0, now.received - before.received);
  return {
    roundTripMs: now.roundTripMs,
    lossIn: lost + received === 0 ? 0 : lost / (lost + received),
    lossOut: now.lossOut,
    inBps: Math.round((Math.max(0, now.bytesIn - before.bytesIn) * 8) / seconds),
    outBps: Math.round((Math.max(0, now.bytesOut - before.bytesOut) * 8) / seconds),
  };
}

/** Bad enough to say so: speech breaks up from about here. */
export function isWeak(network: NetworkFigures | null): boolean {
  if (network === null) return false;
  return network.lossIn > 0.05 || network.lossOut > 0.05 || (network.roundTripMs ?? 0) > 500;
}

export class NetworkStats {
  private readonly figuresCell = new Cell<NetworkFigures | null>(null);
  private readonly pathCell = new Cell<PathState>("quiet");
  private readonly frozenCell = new Cell<ReadonlySet<TrackId>>(new Set());
  private readonly delaysCell = new Cell<ReadonlyMap<string, number>>(new Map());
  private readonly watch = new PathWatch();
  private readonly cushions = new CushionWatch();
  private readonly freezes = new FreezeWatch();
  private last: Totals | null = null;
  private before: Totals | null = null;
  private readings = 0;
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly scope: Scope,
    private readonly browser: Browser,
    private readonly report: () => Promise<RTCStatsReport>,
    /** Whose picture is in which slot now. */
    private readonly pictures: Value<ReadonlyMap<TrackId, MediaStreamTrack>>,
  ) {
    scope.onEnd(() => this.stopTimer());
    this.again();
  }

  get figures(): Value<NetworkFigures | null> {
    return this.figuresCell;
  }

  /** Whether anything arrives on the path, where something should. */
  get path(): Value<PathState> {
    return this.pathCell;
  }

  /** Pictures that stand still. */
  get frozen(): Value<ReadonlySet<TrackId>> {
    return this.frozenCell;
  }

  /** For how long pictures are to be held back, in milliseconds, by the id of their `MediaStreamTrack`. */
  get delays(): Value<ReadonlyMap<string, number>> {
    return this.delaysCell;
  }

  private again(): void {
    this.stopTimer = this.browser.after(READ_EVERY_MS, () => void this.read());
  }

  private async read(): Promise<void> {
    const report = await this.report().catch(() => null);
    if (this.scope.ended) return;
    if (report !== null) {
      this.take(totals(report, this.browser.nowMs()));
      const flows = this.pathCell.get() === "flowing";
      this.frozenCell.set(this.freezes.read(framesOf(report, this.pictures.get()), flows, this.browser.nowMs()));
      this.delaysCell.set(this.cushions.read(streamsOf(report), this.figuresCell.get()?.roundTripMs ?? null));
    }
    this.again();
  }

  private take(now: Totals): void {
    const came = now.datagramsIn - (this.last?.datagramsIn ?? 0);
    // After an ICE restart another pair counts, from nothing.
    this.pathCell.set(this.watch.read(came < 0 ? now.datagramsIn : came, now.atMs));
    this.last = now;
    this.readings += 1;
    if (this.before !== null && this.readings % READINGS_PER_FIGURE !== 0) return;
    if (this.before !== null) this.figuresCell.set(figures(this.before, now));
    this.before = now;
  }
}

/** The pictures that arrive, by the id of their `MediaStreamTrack`. */
function picturesIn<T>(report: RTCStatsReport, read: (number: (name: string) => number) => T): Map<string, T> {
  const found = new Map<string, T>();
  report.forEach((entry: Record<string, unknown>) => {
    const { type, kind, trackIdentifier } = entry;
    if (type !== "inbound-rtp" || kind !== "video" || typeof trackIdentifier !== "string") return;
    found.set(trackIdentifier, read((name) => (typeof entry[name] === "number" ? entry[name] : 0)));
  });
  return found;
}

/** Of every slot that somebody is in and in which something has arrived, whoever it was for. */
function framesOf(report: RTCStatsReport, pictures: ReadonlyMap<TrackId, MediaStreamTrack>): Map<TrackId, Picture> {
  const counts = picturesIn(report, (number) => number("framesDecoded"));
  const found = new Map<TrackId, Picture>();
  for (const [track, { id }] of pictures) {
    const frames = counts.get(id);
    if (frames !== undefined) found.set(track, { media: id, frames });
  }
  return found;
}

function streamsOf(report: RTCStatsReport): Map<string, StreamTotals> {
  return picturesIn(report, (number) => ({
    packets: number("packetsReceived"),
    requests: number("nackCount"),
    jitterMs: number("jitter") * 1000,
  }));
}

function totals(report: RTCStatsReport, atMs: number): Totals {
  const sum: Totals = { atMs, received: 0, lost: 0, bytesIn: 0, bytesOut: 0, datagramsIn: 0, roundTripMs: null, lossOut: 0 };
  report.forEach((entry: Record<string, unknown>) => {
    const number = (name: string) => (typeof entry[name] === "number" ? entry[name] : 0);
    if (entry["type"] === "inbound-rtp") {
      sum.received += number("packetsReceived");
      sum.lost += number("packetsLost");
      sum.bytesIn += number("bytesReceived");
    } else if (entry["type"] === "outbound-rtp") {
      sum.bytesOut += number("bytesSent");
    } else if (entry["type"] === "remote-inbound-rtp") {
      sum.lossOut = Math.max(sum.lossOut, number("fractionLost"));
    } else if (entry["type"] === "transport") {
      sum.datagramsIn += number("packetsReceived");
    } else if (entry["type"] === "candidate-pair" && entry["nominated"] === true) {
      sum.roundTripMs = Math.round(number("currentRoundTripTime") * 1000);
    }
  });
  return sum;
}
