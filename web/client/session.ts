// One participant's stay in a room, the public face of the SDK:
//
//   idle -> joining -> joined <-> lost -> left
//
// It orders the channel and the media; each decision is in the part that it calls.

import type { Browser } from "./browser";
import type { Capture } from "./capture";
import { Channel, type Target } from "./channel";
import type { VideoCodec } from "./encodings";
import { backoffMs } from "./lib/backoff";
import { Scope } from "./lib/scope";
import { Tries } from "./lib/tries";
import { Cell, derive, Happening, type Value, within } from "./lib/value";
import { Media } from "./media";
import {
  type ByeReason,
  type ClientMessage,
  type Envelope,
  type NodeMessage,
  type ParticipantId,
  type PauseReason,
  type RefusedCode,
  SIGNAL_VERSION,
  type Source,
  type TrackId,
} from "./protocol/signal.gen";
import { afterMessage, EMPTY_ROOM, pausedTracks, type Room } from "./room";
import type { Voice } from "./slots";
import type { Shown } from "./want";

/** A grant is good for minutes: one older than this is renewed before it is shown again. */
export const TICKET_FRESH_MS = 5 * 60_000;
/** While all is well it is renewed so long before, so that coming back needs only the node. */
const RENEW_AHEAD_MS = 60_000;

/** New connections in a row. A path that none of them brings back will not come back by another. */
export const MOST_NEW_CONNECTIONS = 6;
/** After this long without a new connection, the next is the first again. */
export const NEW_CONNECTIONS_FORGET_MS = 60_000;

/** What the API gives to whoever may enter. */
export interface Ticket {
  /** The node's WebSocket. */
  url: string;
  grant: string;
  iceServers: RTCIceServer[];
}

export type LeftReason =
  | ByeReason
  /** The node stayed away too long, or no media path to it could be made. */
  | "unreachable"
  /** The room is full. */
  | "full"
  /** This page is older than the node: load it again. */
  | "outdated";

export type SessionState =
  | { at: "idle" }
  | { at: "joining" }
  | { at: "joined" }
  | { at: "lost" }
  | { at: "left"; reason: LeftReason };

type Joined = Extract<NodeMessage, { type: "joined" }>;

/** Thrown by `renew` when there is nothing to come back to. */
export class SessionOver extends Error {
  constructor(readonly reason: LeftReason) {
    super(`the session is over: ${reason}`);
  }
}

/** What a page has to remember to take its place again after it was loaded anew. */
export interface Place {
  resumeKey: string;
  lastSeq: number;
  /** Of the last offer: no answer to it may be taken for one to a later offer. */
  revision: number;
}

/** Something to tell the person. */
export type Notice =
  | { kind: "muted_by_host"; source: Source }
  | { kind: "refused"; about: string; code: RefusedCode; message: string };

export interface SessionWiring {
  browser: Browser;
  /** Ending it leaves the room. */
  scope: Scope;
  capture: Capture;
  /** A fresh ticket for the same participant, when the old grant is spent. */
  renew: () => Promise<Ticket>;
  /** What the camera is encoded in, where the browser can: asked for each new connection. VP8 where nobody says. */
  videoCodec?: () => VideoCodec;
}

export class Session {
  private readonly stateCell = new Cell<SessionState>({ at: "idle" });
  private readonly roomCell = new Cell<Room>(EMPTY_ROOM);
  private readonly mediaCell = new Cell<Media | null>(null);
  private readonly contents = derive([this.roomCell], (room) => room.slots);
  /** Tracks whose picture the node leaves out for now, and why. */
  readonly paused: Value<ReadonlyMap<TrackId, PauseReason>> = derive(
    [this.contents, derive([this.roomCell], (room) => room.paused)],
    pausedTracks,
  );
  private readonly channel: Channel;
  private readonly newConnections = new Tries(MOST_NEW_CONNECTIONS, NEW_CONNECTIONS_FORGET_MS);
  private mediaScope = new Scope();
  /** Set while the next connection waits for its turn. */
  private replacing = false;
  /** Of the last offer. Counts on over connections, so that no late answer is taken for another's. */
  private revision = 0;
  private ticket: Ticket | null = null;
  private ticketAtMs = 0;
  /** Set from renewing a grant until it lets us in: a fresh grant that is refused ends the session. */
  private grantFresh = false;
  private stopRenewing: () => void = () => undefined;
  private resumeKey: string | null = null;
  private lastSeq = 0;
  private shown: readonly Shown[] = [];

