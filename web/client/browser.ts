// What the SDK needs from the browser, in one place, so that tests can be the browser.

/** The part of a WebSocket that the channel uses. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** Clock, chance and connections. */
export interface Browser {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** From 0 to 1. */
  random(): number;
  /** Runs `act` once after `ms`, unless the returned function is called first. */
  after(ms: number, act: () => void): () => void;
  socket(url: string): Socket;
  peer(configuration: RTCConfiguration): RTCPeerConnection;
  /** Codecs that this browser can receive, best first; empty where it does not say. */
  codecs(kind: "audio" | "video"): RTCRtpCodec[];
}

/** The browser that this code runs in. */
export function realBrowser(): Browser {
  return {
    nowMs: () => Date.now(),
    random: () => Math.random(),
    after: (ms, act) => {
      const timer = setTimeout(act, ms);
      return () => clearTimeout(timer);
    },
    socket: (url) => new WebSocket(url) as unknown as Socket,
    peer: (configuration) => new RTCPeerConnection(configuration),
    codecs: (kind) => RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [],
  };
}
