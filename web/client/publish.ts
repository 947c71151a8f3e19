// Carries what is captured to the connection and tells the node about it, one step at a time for
// each source, so that a quick off-on-off ends as off.

import { type Capture, trackState } from "./capture";
import type { Connection } from "./connection";
import type { Scope } from "./lib/scope";
import { follow } from "./lib/value";
import type { ClientMessage, Source, TrackState } from "./protocol/signal.gen";

const SOURCES: readonly Source[] = ["camera", "microphone", "screen", "screen_audio"];

export interface PublishWiring {
  capture: Capture;
  connection: Connection;
  /** Ends with the connection. */
  scope: Scope;
  send: (message: ClientMessage) => boolean;
}

export class Publisher {
  private readonly told = new Map<Source, TrackState>();
  private readonly busy = new Map<Source, Promise<void>>();

  constructor(private readonly wiring: PublishWiring) {}

  /** What an offer says; from then on only changes are told. */
  stateForOffer(source: Source): TrackState {
    const state = trackState(this.wiring.capture.source(source).get());
    this.told.set(source, state);
    return state;
  }

  /** Puts what is captured into the m-lines and keeps it so. */
  start(): void {
    for (const source of SOURCES) {
      this.wiring.scope.onEnd(follow(this.wiring.capture.source(source), () => this.reconcile(source)));
    }
  }

  /** Says everything again, for the node may have missed what was said into a dead WebSocket. */
  repeat(): void {
    for (const source of this.told.keys()) this.tell(source, trackState(this.wiring.capture.source(source).get()));
  }

  /** The node says which layers of a source anybody receives. */
  limit(source: Source, wanted: readonly string[]): void {
    this.inTurn(source, () => this.wiring.connection.limit(source, new Set(wanted)));
  }

  private reconcile(source: Source): void {
    this.inTurn(source, async () => {
      const { capture, connection, scope } = this.wiring;
      const captured = capture.source(source).get();
      // A track that the browser refuses (ended between two lines) is followed by its own change.
      await connection.send(source, captured.track).catch(() => undefined);
      if (scope.ended) return;
      const state = trackState(captured);
      if (this.told.has(source) && this.told.get(source) !== state) this.tell(source, state);
    });
  }

  private inTurn(source: Source, act: () => Promise<void>): void {
    this.busy.set(source, (this.busy.get(source) ?? Promise.resolve()).then(act));
  }

  private tell(source: Source, state: TrackState): void {
    // What is not heard now is said again by `repeat` when the WebSocket is back.
    this.wiring.send({ type: "set_track", source, state });
    this.told.set(source, state);
  }
}