  readonly state: Value<SessionState> = this.stateCell;
  readonly room: Value<Room> = this.roomCell;
  readonly pictures: Value<ReadonlyMap<TrackId, MediaStreamTrack>> = within(
    this.mediaCell,
    (media) => media.slots.pictures,
    new Map<TrackId, MediaStreamTrack>() as ReadonlyMap<TrackId, MediaStreamTrack>,
  );
  readonly voices: Value<readonly Voice[]> = within(this.mediaCell, (media) => media.slots.voices, []);
  readonly transport = within(this.mediaCell, (media) => media.connection.state, "new");
  readonly network = within(this.mediaCell, (media) => media.network.figures, null);
  private readonly still = within(this.mediaCell, (media) => media.network.frozen, new Set<TrackId>() as ReadonlySet<TrackId>);
  /** Tracks whose picture has brought no new frame for a while, though the network is there. */
  readonly frozen: Value<ReadonlySet<TrackId>> = derive([this.pictures, this.still], frozenTracks);
  readonly notices = new Happening<Notice>();

  constructor(private readonly wiring: SessionWiring) {
    this.channel = new Channel({
      browser: wiring.browser,
      scope: wiring.scope,
      target: () => this.target(),
      onMessage: (envelope) => this.receive(envelope),
      onAnswer: () => this.mediaCell.get()?.nudge(),
      onLost: () => this.lost(),
      onGaveUp: () => this.end("unreachable"),
    });
    wiring.scope.onEnd(() => this.leave());
  }

  /** When the next try to come back begins, in milliseconds since the epoch. */
  get retryAtMs(): Value<number | null> {
    return this.channel.retryAtMs;
  }

  /** @param place from {@link place}, where the page was loaded anew: the place is taken again, if it is still kept. */
  join(ticket: Ticket, place: Place | null = null): void {
    if (this.stateCell.get().at !== "idle") return;
    if (place !== null) ({ resumeKey: this.resumeKey, lastSeq: this.lastSeq, revision: this.revision } = place);
    this.keep(ticket);
    this.stateCell.set({ at: "joining" });
    this.channel.open();
  }

  /** Where to come back to; null before joining and after leaving. */
  get place(): Place | null {
    if (this.resumeKey === null || this.stateCell.get().at === "left") return null;
    return { resumeKey: this.resumeKey, lastSeq: this.lastSeq, revision: this.revision };
  }

  leave(): void {
    if (this.stateCell.get().at === "left") return;
    this.channel.send({ type: "leave" });
    this.end("left");
  }

  /** Tries to come back now. */
  hurry(): void {
    this.channel.hurry();
  }

  /** Says what the page shows, most important first. */
  show(shown: readonly Shown[]): void {
    this.shown = shown;
    this.mediaCell.get()?.slots.show(shown);
  }

  muteOther(participant: ParticipantId, source: Source): boolean {
    return this.channel.send({ type: "mute_other", participant, source });
  }

  remove(participant: ParticipantId): boolean {
    return this.channel.send({ type: "remove", participant });
  }

  private async target(): Promise<Target> {
    const ticket = await this.freshTicket();
    const join: ClientMessage & { type: "join" } = { type: "join", version: SIGNAL_VERSION, grant: ticket.grant };
    if (this.resumeKey !== null) join.resume = { resume_key: this.resumeKey, last_seq: this.lastSeq };
    return { url: ticket.url, join };
  }

