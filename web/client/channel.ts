// The signalling WebSocket: says `join` first, hands on what the node says, notices when it is
// gone, and comes back with growing waits. It knows nothing of media.

import type { Browser, Socket } from "./browser";
import { comeBackMs, DEFAULT_SPREAD_MS, EARLY_MS } from "./lib/backoff";
import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";
import { readEnvelope } from "./protocol/read";
import type { ClientMessage, Envelope } from "./protocol/signal.gen";

/** How often the node is asked whether it is there. */
export const PING_EVERY_MS = 4_000;
/** Silence after which the WebSocket counts as lost: two pings unanswered. */
export const SILENCE_MS = 9_000;
/** How long the node may take to answer when there is reason to doubt that it is there. */
export const DOUBT_MS = 1_500;
/**
 * How long a try to come back may take before another begins, while the loss is young. A network
 * that swallows everything lets a try hang for minutes, and the kernel asks again after one
 * second and then ever later: with this, somebody asks every second.
 */
export const TRY_PATIENCE_MS = 2_000;
/** The same for a first joining, and for a loss that is old: over a slow network a try takes long. */
export const LONG_PATIENCE_MS = 10_000;
/** A try that is younger is not begun anew. */
const FRESH_TRY_MS = 500;
/** A stay that was shorter is part of the loss before it: its waits go on growing. */
const STEADY_AFTER_MS = 5_000;
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
  /** The node answered a ping. */
  onAnswer: () => void;
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
  private settledAtMs: number | null = null;
  private spreadMs = DEFAULT_SPREAD_MS;
  /** When the try that is under way began. */
  private triedAtMs: number | null = null;
  /** Tells the try that is under way from those that were abandoned. */
  private tries = 0;
  private heardAtMs = 0;
  private stopTimer: () => void = () => undefined;
  private stopPing: () => void = () => undefined;
  private stopDoubt: () => void = () => undefined;

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
    if (this.stateCell.get() !== "closed") this.wait(retryAfterMs);
  }

  /** Tries now, and not at the end of a wait or of a try that hangs: the network came back, or a person asked. */
  hurry(): void {
    const { browser } = this.wiring;
    const hangs = this.triedAtMs !== null && browser.nowMs() - this.triedAtMs >= FRESH_TRY_MS;
    if (this.stateCell.get() === "waiting" || (this.stateCell.get() === "connecting" && hangs)) void this.connect();
    else this.doubt();
  }

  /** Asks the node whether it is there, and does not wait long: something says that it is not. */
  doubt(): void {
    const { browser } = this.wiring;
    if (!this.send({ type: "ping", sent_at_ms: browser.nowMs() })) return;
    const askedAtMs = browser.nowMs();
    this.stopDoubt();
    this.stopDoubt = browser.after(DOUBT_MS, () => {
      if (this.heardAtMs < askedAtMs) this.lost();
    });
  }

  /** The join was accepted. `spreadMs`: within what span to come back after a loss. */
  settle(spreadMs = DEFAULT_SPREAD_MS): void {
    this.settledAtMs = this.wiring.browser.nowMs();
    this.lostSinceMs = null;
    this.spreadMs = spreadMs;
  }

  close(): void {
    if (this.stateCell.get() === "closed") return;
    this.stateCell.set("closed");
    this.stopTimer();
    this.drop();
  }

  private async connect(): Promise<void> {
    const { browser } = this.wiring;
    const mine = ++this.tries;
    this.drop();
    this.retryAtCell.set(null);
    this.stateCell.set("connecting");
    this.triedAtMs = browser.nowMs();
    this.stopTimer();
    this.stopTimer = browser.after(this.patienceMs(), () => this.lost());
    let target: Target;
    try {
      target = await this.wiring.target();
    } catch {
      if (this.tries === mine && this.stateCell.get() === "connecting") this.lost();
      return;
    }
    if (this.tries === mine && this.stateCell.get() === "connecting") this.begin(target);
  }

  private begin({ url, join }: Target): void {
    const { browser } = this.wiring;
    const socket = browser.socket(url);
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.heardAtMs = browser.nowMs();
      this.stateCell.set("open");
      socket.send(JSON.stringify(join));
      this.watch();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.heard();
      const envelope = readEnvelope(event.data);
      if (envelope?.type === "pong") this.wiring.onAnswer();
      else if (envelope !== null) this.wiring.onMessage(envelope);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  private heard(): void {
    this.heardAtMs = this.wiring.browser.nowMs();
    if (this.triedAtMs === null) return;
    this.triedAtMs = null;
    this.stopTimer();
  }

  private patienceMs(): number {
    return this.settledAtMs !== null && this.lostForMs() < EARLY_MS ? TRY_PATIENCE_MS : LONG_PATIENCE_MS;
  }

  private lostForMs(): number {
    const now = this.wiring.browser.nowMs();
    return now - (this.lostSinceMs ?? now);
  }

  private lost(): void {
    const wasOpen = this.stateCell.get() === "open";
    this.wait(0);
    if (wasOpen) this.wiring.onLost();
  }

  private wait(retryAfterMs: number): void {
    const { browser } = this.wiring;
    const now = browser.nowMs();
    if (this.lostSinceMs === null && this.settledAtMs !== null && now - this.settledAtMs >= STEADY_AFTER_MS) this.attempt = 0;
    this.lostSinceMs ??= now;
    this.drop();
    if (this.lostForMs() > GIVE_UP_AFTER_MS) {
      this.close();
      this.wiring.onGaveUp();
      return;
    }
    const loss = { spreadMs: this.spreadMs, lastedMs: this.lostForMs(), retryAfterMs };
    // A try that hung has waited already.
    const tookMs = this.triedAtMs === null ? 0 : now - this.triedAtMs;
    const waitMs = Math.max(0, comeBackMs(this.attempt, browser.random(), loss) - (retryAfterMs > 0 ? 0 : tookMs));
    this.attempt += 1;
    this.triedAtMs = null;
    this.retryAtCell.set(now + waitMs);
    this.stateCell.set("waiting");
    this.stopTimer();
    this.stopTimer = browser.after(waitMs, () => void this.connect());
  }

  private drop(): void {
    this.stopPing();
    this.stopDoubt();
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
