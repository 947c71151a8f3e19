// Decides how a source is encoded: in which codec, which layers, how large, how many bits.

/** A codec for the camera. */
export type VideoCodec = "vp8" | "h264" | "vp9" | "av1";

/** Every one of them, in the order in which lists show them. */
export const VIDEO_CODECS: readonly VideoCodec[] = ["vp8", "h264", "vp9", "av1"];

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

/** Spatial layers in one stream, of which a larger one needs the smaller ones at its keyframes only. */
const SCALABILITY = "L3T3_KEY";

/** Whether a codec has its layers in one stream (SVC) and not in a stream for each (simulcast). */
function isScalable(codec: VideoCodec): boolean {
  return codec === "vp9" || codec === "av1";
}

/** What the camera's m-line is made with, before any picture is known. */
export function cameraEncodings(codec: VideoCodec): RTCRtpEncodingParameters[] {
  const layers = cameraLayers(1280, 720);
  if (!isScalable(codec)) return layers.map((layer) => ({ ...layer, maxFramerate: FRAMES_PER_SECOND }));
  const maxBitrate = layers.reduce((sum, layer) => sum + layer.maxBitrate, 0);
  const scalable: RTCRtpEncodingParameters & { scalabilityMode: string } = {
    maxBitrate,
    maxFramerate: FRAMES_PER_SECOND,
    scalabilityMode: SCALABILITY,
  };
  return [scalable];
}

/** What decides how a source is sent now. */
export interface Fit {
  /** The camera's picture; null for other sources, or while it is not known. */
  picture: { width: number; height: number } | null;
  /** The layers that anybody receives, as the node names them; null while it has not said. */
  wanted: ReadonlySet<string> | null;
}

/**
 * The encodings of a sender as they are to be now: a small picture has fewer layers, and what nobody
 * receives rests. Layers inside one stream rest only together.
 */
export function fittedEncodings(encodings: readonly RTCRtpEncodingParameters[], { picture, wanted }: Fit): RTCRtpEncodingParameters[] {
  const layers = picture === null ? [] : cameraLayers(picture.width, picture.height);
  return encodings.map((encoding) => {
    const { rid } = encoding;
    if (rid === undefined) return { ...encoding, active: wanted === null || wanted.size > 0 };
    const layer = layers.find((other) => other.rid === rid);
    const exists = layer?.active ?? true;
    return { ...encoding, ...layer, active: exists && (wanted?.has(rid) ?? true) };
  });
}

/** A shared screen: one layer, for text must stay sharp; few frames, for it seldom moves. */
export const SCREEN_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 2_500_000, maxFramerate: 15 };

/** Speech in Opus. */
export const MICROPHONE_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 40_000, priority: "high", networkPriority: "high" };

/** Sound of a shared tab: music and film deserve more. */
export const SCREEN_AUDIO_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 96_000 };

/**
 * Codecs in our order. Video: `first`, then VP8, because every browser encodes it in simulcast; the
 * rest as the browser lists them, so that repair formats stay beside. Audio: Opus alone, the one that
 * the node forwards, and before it Opus with the packet before in each packet (RFC 2198), where
 * the browser has that: Chromium sends it only when it goes first.
 */
export function preferredCodecs(kind: "audio" | "video", codecs: RTCRtpCodec[], first: VideoCodec = "vp8"): RTCRtpCodec[] {
  const is = (mimeType: string) => (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === mimeType;
  if (kind === "audio") return [...codecs.filter(is("audio/red")), ...codecs.filter(is("audio/opus"))];
  const places = [is(`video/${first}`), is("video/vp8"), () => true];
  const place = (codec: RTCRtpCodec) => places.findIndex((fits) => fits(codec));
  return [...codecs].sort((a, b) => place(a) - place(b));
}

/** The codec that somebody chose for the camera, or VP8 where the browser has it not. */
export function usableCodec(chosen: VideoCodec, codecs: RTCRtpCodec[]): VideoCodec {
  return codecs.some(({ mimeType }) => mimeType.toLowerCase() === `video/${chosen}`) ? chosen : "vp8";
}
