// A browser for tests: its clock moves when told, its sockets and peers say what they are told.

import type { Browser, Socket } from "../browser";
import type { ClientMessage, NodeMessage } from "../protocol/signal.gen";

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: ClientMessage[] = [];
  closed = false;

  constructor(readonly url: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }

  close(): void {
    this.closed = true;
  }

  /** The node says something. */
  says(seq: number, message: NodeMessage): void {
    this.onmessage?.({ data: JSON.stringify({ seq, ...message }) });
  }

  ofType<T extends ClientMessage["type"]>(type: T): Extract<ClientMessage, { type: T }>[] {
    return this.sent.filter((message): message is Extract<ClientMessage, { type: T }> => message.type === type);
  }
}

export class FakeTrack extends EventTarget {
  private static made = 0;
  readonly id = `track ${FakeTrack.made++}`;
  enabled = true;
  contentHint = "";
  stopped = false;
  /** Pictures that were decoded, of what arrives. */
  frames = 0;

  constructor(readonly kind: "audio" | "video") {
    super();
  }

  stop(): void {
    this.stopped = true;
  }

  getSettings(): MediaTrackSettings {
    return this.kind === "video" ? { width: 1280, height: 720 } : {};
  }
}

class FakeSender {
  track: unknown = null;

  constructor(private encodings: RTCRtpEncodingParameters[]) {}

  replaceTrack = async (track: unknown) => {
    this.track = track;
  };
  getParameters = () => ({ encodings: this.encodings.map((encoding) => ({ ...encoding })) });
  setParameters = async ({ encodings }: { encodings: RTCRtpEncodingParameters[] }) => {
    this.encodings = encodings;
  };
}

class FakeTransceiver {
  mid: string | null = null;
  /** Whether an answer has agreed to its m-line. */
  agreed = false;
  readonly sender: FakeSender;
  readonly receiver: { track: FakeTrack };

  constructor(
    readonly kind: "audio" | "video",
    public direction: string,
    encodings: RTCRtpEncodingParameters[],
  ) {
    this.sender = new FakeSender(encodings);
    this.receiver = { track: new FakeTrack(kind) };
  }

  setCodecPreferences(): void {
    return;
  }

  stop(): void {
    this.direction = "stopped";
  }
}

export class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: { sdp: string } | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  readonly answers: string[] = [];
  iceRestarts = 0;
  closed = false;
  /** Datagrams that have arrived. */
  datagramsIn = 0;

  addTransceiver(kind: "audio" | "video", { direction = "sendrecv", sendEncodings = [] }: RTCRtpTransceiverInit): FakeTransceiver {
    const transceiver = new FakeTransceiver(kind, direction, sendEncodings);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  async createOffer({ iceRestart }: { iceRestart: boolean }): Promise<{ sdp: string }> {
    if (iceRestart) this.iceRestarts += 1;
    const lines = this.transceivers.filter(({ direction }) => direction !== "stopped");
    return { sdp: `offer of ${lines.length} lines` };
  }

  async setLocalDescription(description: { type?: string; sdp: string }): Promise<void> {
    if (description.type === "rollback") return this.rollback();
    this.signalingState = "have-local-offer";
    this.localDescription = description;
    this.transceivers.forEach((transceiver, i) => {
      if (transceiver.direction !== "stopped") transceiver.mid = String(i);
    });
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (this.signalingState !== "have-local-offer") throw new Error("there is no offer to answer");
    this.signalingState = "stable";
    for (const transceiver of this.transceivers) transceiver.agreed = true;
    this.answers.push(sdp);
  }

  private rollback(): void {
    this.signalingState = "stable";
    for (const transceiver of this.transceivers) if (!transceiver.agreed) transceiver.mid = null;
  }

  async getStats(): Promise<Map<string, unknown>> {
    const pictures = this.transceivers.flatMap(({ kind, receiver: { track } }): [string, unknown][] => [
      [track.id, { type: "inbound-rtp", kind, trackIdentifier: track.id, framesDecoded: track.frames }],
    ]);
    return new Map<string, unknown>([["path", { type: "transport", packetsReceived: this.datagramsIn }], ...pictures]);
  }

  becomes(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    this.closed = true;
  }
}

interface Timer {
  atMs: number;
  act: () => void;
}

export class FakeBrowser implements Browser {
  readonly sockets: FakeSocket[] = [];
  readonly peers: FakePeer[] = [];
  private timeMs = 1_000_000;
  private timers: Timer[] = [];

  nowMs = () => this.timeMs;
  random = () => 0.5;
  codecs = () => [];

  after(ms: number, act: () => void): () => void {
    const timer = { atMs: this.timeMs + ms, act };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  socket(url: string): FakeSocket {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  }

  peer(): RTCPeerConnection {
    const peer = new FakePeer();
    this.peers.push(peer);
    return peer as unknown as RTCPeerConnection;
  }

  /** Lets time pass, timers run in order, and promises settle. */
  async pass(ms: number): Promise<void> {
    const endMs = this.timeMs + ms;
    for (;;) {
      await settle();
      const [next] = this.timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.timeMs = Math.max(this.timeMs, next.atMs);
      next.act();
    }
    this.timeMs = endMs;
    await settle();
  }

  get lastSocket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no WebSocket was opened");
    return socket;
  }

  get lastPeer(): FakePeer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error("no connection was made");
    return peer;
  }
}

/** Enough turns for every promise that waits on nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Cameras and microphones for tests; `refuse` makes them fail. */
export class FakeMediaDevices extends EventTarget {
  refuse: string | null = null;
  readonly given: FakeTrack[] = [];

  enumerateDevices = async () => [] as MediaDeviceInfo[];

  getUserMedia = async (wanted?: MediaStreamConstraints) => this.give(wanted?.video ? ["video"] : ["audio"]);

  getDisplayMedia = async () => this.give(["video", "audio"]);

  private async give(kinds: ("audio" | "video")[]): Promise<MediaStream> {
    if (this.refuse !== null) throw Object.assign(new Error("refused"), { name: this.refuse });
    const tracks = kinds.map((kind) => new FakeTrack(kind));
    this.given.push(...tracks);
    return { getTracks: () => tracks } as unknown as MediaStream;
  }
}
