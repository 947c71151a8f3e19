// The few changes we make to a session description (RFC 8866) before the browser reads it.

/** What a browser is told about the Opus it should send (RFC 7587, section 6.1). */
export interface OpusWishes {
  /** Repairs a lost packet from the next one. */
  inbandFec: boolean;
  /** Sends next to nothing in silence. */
  dtx: boolean;
}

/** The answer with our wishes in every Opus format line: a sender obeys the receiver's line. */
export function withOpusWishes(sdp: string, wishes: OpusWishes): string {
  const lines = sdp.split("\r\n");
  const payloads = lines
    .map((line) => /^a=rtpmap:(\d+) opus\/48000/i.exec(line)?.[1])
    .filter((payload) => payload !== undefined);
  const added = new Map([
    ["useinbandfec", wishes.inbandFec ? "1" : "0"],
    ["usedtx", wishes.dtx ? "1" : "0"],
  ]);
  const seen = new Set<string>();
  const tuned = lines.map((line) => {
    const match = /^a=fmtp:(\d+) (.*)$/.exec(line);
    const [, payload = "", parameters = ""] = match ?? [];
    if (!payloads.includes(payload)) return line;
    seen.add(payload);
    return `a=fmtp:${payload} ${mergedParameters(parameters, added)}`;
  });
  return tuned
    .flatMap((line) => {
      const payload = /^a=rtpmap:(\d+) opus\/48000/i.exec(line)?.[1];
      if (payload === undefined || seen.has(payload)) return [line];
      return [line, `a=fmtp:${payload} ${mergedParameters("", added)}`];
    })
    .join("\r\n");
}

function mergedParameters(text: string, added: ReadonlyMap<string, string>): string {
  const pairs = text
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "" && !added.has(pair.split("=")[0] as string));
  return [...pairs, ...[...added].map(([name, value]) => `${name}=${value}`)].join(";");
}
