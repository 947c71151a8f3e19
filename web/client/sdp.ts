// The few changes we make to a session description (RFC 8866) before the browser reads it.

/**
 * The answer with a rate at which Chromium begins to send pictures. It would begin at 300 kbit/s
 * for all layers together and leave out every second picture until its estimate has grown, some
 * seconds later; feedback brings the rate down within a second where the line is narrow.
 */
export function withVideoStart(sdp: string, kilobitsPerSecond: number): string {
  const added = new Map([["x-google-start-bitrate", String(kilobitsPerSecond)]]);
  return withParameters(sdp, /^(vp8|vp9|h264|av1)\/90000/i, added);
}

/** Adds parameters to the format line of every payload type whose encoding fits. */
function withParameters(sdp: string, encoding: RegExp, added: ReadonlyMap<string, string>): string {
  const lines = sdp.split("\r\n");
  const payloadOf = (line: string) => {
    const [, payload, name = ""] = /^a=rtpmap:(\d+) (.*)$/.exec(line) ?? [];
    return encoding.test(name) ? payload : undefined;
  };
  const payloads = new Set(lines.map(payloadOf).filter((payload) => payload !== undefined));
  const seen = new Set<string>();
  const tuned = lines.map((line) => {
    const [, payload = "", parameters = ""] = /^a=fmtp:(\d+) (.*)$/.exec(line) ?? [];
    if (!payloads.has(payload)) return line;
    seen.add(payload);
    return `a=fmtp:${payload} ${mergedParameters(parameters, added)}`;
  });
  return tuned
    .flatMap((line) => {
      const payload = payloadOf(line);
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
