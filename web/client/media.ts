// The media half of a session, from one joining to the next: connection, what is sent, what
// arrives, and the healing of a broken path. Ends as a whole and is made anew as a whole.

import type { Browser } from "./browser";
import type { Capture } from "./capture";
import { Connection, type ConnectionState } from "./connection";
import { hold } from "./cushion";
import type { VideoCodec } from "./encodings";
import type { Scope } from "./lib/scope";
import type { Value } from "./lib/value";
import type { ClientMessage, Slot, SlotId, Source, TrackId } from "./protocol/signal.gen";
import { Publisher } from "./publish";
import { Slots } from "./slots";
import { NetworkStats } from "./stats";

/** A path that is interrupted often heals itself within this; then new candidates are tried. */
const HEAL_AFTER_MS = 3_000;
/** A path that new candidates do not heal within this, whatever states it goes through, is given up and joined anew. */
const REBUILD_AFTER_MS = 10_000;

export interface MediaWiring {
  browser: Browser;
  scope: Scope;
  capture: Capture;
  iceServers: RTCIceServer[];
  videoCodec: VideoCodec;
  contents: Value<ReadonlyMap<SlotId, TrackId | null>>;
  send: (message: ClientMessage) => boolean;
  nextRevision: () => number;
  /** The path cannot be healed: join again. */
  onBroken: () => void;
  /** Nothing arrives any more, though ICE has not said so yet; or something arrives again. */
  onPath: (state: "silent" | "back") => void;
}

export class Media {
  readonly connection: Connection;
  readonly slots: Slots;
  readonly network: NetworkStats;
  private readonly publisher: Publisher;
  private stopTimer: () => void = () => undefined;
  /** New candidates were tried in this silence. */
  private nudged = false;
  /** "held": without signalling no path can be healed, only come back by itself. */
  private healing: "no" | "waiting" | "restarted" | "held" = "no";

  constructor(private readonly wiring: MediaWiring) {
    const { browser, scope, capture, iceServers, videoCodec, contents, send, nextRevision } = wiring;
    this.connection = new Connection({
      browser,
      scope,
      iceServers,
      videoCodec,
      nextRevision,
      stateOf: (source) => this.publisher.stateForOffer(source),
      sendOffer: (offer) => send({ type: "offer", ...offer }),
    });
    this.publisher = new Publisher({ capture, connection: this.connection, scope, send });
    this.slots = new Slots({
      browser,
      scope,
      lines: this.connection.slots,
      contents,
      send,
      onShort: (wanted) => void this.connection.growVideoSlots(wanted),
    });
    this.network = new NetworkStats(scope, browser, () => this.connection.stats(), this.slots.pictures);
    scope.onEnd(this.connection.state.subscribe(() => this.heal(this.connection.state.get())));
    const holdBack = () => hold(this.connection.slots.get(), contents.get(), this.network.delays.get());
    for (const value of [this.connection.slots, contents, this.network.delays]) scope.onEnd(value.subscribe(holdBack));
    this.followPath();
    scope.onEnd(() => this.stopTimer());
  }

  start(): void {
    this.publisher.start();
    void this.connection.offer();
  }

  answer(revision: number, sdp: string, slots: readonly Slot[]): void {
    // An answer that the browser cannot read leaves no path: the same cure as a broken one.
    this.connection.answer(revision, sdp, slots).catch(() => this.wiring.onBroken());
  }

  /** The node says which layers of a source anybody receives. Before its first answer it speaks of the connection before. */
  limit(source: Source, wanted: readonly string[]): void {
    if (this.connection.answered) this.publisher.limit(source, wanted);
  }

  /** The node refused an offer for a reason that leaves the path as it was. */
  refused(): void {
    this.connection.withdrawOffer().catch(() => this.wiring.onBroken());
  }

  /** The WebSocket is lost: no offer gets through, so none is made and no time is counted. */
  hold(): void {
    this.healing = "held";
    this.stopTimer();
  }

  /** The WebSocket is back and the node has kept our place: say again what it may have missed. */
  repeat(): void {
    this.connection.repeatOffer();
    this.publisher.repeat();
    this.slots.repeat();
    this.healing = "no";
    const state = this.connection.state.get();
    if (state === "interrupted" || state === "failed") this.restart();
    else this.nudge();
  }

  /**
   * The node answers and the path is silent: new candidates are tried at once, and once. Perhaps
   * everyone just fell silent; a path that is really gone is then healed as ICE says so.
   */
  nudge(): void {
    if (this.network.path.get() !== "silent" || this.nudged) return;
    this.nudged = true;
    void this.connection.offer(true);
  }

  private heal(state: ConnectionState): void {
    if (this.healing === "held") return;
    if (state === "connected") this.settle();
    else if (state === "failed" && this.healing !== "restarted") this.restart();
    else if (state === "interrupted" && this.healing === "no") {
      this.healing = "waiting";
      this.later(HEAL_AFTER_MS, () => this.restart());
    }
  }

  private followPath(): void {
    const { path } = this.network;
    let before = path.get();
    const check = () => {
      const now = path.get();
      if (now !== "silent") this.nudged = false;
      if (now === "silent") this.wiring.onPath("silent");
      else if (before === "silent") this.wiring.onPath("back");
      before = now;
    };
    this.wiring.scope.onEnd(path.subscribe(check));
    this.wiring.scope.onEnd(
      this.connection.state.subscribe(() => {
        if (this.connection.state.get() === "connected") this.wiring.onPath("back");
      }),
    );
  }

  private settle(): void {
    this.healing = "no";
    this.stopTimer();
  }

  /** From here on only a path that is there again ends the wait: a restart makes states of its own. */
  private restart(): void {
    this.healing = "restarted";
    void this.connection.offer(true);
    this.later(REBUILD_AFTER_MS, () => this.wiring.onBroken());
  }

  private later(ms: number, act: () => void): void {
    this.stopTimer();
    this.stopTimer = this.wiring.browser.after(ms, act);
  }
}