  private async freshTicket(): Promise<Ticket> {
    const { browser, renew } = this.wiring;
    if (this.ticket !== null && browser.nowMs() - this.ticketAtMs < TICKET_FRESH_MS) return this.ticket;
    try {
      const ticket = await renew();
      this.grantFresh = true;
      return this.keep(ticket);
    } catch (error) {
      if (error instanceof SessionOver) this.end(error.reason);
      throw error;
    }
  }

  private keep(ticket: Ticket): Ticket {
    const { browser } = this.wiring;
    this.ticket = ticket;
    this.ticketAtMs = browser.nowMs();
    this.renewLater();
    return ticket;
  }

  private renewLater(): void {
    const { browser } = this.wiring;
    this.stopRenewing();
    const aheadMs = RENEW_AHEAD_MS * (1 + browser.random());
    this.stopRenewing = browser.after(TICKET_FRESH_MS - aheadMs, () => void this.renewAhead());
  }

  /** What goes wrong here is no harm yet: whoever has to come back asks again. */
  private async renewAhead(): Promise<void> {
    if (this.stateCell.get().at !== "joined") return;
    const before = this.ticket;
    const ticket = await this.wiring.renew().catch(() => null);
    if (ticket !== null && this.ticket === before && this.stateCell.get().at !== "left") this.keep(ticket);
  }

  private receive(envelope: Envelope): void {
    const seq = seqAfter(this.lastSeq, envelope);
    if (seq === null) return;
    this.lastSeq = seq;
    this.roomCell.update((room) => afterMessage(room, envelope, this.wiring.browser.nowMs()));
    switch (envelope.type) {
      case "joined":
        return this.joined(envelope);
      case "answer":
        return this.answered(envelope);
      case "layers":
        return this.mediaCell.get()?.limit(envelope.source, envelope.wanted);
      case "muted_by_host":
        return this.mutedByHost(envelope.source);
      case "refused":
        return this.refused(envelope);
      case "bye":
        return this.bye(envelope.reason, envelope.retry_after_ms);
    }
  }

  private joined({ resume_key, resumed, reconnect_within_ms }: Joined): void {
    this.resumeKey = resume_key;
    this.grantFresh = false;
    this.channel.settle(reconnect_within_ms);
    const media = this.mediaCell.get();
    if (resumed && media !== null) media.repeat();
    else {
      if (!resumed) this.revision = 0;
      this.startMedia();
    }
    this.stateCell.set({ at: "joined" });
  }

  private answered({ revision, sdp, slots }: Extract<NodeMessage, { type: "answer" }>): void {
    const media = this.mediaCell.get();
    // The node empties the slots with a connection, and fills them with the next one.
    if (media?.connection.answered === false) this.emptySlots();
    media?.answer(revision, sdp, slots);
  }

  private emptySlots(): void {
    this.roomCell.update((room) => ({ ...room, slots: new Map(), paused: new Map() }));
  }

  private startMedia(): void {
    this.mediaScope.end();
    this.replacing = false;
    this.mediaScope = this.wiring.scope.child();
    const media = new Media({
      browser: this.wiring.browser,
      scope: this.mediaScope,
      capture: this.wiring.capture,
      iceServers: this.ticket?.iceServers ?? [],
      videoCodec: this.wiring.videoCodec?.() ?? "vp8",
      contents: this.contents,
      send: (message) => this.channel.send(message),
      nextRevision: () => ++this.revision,
      onBroken: () => this.rebuild(),
      onPath: (state) => this.onPath(state),
    });
    this.mediaCell.set(media);
    media.slots.show(this.shown);
    media.start();
  }

  private lost(): void {
    this.stateCell.set({ at: "lost" });
    this.mediaCell.get()?.hold();
  }

  /** Media tells first when a network goes and when it comes back: it moves all the time. */
  private onPath(state: "silent" | "back"): void {
    if (state === "silent") this.channel.doubt();
    else if (this.stateCell.get().at === "lost") this.channel.hurry();
  }

