import { describe, expect, test } from "vitest";
import { cameraEncodings, cameraLayers, fittedEncodings, preferredCodecs, usableCodec } from "./encodings";
import { levelOf } from "./levels";
import { withVideoStart } from "./sdp";
import { figures, isWeak } from "./stats";

describe("layers", () => {
  const heights = (width: number, height: number) =>
    cameraLayers(width, height).filter(({ active }) => active).map(({ scaleResolutionDownBy }) => height / scaleResolutionDownBy);

  test.each([
    [1280, 720, [180, 360, 720]],
    [640, 360, [180, 360]],
    [640, 480, [240, 480]],
    [320, 180, [180]],
    [720, 1280, [320, 640, 1280]],
  ])("a picture of %i by %i is sent in heights %j", (width, height, expected) => {
    expect(heights(width, height)).toEqual(expected);
  });

  test("larger layers get more bits, and none gets too few to be seen", () => {
    const [q, h, f] = cameraLayers(1280, 720).map(({ maxBitrate }) => maxBitrate);
    expect(q).toBe(120_000);
    expect(h).toBeGreaterThan(400_000);
    expect(f).toBeGreaterThan(1_600_000);
  });

  test("VP8 goes first among pictures, and Opus alone is left of sounds, the redundant one first", () => {
    const codecs = (...names: string[]) => names.map((mimeType) => ({ mimeType, clockRate: 90_000 }));
    const names = (kind: "audio" | "video", ...given: string[]) =>
      preferredCodecs(kind, codecs(...given)).map(({ mimeType }) => mimeType);
    expect(names("video", "video/AV1", "video/VP8", "video/rtx")).toEqual(["video/VP8", "video/AV1", "video/rtx"]);
    const chosen = codecs("video/AV1", "video/VP8", "video/rtx", "video/H264");
    expect(preferredCodecs("video", chosen, "h264").map(({ mimeType }) => mimeType)).toEqual([
      "video/H264",
      "video/VP8",
      "video/AV1",
      "video/rtx",
    ]);
    expect(usableCodec("av1", chosen)).toBe("av1");
    expect(usableCodec("vp9", chosen)).toBe("vp8");
    expect(names("audio", "audio/opus", "audio/PCMU")).toEqual(["audio/opus"]);
    expect(names("audio", "audio/opus", "audio/red", "audio/PCMU")).toEqual(["audio/red", "audio/opus"]);
  });
});

describe("what is sent now", () => {
  const hd = { width: 1280, height: 720 };
  const small = { width: 640, height: 360 };
  const sent = (picture: typeof hd | null, wanted: string[] | null) => {
    const fitted = fittedEncodings(cameraEncodings("vp8"), { picture, wanted: wanted === null ? null : new Set(wanted) });
    return fitted.filter(({ active }) => active).map(({ rid }) => rid);
  };

  test.each([
    ["all while nobody has said", hd, null, ["q", "h", "f"]],
    ["what is wanted", hd, ["q", "f"], ["q", "f"]],
    ["nothing for nobody", hd, [], []],
    ["of what is wanted, what a small picture has", small, ["h", "f"], ["h"]],
    ["before the picture is known", null, ["h"], ["h"]],
  ] as const)("%s", (_, picture, wanted, expected) => {
    expect(sent(picture, wanted === null ? null : [...wanted])).toEqual(expected);
  });

  test("a layer that rests keeps its size for when it is wanted again", () => {
    const rests = fittedEncodings(cameraEncodings("h264"), { picture: small, wanted: new Set() });
    const again = fittedEncodings(rests, { picture: small, wanted: new Set(["q"]) });
    expect(again.find(({ rid }) => rid === "q")).toMatchObject({ active: true, scaleResolutionDownBy: 2 });
  });

  test("layers inside one stream rest only together", () => {
    const [scalable] = cameraEncodings("av1");
    expect(scalable).toMatchObject({ scalabilityMode: "L3T3_KEY" });
    const active = (wanted: string[]) =>
      fittedEncodings([scalable ?? {}], { picture: hd, wanted: new Set(wanted) }).map((encoding) => encoding.active);
    expect(active(["0"])).toEqual([true]);
    expect(active([])).toEqual([false]);
  });
});

describe("the rate at which pictures begin", () => {
  test("stands in the format line of every video codec, and not in that of a repair format", () => {
    const sdp = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 x=1\r\n";
    expect(withVideoStart(sdp, 800)).toBe(
      "a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=800\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
        "a=rtpmap:98 H264/90000\r\na=fmtp:98 x=1;x-google-start-bitrate=800\r\n",
    );
  });

  test("leaves sound alone", () => {
    const sdp = "a=rtpmap:111 opus/48000/2\r\n";
    expect(withVideoStart(sdp, 800)).toBe(sdp);
  });
});

describe("levels and figures", () => {
  test.each([
    [0, 0],
    [0.0005, 0],
    [0.03, 0.62],
    [0.5, 1],
  ])("an amplitude of %f is %f on the meter", (amplitude, level) => {
    expect(levelOf([amplitude, -amplitude])).toBeCloseTo(level, 1);
  });

  test("loss is counted between two readings", () => {
    const before = { atMs: 0, received: 100, lost: 10, bytesIn: 0, bytesOut: 0, datagramsIn: 0, roundTripMs: null, lossOut: 0 };
    const now = { ...before, atMs: 2_000, received: 190, lost: 20, bytesIn: 25_000, roundTripMs: 40 };
    const network = figures(before, now);
    expect(network).toEqual({ roundTripMs: 40, lossIn: 0.1, lossOut: 0, inBps: 100_000, outBps: 0 });
    expect(isWeak(network)).toBe(true);
    expect(isWeak(null)).toBe(false);
  });
});
