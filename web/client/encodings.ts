// Decides how a source is encoded: which simulcast layers, how large, how many bits.

/** Simulcast layers, smallest first, as every participant names them. */
export const RIDS = ["q", "h", "f"] as const;

/**
 * Below this height a third layer would be a thumbnail of a thumbnail, and Chromium refuses to
 * send three layers of so small a picture anyway: it drops the largest.
 */
const THREE_LAYERS_FROM_HEIGHT = 540;
const TWO_LAYERS_FROM_HEIGHT = 270;

/** Bits for one pixel and frame of camera video in VP8: 720p30 gets 1.7 Mbit/s. */
const BITS_PER_PIXEL = 0.061;
const LEAST_LAYER_BPS = 120_000;
const FRAMES_PER_SECOND = 30;

/** Where the sender's estimate begins: about what two layers of a 720p camera need. */
export const VIDEO_START_KBPS = 800;

/** What of a camera's encoding depends on the picture it captures. */
export interface Layer {
  rid: (typeof RIDS)[number];
  active: boolean;
  scaleResolutionDownBy: number;
  maxBitrate: number;
}

/** The camera's layers for a picture of this size. Always three, of which some may rest. */
export function cameraLayers(width: number, height: number): Layer[] {
  const short = Math.min(width, height);
  const count = short >= THREE_LAYERS_FROM_HEIGHT ? 3 : short >= TWO_LAYERS_FROM_HEIGHT ? 2 : 1;
  return RIDS.map((rid, i) => {
    const active = i < count;
    const scale = active ? 2 ** (count - 1 - i) : 1;
    const pixels = (width / scale) * (height / scale);
    const bits = Math.round(pixels * FRAMES_PER_SECOND * BITS_PER_PIXEL);
    return { rid, active, scaleResolutionDownBy: scale, maxBitrate: Math.max(LEAST_LAYER_BPS, bits) };
  });
}

/** What the camera's m-line is made with, before any picture is known. */
export function cameraEncodings(): RTCRtpEncodingParameters[] {
  return cameraLayers(1280, 720).map((layer) => ({ ...layer, maxFramerate: FRAMES_PER_SECOND }));
}

/** A shared screen: one layer, for text must stay sharp; few frames, for it seldom moves. */
export const SCREEN_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 2_500_000, maxFramerate: 15 };

/** Speech in Opus. */
export const MICROPHONE_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 40_000, priority: "high", networkPriority: "high" };

/** Sound of a shared tab: music and film deserve more. */
export const SCREEN_AUDIO_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 96_000 };

/**
 * Codecs in our order. Video: VP8 first, because every browser encodes it in simulcast; the rest
 * as the browser lists them, so that repair formats stay beside. Audio: Opus alone, the one that
 * the node forwards, and before it Opus with the packet before in each packet (RFC 2198), where
 * the browser has that: Chromium sends it only when it goes first.
 */
export function preferredCodecs(kind: "audio" | "video", codecs: RTCRtpCodec[]): RTCRtpCodec[] {
  const is = (mimeType: string) => (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === mimeType;
  if (kind === "audio") return [...codecs.filter(is("audio/red")), ...codecs.filter(is("audio/opus"))];
  const isVp8 = is("video/vp8");
  return [...codecs.filter(isVp8), ...codecs.filter((codec) => !isVp8(codec))];
}
