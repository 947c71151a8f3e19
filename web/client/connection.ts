// The browser's end of a participant's transport: one RTCPeerConnection that always offers.
// It makes the m-lines, negotiates one revision at a time, and says what arrives in which slot.

import type { Browser } from "./browser";
import {
  cameraEncodings,
  fittedEncodings,
  MICROPHONE_ENCODING,
  preferredCodecs,
  SCREEN_AUDIO_ENCODING,
  SCREEN_ENCODING,
  usableCodec,
  VIDEO_START_KBPS,
  type VideoCodec,
} from "./encodings";
import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";
import { type Kind, MAX_SLOTS, type PublishLine, type Slot, type SlotId, type Source, type TrackState } from "./protocol/signal.gen";
import { withVideoStart } from "./sdp";

/** Voices heard at once: more than this many people talking is noise. */
export const AUDIO_SLOTS = 6;
/** Pictures at first; a larger room asks for more by one more offer. */
export const VIDEO_SLOTS = 12;

const SOURCES: readonly Source[] = ["microphone", "camera", "screen", "screen_audio"];

export type ConnectionState = "new" | "connecting" | "connected" | "interrupted" | "failed" | "closed";

/** A slot as the browser sees it. */
export interface SlotLine {
  slot: SlotId;
  kind: Kind;
  /** What arrives in it; stays the same object whoever is shown. */
  media: MediaStreamTrack;
  receiver: RTCRtpReceiver;
}

export interface Offer {
  revision: number;
  sdp: string;
  publish: PublishLine[];
}

export interface ConnectionWiring {
  browser: Browser;
  scope: Scope;
  iceServers: RTCIceServer[];
  /** What the camera is encoded in, where the browser can. */
  videoCodec: VideoCodec;
  /** The number of the next offer: never one that a connection before this one has used. */
  nextRevision: () => number;
  /** What each source is when an offer is made. */
  stateOf: (source: Source) => TrackState;
  sendOffer: (offer: Offer) => void;
}

export class Connection {
  private readonly peer: RTCPeerConnection;
  private readonly stateCell = new Cell<ConnectionState>("new");
  private readonly slotsCell = new Cell<readonly SlotLine[]>([]);
  private readonly sending = new Map<Source, RTCRtpTransceiver>();
  private readonly wanted = new Map<Source, ReadonlySet<string>>();
  private revision = 0;
  private awaiting: number | null = null;
  private again: { iceRestart: boolean } | null = null;
  private hasAnswer = false;

  constructor(private readonly wiring: ConnectionWiring) {
    const { browser, scope } = wiring;
    this.peer = browser.peer({ iceServers: wiring.iceServers, bundlePolicy: "max-bundle" });
    for (const source of SOURCES) this.addSender(source);
    for (let i = 0; i < AUDIO_SLOTS; i++) this.addReceiver("audio");
    for (let i = 0; i < VIDEO_SLOTS; i++) this.addReceiver("video");
    scope.listen(this.peer, "connectionstatechange", () => this.readState());
    scope.listen(this.peer, "iceconnectionstatechange", () => this.readState());
    scope.onEnd(() => {
      this.peer.close();
      this.stateCell.set("closed");
    });
  }

  get state(): Value<ConnectionState> {
    return this.stateCell;
  }

  /** The slots that the node granted. */
  get slots(): Value<readonly SlotLine[]> {
    return this.slotsCell;
  }

  /** Whether the node has ever answered: without an answer there is no path at all. */
  get answered(): boolean {
    return this.hasAnswer;
  }

  stats(): Promise<RTCStatsReport> {
    return this.peer.getStats();
  }

  /** Makes an offer, or makes another as soon as the one on its way is answered. */
  async offer(iceRestart = false): Promise<void> {
    if (this.awaiting !== null) {
      this.again = { iceRestart: iceRestart || (this.again?.iceRestart ?? false) };
      return;
    }
    this.revision = this.wiring.nextRevision();
    this.awaiting = this.revision;
    const description = await this.peer.createOffer({ iceRestart });
    if (this.wiring.scope.ended) return;
    await this.peer.setLocalDescription(description);
    this.sendOffer();
  }

  /** Sends the unanswered offer again, for the WebSocket was lost with it. */
  repeatOffer(): void {
    if (this.awaiting !== null && this.peer.localDescription !== null) this.sendOffer();
  }

  async answer(revision: number, sdp: string, slots: readonly Slot[]): Promise<void> {
    if (revision !== this.awaiting || this.wiring.scope.ended) return;
    const tuned = withVideoStart(sdp, VIDEO_START_KBPS);
    await this.peer.setRemoteDescription({ type: "answer", sdp: tuned });
    this.awaiting = null;
    this.hasAnswer = true;
    const granted = new Set(slots.map(({ slot }) => slot));
    this.slotsCell.set(
      this.peer.getTransceivers().flatMap((transceiver): SlotLine[] => {
        const { mid, receiver } = transceiver;
        if (mid === null || !granted.has(mid)) return [];
        return [{ slot: mid, kind: receiver.track.kind as Kind, media: receiver.track, receiver }];
      }),
    );
    await this.offerAgain();
  }

