// The signalling WebSocket: says `join` first, hands on what the node says, notices when it is
// gone, and comes back with growing waits. It knows nothing of media.

import type { Browser, Socket } from "./browser";
import { backoffMs } from "./lib/backoff";
import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";
import { readEnvelope } from "./protocol/read";
import type { ClientMessage, Envelope } from "./protocol/signal.gen";

/** How often the node is asked whether it is there. */
export const PING_EVERY_MS = 4_000;
/** Silence after which the WebSocket counts as lost: two pings unanswered. */
export const SILENCE_MS = 9_000;
/** How long losing the node is borne before giving up; the page then offers to try again. */
export const GIVE_UP_AFTER_MS = 120_000;

export type ChannelState = "idle" | "connecting" | "open" | "waiting" | "closed";

/** Where to go and what to say first. */
export interface Target {
  url: string;
  join: ClientMessage & { type: "join" };
}

export interface ChannelWiring {
  browser: Browser;
  scope: Scope;
  /** Asked before every try, because a grant may have to be renewed. Throwing counts as a failed try. */
  target: () => Promise<Target>;
  onMessage: (envelope: Envelope) => void;
  /** The WebSocket was open and is not any more. */
  onLost: () => void;
  /** The node stayed away for {@link GIVE_UP_AFTER_MS}. */
  onGaveUp: () => void;
}

export class Channel {
  private readonly stateCell = new Cell<ChannelState>("idle");
  private readonly retryAtCell = new Cell<number | null>(null);
  private socket: Socket | null = null;
  private attempt = 0;
  private lostSinceMs: number | null = null;
  private heardAtMs = 0;
  private stopTimer: () => void = () => undefined;
  private stopPing: () => void = () => undefined;

  constructor(private readonly wiring: ChannelWiring) {
    wiring.scope.onEnd(() => this.close());
  }

  get state(): Value<ChannelState> {
    return this.stateCell;
  }

  /** When the next try begins, in milliseconds since the epoch. */
  get retryAtMs(): Value<number | null> {
    return this.retryAtCell;
  }

  open(): void {
    if (this.stateCell.get() !== "idle") return;
    this.lostSinceMs = this.wiring.browser.nowMs();
    void this.connect();
  }

  /** False when there is nobody to hear it: what must survive a loss is said again after joining. */
  send(message: ClientMessage): boolean {
    if (this.socket === null || this.stateCell.get() !== "open") return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Drops the WebSocket and tries again, after the wait that the node asked for. */
  reconnect(retryAfterMs = 0): void {
    if (this.stateCell.get() === "closed") return;
    this.drop();
    this.lostSinceMs ??= this.wiring.browser.nowMs();
    this.wait(retryAfterMs);
  }

  /** Tries now instead of at the end of the wait: the network came back, or a person asked. */
  hurry(): void {
    if (this.stateCell.get() !== "waiting") return;
    this.stopTimer();
    void this.connect();
  }

  /** The join was accepted: the next loss starts with short waits again. */
  settle(): void {
    this.attempt = 0;
    this.lostSinceMs = null;
  }

  close(): void {
    if (this.stateCell.get() === "closed") return;
    this.stateCell.set("closed");
    this.stopTimer();
    this.drop();
  }

  private async connect(): Promise<void> {
    this.retryAtCell.set(null);
    this.stateCell.set("connecting");
    let target: Target;
    try {
      target = await this.wiring.target();
    } catch {
      if (this.stateCell.get() === "connecting") this.wait(0);
      return;
    }
    if (this.stateCell.get() !== "connecting") return;
    const socket = this.wiring.browser.socket(target.url);
    this.socket = socket;
    this.heardAtMs = this.wiring.browser.nowMs();
    this.watch();
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.stateCell.set("open");
      socket.send(JSON.stringify(target.join));
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.heardAtMs = this.wiring.browser.nowMs();
      const envelope = readEnvelope(event.data);
      if (envelope !== null && envelope.type !== "pong") this.wiring.onMessage(envelope);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  private lost(): void {
    const wasOpen = this.stateCell.get() === "open";
    this.lostSinceMs ??= this.wiring.browser.nowMs();
    this.drop();
    this.wait(0);
    if (wasOpen) this.wiring.onLost();
  }

  private wait(retryAfterMs: number): void {
    const { browser } = this.wiring;
    if (browser.nowMs() - (this.lostSinceMs ?? browser.nowMs()) > GIVE_UP_AFTER_MS) {
      this.close();
      this.wiring.onGaveUp();
      return;
    }
    const waitMs = backoffMs(this.attempt, browser.random(), retryAfterMs);
    this.attempt += 1;
    this.retryAtCell.set(browser.nowMs() + waitMs);
    this.stateCell.set("waiting");
    this.stopTimer();
    this.stopTimer = browser.after(waitMs, () => void this.connect());
  }

  private drop(): void {
    this.stopPing();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Pings, and takes long silence for a loss: a dead network closes no WebSocket by itself. */
  private watch(): void {
    const { browser } = this.wiring;
    const beat = () => {
      if (browser.nowMs() - this.heardAtMs > SILENCE_MS) {
        this.lost();
        return;
      }
      this.send({ type: "ping", sent_at_ms: browser.nowMs() });
      this.stopPing = browser.after(PING_EVERY_MS, beat);
    };
    this.stopPing();
    this.stopPing = browser.after(PING_EVERY_MS, beat);
  }
}