  /** The node's end of the path is gone or of no use: another connection for the same place. */
  private replaceConnection(): void {
    if (this.replacing) return;
    const attempt = this.newConnections.next(this.wiring.browser.nowMs());
    if (attempt === null) return this.end("unreachable");
    this.replacing = true;
    const { browser } = this.wiring;
    const stop = browser.after(backoffMs(attempt, browser.random()), () => {
      this.emptySlots();
      this.startMedia();
    });
    this.mediaScope.onEnd(stop);
  }

  /** The path is beyond healing: come back as the same participant with everything new. */
  private rebuild(): void {
    if (this.newConnections.next(this.wiring.browser.nowMs()) === null) return this.end("unreachable");
    this.resumeKey = null;
    this.ticket = null;
    this.comeBack();
  }

  /** The grant is not taken any more: come back with another, to the place that is kept. */
  private renewGrant(retryAfterMs?: number): void {
    this.ticket = null;
    this.comeBack(retryAfterMs);
  }

  private comeBack(retryAfterMs?: number): void {
    this.mediaCell.get()?.hold();
    this.stateCell.set({ at: this.resumeKey === null && this.mediaCell.get() === null ? "joining" : "lost" });
    this.channel.reconnect(retryAfterMs);
  }

  private mutedByHost(source: Source): void {
    const { capture } = this.wiring;
    if (source === "microphone") capture.muteMicrophone();
    else if (source === "camera") capture.stopCamera();
    else capture.stopScreen();
    this.notices.emit({ kind: "muted_by_host", source });
  }

  private refused({ about, code, message }: { about: string; code: RefusedCode; message: string }): void {
    if (about === "offer" && this.offerRefused(code)) return;
    if (about !== "join") return this.notices.emit({ kind: "refused", about, code, message });
    if (code === "unsupported_version") return this.end("outdated");
    if (code === "limit_reached") return this.end("full");
    if (code === "not_allowed" || (code === "grant_invalid" && this.grantFresh)) return this.end("refused");
    if (code === "grant_invalid") return this.renewGrant();
    // Draining or a fault of the node: the next try may find it well.
    this.channel.reconnect();
  }

  /** True when it is being mended, so that there is nothing to tell. */
  private offerRefused(code: RefusedCode): boolean {
    const media = this.mediaCell.get();
    if (media === null) return false;
    // Too many offers or connections at once, before there is a path: the next may find a place.
    const noPath = code === "limit_reached" && !media.connection.answered;
    if (code === "internal" || code === "offer_unusable" || noPath) {
      this.replaceConnection();
      return true;
    }
    media.refused();
    return false;
  }

  private bye(reason: ByeReason, retryAfterMs: number | undefined): void {
    if (reason === "grant_expired") return this.renewGrant(retryAfterMs);
    if (reason === "draining") return this.comeBack(retryAfterMs);
    this.end(reason);
  }

  private end(reason: LeftReason): void {
    if (this.stateCell.get().at === "left") return;
    this.stateCell.set({ at: "left", reason });
    this.channel.close();
    this.stopRenewing();
    this.mediaScope.end();
    this.mediaCell.set(null);
  }
}

/**
 * The number up to which everything is processed, or null for what was processed before: after
 * resuming, a node may repeat itself. A new joining counts anew; 0 is outside the count.
 */
export function seqAfter(lastSeq: number, envelope: Envelope): number | null {
  if (envelope.seq === 0) return lastSeq;
  if (envelope.type === "joined") return envelope.resumed ? lastSeq : envelope.seq;
  return envelope.seq > lastSeq ? envelope.seq : null;
}

/** Of those that stood still at the last reading, the ones that are in a slot yet. */
function frozenTracks(pictures: ReadonlyMap<TrackId, MediaStreamTrack>, still: ReadonlySet<TrackId>): ReadonlySet<TrackId> {
  return new Set([...still].filter((track) => pictures.has(track)));
}