  /** The node did not take the offer on its way: what was agreed before stays, and later offers may follow. */
  async withdrawOffer(): Promise<void> {
    // An offer that is still being made cannot be the one that was refused.
    if (this.awaiting === null || this.peer.signalingState !== "have-local-offer" || this.wiring.scope.ended) return;
    await this.peer.setLocalDescription({ type: "rollback" });
    if (this.wiring.scope.ended) return;
    // The lines that this offer brought would be refused again with every later one.
    const sending = new Set(this.sending.values());
    for (const line of this.lines()) if (line.mid === null && !sending.has(line)) line.stop();
    this.awaiting = null;
    await this.offerAgain();
  }

  /** Puts a captured track, or silence, into the source's m-line. Needs no renegotiation. */
  async send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const sender = this.sending.get(source)?.sender;
    if (sender === undefined || this.wiring.scope.ended) return;
    await sender.replaceTrack(track);
    if (track !== null) await this.fit(source, sender);
  }

  /** Sends only these layers of a source, as the node names them: nobody receives the others. */
  async limit(source: Source, wanted: ReadonlySet<string>): Promise<void> {
    const sender = this.sending.get(source)?.sender;
    if (sender === undefined || this.wiring.scope.ended) return;
    this.wanted.set(source, wanted);
    await this.fit(source, sender);
  }

  /** True when more slots were asked for; the node's answer brings them. */
  async growVideoSlots(wanted: number): Promise<boolean> {
    const receiving = this.lines().length - this.sending.size;
    const video = receiving - AUDIO_SLOTS;
    const missing = Math.min(wanted - video, MAX_SLOTS - receiving);
    if (missing <= 0) return false;
    for (let i = 0; i < missing; i++) this.addReceiver("video");
    await this.offer();
    return true;
  }

  private async fit(source: Source, sender: RTCRtpSender): Promise<void> {
    const { width, height } = sender.track?.getSettings() ?? {};
    const known = source === "camera" && width !== undefined && height !== undefined;
    const parameters = sender.getParameters();
    parameters.encodings = fittedEncodings(parameters.encodings, {
      picture: known ? { width, height } : null,
      wanted: this.wanted.get(source) ?? null,
    });
    // A browser that knows only one layer keeps what it has: the picture is sent all the same.
    await sender.setParameters(parameters).catch(() => undefined);
  }

  /** What was asked for while another offer was on its way. */
  private async offerAgain(): Promise<void> {
    const again = this.again;
    this.again = null;
    if (again !== null) await this.offer(again.iceRestart);
  }

  /** The m-lines that are or will be in an offer. */
  private lines(): RTCRtpTransceiver[] {
    return this.peer.getTransceivers().filter(({ direction }) => direction !== "stopped");
  }

  private addSender(source: Source): void {
    const kind = source === "camera" || source === "screen" ? "video" : "audio";
    const codec = usableCodec(this.wiring.videoCodec, this.wiring.browser.codecs("video"));
    const sendEncodings = {
      camera: cameraEncodings(codec),
      microphone: [MICROPHONE_ENCODING],
      screen: [SCREEN_ENCODING],
      screen_audio: [SCREEN_AUDIO_ENCODING],
    }[source];
    const transceiver = this.peer.addTransceiver(kind, { direction: "sendonly", sendEncodings });
    this.preferCodecs(transceiver, kind, source === "camera" ? codec : undefined);
    this.sending.set(source, transceiver);
  }

  private addReceiver(kind: Kind): void {
    this.preferCodecs(this.peer.addTransceiver(kind, { direction: "recvonly" }), kind);
  }

  private preferCodecs(transceiver: RTCRtpTransceiver, kind: Kind, first?: VideoCodec): void {
    const codecs = preferredCodecs(kind, this.wiring.browser.codecs(kind), first);
    // Older browsers have no say in the order; the node then takes what it can.
    if (codecs.length > 0 && "setCodecPreferences" in transceiver) transceiver.setCodecPreferences(codecs);
  }

  private sendOffer(): void {
    const publish: PublishLine[] = [];
    for (const [source, { mid }] of this.sending) {
      if (mid !== null) publish.push({ mid, source, state: this.wiring.stateOf(source) });
    }
    const sdp = this.peer.localDescription?.sdp ?? "";
    this.wiring.sendOffer({ revision: this.revision, sdp, publish });
  }

  private readState(): void {
    this.stateCell.set(connectionState(this.peer.connectionState));
  }
}

function connectionState(state: RTCPeerConnectionState): ConnectionState {
  return state === "disconnected" ? "interrupted" : state;
}
